"""RR+RA on brain-inspired replay: each part against its equation, and the learner as a whole."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

torch = pytest.importorskip("torch", reason="torch is not installed: these learners train with it")

from cil_nodes.learners import create, describe, load  # noqa: E402
from cil_nodes.learners.checks import blobs  # noqa: E402
from cil_nodes.learners.ledger import Ledger  # noqa: E402
from cil_nodes.learners.repulsion_replay import (  # noqa: E402
    RepulsionReplay,
    answering,
    calibrating,
    losses,
    network,
    training,
)
from cil_nodes.learners.repulsion_replay.model import Scaling  # noqa: E402
from cil_nodes.learners.repulsion_replay.network import Shape  # noqa: E402
from cil_nodes.learners.repulsion_replay.synapses import Synapses  # noqa: E402

SMALL = {"hidden": 16, "latent": 4, "iterations": 40, "batch": 16}
seeds = st.integers(0, 2**16)


def rows(seed: int, *shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape)).float()


def some_weights(classes: int = 3, feedback: bool = True, conditional: bool = True):
    generator = torch.Generator().manual_seed(3)
    shape = Shape(6, 8, 4, feedback, conditional)
    return network.grown(network.initial(shape, generator), classes, generator)


# ---- section 3.2: who competes ---------------------------------------------------------------


def test_figure_2_of_the_paper_the_class_above_a_third_of_the_label_competes():
    p = torch.tensor([[0.05, 0.3, 0.6, 0.05]])
    assert losses.competitors(p, 3.0).tolist() == [[False, True, False, False]]


@given(seeds, st.floats(1, 200), st.floats(1, 200))
def test_a_larger_factor_never_takes_a_competitor_away(seed, one, two):
    p = torch.softmax(3 * rows(seed, 5, 7), dim=1)
    few, many = (losses.competitors(p, f) for f in sorted((one, two)))
    assert not (few & ~many).any()
    assert not many[torch.arange(5), p.argmax(1)].any()
    assert not losses.competitors(p, 1.0).any()


def test_without_a_factor_every_other_class_competes():
    rivals = losses.competitors(torch.softmax(rows(0, 4, 5), dim=1), 0.0)
    assert rivals.sum(1).tolist() == [4, 4, 4, 4]


# ---- Eq. 4 and 5 -----------------------------------------------------------------------------


@given(seeds)
def test_distances_to_class_means_are_mean_squared_errors(seed):
    x, means = rows(seed, 4, 6), rows(seed + 1, 3, 6)
    expected = [[float(((a - b) ** 2).mean()) for b in means] for a in x]
    assert np.allclose(losses.distances(x, means), expected, atol=1e-5)


def test_repulsion_is_the_mean_of_reciprocal_errors_over_competitors():
    x = torch.zeros(3, 2)
    means = torch.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 1.0]])
    rivals = torch.tensor([[True, True, False], [False, False, True], [False, False, False]])
    pushed = losses.repulsion(x, means, rivals, "reciprocal")
    assert np.allclose(pushed, [(1 / 1 + 1 / 4) / 2, 1 / 5, 0.0])
    pushed = losses.repulsion(x, means, rivals, "negative")
    assert np.allclose(pushed, [-(1 + 4) / 2, -losses.CLIP, 0.0])


@settings(max_examples=25)
@given(seeds, st.sampled_from(["reciprocal", "negative"]))
def test_a_step_along_repulsion_leads_away_and_along_attraction_closer(seed, form):
    x, means = rows(seed, 2, 5).requires_grad_(), rows(seed + 1, 3, 5)
    rivals = torch.tensor([[False, True, False], [True, False, False]])
    before = losses.distances(x, means)
    (slope,) = torch.autograd.grad(losses.repulsion(x, means, rivals, form).sum(), x)
    after = losses.distances(x - 1e-3 * slope, means)
    clipped = before > losses.CLIP if form == "negative" else torch.zeros_like(rivals)
    assert (after > before)[rivals & ~clipped].all()
    labels = torch.tensor([1, 2])
    (slope,) = torch.autograd.grad(losses.attraction(x, means, labels).sum(), x)
    after = losses.distances(x - 1e-3 * slope, means)
    assert (after < before)[torch.arange(2), labels].all()


def weighed(confidence: bool, factor: float = 20.0, **weights: float) -> float:
    form = "reciprocal"
    learner = RepulsionReplay(repulsion=form, factor=factor, confidence=confidence, **weights)
    net = training.Network({}, None, torch.eye(3), None, None, None)
    p = torch.tensor([[0.5, 0.4, 0.1]])
    replayed = training.Replayed(torch.zeros(1, 3), p, p)
    again = torch.tensor([[0.0, 0.0, 2.0]])
    rule = learner._rule((10, 3))
    return float(training._repulsion_and_attraction(net, again, replayed, rule))


def test_weights_stand_before_repulsion_and_attraction_and_confidence_weighs_repulsion():
    # Errors of (0, 0, 2) to the unit vectors: 5/3, 5/3, 1/3; the label is 0, rivals 1 and 2.
    repulsion, attraction = (3 / 5 + 3) / 2, 5 / 3
    assert weighed(False, repulsion_weight=2.0, attraction_weight=0.0) == pytest.approx(
        2 * repulsion
    )
    assert weighed(True, repulsion_weight=2.0, attraction_weight=0.0) == pytest.approx(repulsion)
    assert weighed(False, repulsion_weight=0.0, attraction_weight=3.0) == pytest.approx(
        3 * attraction
    )
    assert weighed(False, 1.0, repulsion_weight=2.0, attraction_weight=0.0) == 0.0


# ---- Eq. 1 to 3, conditional replay, distillation --------------------------------------------


def test_the_prior_of_a_class_is_its_own_gaussian_and_of_a_mixture_their_mixture():
    w = some_weights()
    z = rows(5, 4, 4)
    each = np.stack(
        [
            multivariate_normal(mean.numpy(), np.diag(np.exp(logvar.numpy()))).logpdf(z)
            for mean, logvar in zip(w["modes.mean"], w["modes.logvar"], strict=True)
        ],
        axis=1,
    )
    hard = torch.eye(3)[torch.tensor([0, 1, 2, 1])]
    assert np.allclose(losses.log_prior(w, z, hard), each[range(4), [0, 1, 2, 1]], atol=1e-4)
    shares = torch.softmax(rows(6, 4, 3), dim=1)
    mixture = np.log((np.exp(each) * shares.numpy()).sum(1))
    assert np.allclose(losses.log_prior(w, z, shares), mixture, atol=1e-4)


def test_without_modes_the_prior_is_standard_and_regularisation_its_divergence():
    w = some_weights(conditional=False)
    mean, logvar = torch.tensor([[0.5, -1.0, 0.0, 2.0]]), torch.tensor([[-1.0, 0.3, 0.0, -0.5]])
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(200_000, 4, generator=generator)
    z = mean + torch.exp(logvar / 2) * noise
    drawn = losses.regularisation(w, z, logvar.expand(len(z), 4), torch.ones(len(z), 3) / 3)
    exact = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum()
    assert float(drawn.mean()) == pytest.approx(float(exact), rel=0.02)


def test_distillation_is_cross_entropy_at_temperature_times_its_square():
    scores = torch.tensor([[2.0, 0.0, -2.0]])
    shares = torch.tensor([[0.75, 0.25]])  # The third class is new: it has no share.
    logs = torch.log_softmax(scores / 2, dim=1)[0]
    expected = -4 * (0.75 * logs[0] + 0.25 * logs[1])
    assert float(losses.distillation(scores, shares, 2.0)) == pytest.approx(float(expected))


# ---- gating ----------------------------------------------------------------------------------


@given(st.integers(1, 5), st.integers(4, 60), st.floats(0, 0.95), seeds)
def test_a_fixed_share_of_units_is_off_in_each_layer_for_each_class(classes, hidden, share, seed):
    gates = network.drawn_gates(classes, hidden, share, np.random.default_rng(seed))
    assert gates.shape == (classes, 2, hidden)
    assert ((gates == 0).sum(axis=2) == int(share * hidden)).all()


def test_gates_and_prior_of_a_replayed_sample_mix_by_its_shares():
    gates = torch.from_numpy(network.drawn_gates(3, 10, 0.5, np.random.default_rng(0))).float()
    shares = torch.tensor([[0.25, 0.75, 0.0], [0.0, 0.0, 1.0]])
    mixed = network.mixed(gates, shares)
    assert np.allclose(mixed[0], 0.25 * gates[0] + 0.75 * gates[1])
    assert torch.equal(mixed[1], gates[2])


# ---- synaptic intelligence -------------------------------------------------------------------


def test_importance_is_the_loss_that_a_weight_saved_over_its_squared_change():
    weight = torch.tensor([1.0, 2.0], requires_grad=True)
    synapses = Synapses({"head.b": weight}, {}, {}, strength=1.0, damping=0.1)
    for _ in range(2):
        weight.grad = torch.tensor([3.0, 0.0])
        synapses.before_step()
        with torch.no_grad():
            weight -= torch.tensor([0.5, 0.0])
        synapses.after_step()
    importance, anchor = synapses.consolidated()
    assert np.allclose(importance["head.b"], [2 * 3 * 0.5 / (1.0**2 + 0.1), 0.0])
    assert anchor["head.b"].tolist() == [0.0, 2.0]


def test_the_penalty_pulls_back_to_the_anchor_by_importance_and_the_decoder_is_free():
    weights = {name: torch.tensor([1.0, 1.0], requires_grad=True) for name in ("e1.b", "d1.b")}
    importance = {"e1.b": torch.tensor([2.0, 0.0])}
    anchor = {"e1.b": torch.tensor([0.25, 0.0])}
    synapses = Synapses(weights, importance, anchor, strength=10.0, damping=0.1)
    for weight in weights.values():
        weight.grad = torch.zeros(2)
    synapses.before_step()
    assert weights["e1.b"].grad.tolist() == [2 * 10 * 2 * 0.75, 0.0]
    assert weights["d1.b"].grad.tolist() == [0.0, 0.0]


# ---- replay ----------------------------------------------------------------------------------


def replayed(**parameters):
    learner = RepulsionReplay(**{**SMALL, **parameters}).fit(*blobs(("mug", "cup", "key")))
    model = learner.state_.model
    weights = {name: torch.from_numpy(w) for name, w in model.weights.items()}
    net = training.Network(
        weights,
        torch.from_numpy(model.gates).float(),
        torch.from_numpy(model.means),
        None,
        None,
        torch.Generator().manual_seed(0),
    )
    return training.replay(training.Old(weights, 3), net, learner._rule((36, 24))), weights


def test_a_replayed_sample_is_told_what_the_old_model_says_of_it_at_temperature_two():
    batch, w = replayed()
    scores = network.logits(w, batch.x, network.encoded(w, batch.x))
    assert torch.allclose(batch.shares, torch.softmax(scores / 2, dim=1))
    assert torch.allclose(batch.probabilities, torch.softmax(scores, dim=1))


def test_without_distillation_it_is_told_one_class():
    batch, _ = replayed(distillation=False)
    assert set(batch.shares.unique().tolist()) == {0.0, 1.0}
    assert (batch.shares.sum(1) == 1).all()
    unconditional, _ = replayed(distillation=False, conditional=False)
    best = unconditional.probabilities.argmax(1)
    assert torch.equal(unconditional.shares.argmax(1), best)


def test_new_samples_are_drawn_from_every_class_alike_and_only_from_the_rows_given():
    x, positions = torch.arange(100.0)[:, None], torch.tensor([4] * 90 + [1] * 10)
    samples = training.Samples(x, positions)
    generator = torch.Generator().manual_seed(0)
    rows = torch.arange(5, 100)
    drawn, own = next(training._drawn(samples, rows, 6, 4000, generator))
    assert 0.45 < float((own == 1).float().mean()) < 0.55
    assert torch.equal(positions[drawn[:, 0].long()], own)
    assert float(drawn.min()) == 5.0


@given(seeds, st.integers(1, 4))
def test_class_means_run_over_phases(seed, parts):
    rng = np.random.default_rng(seed)
    x, positions = rng.normal(size=(40, 3)), np.append([0, 1, 2], rng.integers(0, 3, 37))
    whole = np.stack([x[positions == c].mean(axis=0) for c in range(3)])
    means, counts = np.zeros((3, 3), np.float32), np.zeros(3, int)
    for part in np.array_split(np.arange(3, 40), parts):
        part = np.append([0, 1, 2], part) if counts[0] == 0 else part
        means = training.class_means(means, counts, x[part], positions[part])
        counts += np.bincount(positions[part], minlength=3)
    assert np.allclose(means, whole, atol=1e-5)


# ---- the parts of brain-inspired replay, and what is kept ------------------------------------


@pytest.mark.parametrize("feedback", [True, False])
@pytest.mark.parametrize("conditional", [True, False])
def test_numpy_answers_what_torch_computes(feedback, conditional):
    learner = RepulsionReplay(**SMALL, feedback=feedback, conditional=conditional)
    learner.fit(*blobs(("mug", "cup", "key")))
    model = learner.state_.model
    assert ("c1.w" in model.weights) is not feedback
    assert ("modes.mean" in model.weights) is conditional
    w = {name: torch.from_numpy(v) for name, v in model.weights.items()}
    x = model.scaling(blobs(("mug", "lamp"), seed=9)[0])
    t = torch.from_numpy(x).float()
    h = network.encoded(w, t)
    assert np.allclose(answering.logits(model, x), network.logits(w, t, h), atol=1e-4)
    z = answering.posterior_mean(model, answering.encoded(model, x))
    gates = np.repeat(model.gates[:1], len(x), axis=0)
    told = network.decoded(w, torch.from_numpy(z).float(), torch.from_numpy(gates).float())
    assert np.allclose(answering.decoded(model, z, gates), told, atol=1e-4)
    shares = torch.eye(3)[[1] * len(x)]
    prior = losses.log_prior(w, torch.from_numpy(z).float(), shares)
    assert np.allclose(answering.log_prior(model, z)[:, 1], prior, atol=1e-3)


def test_the_generator_classifies_too():
    learner = RepulsionReplay(iterations=200)
    for labels in (("mug", "cup"), ("key", "lamp")):
        learner.partial_fit(*blobs(labels))
    X, y = blobs(("mug", "cup", "key", "lamp"), seed=5)
    softmax = learner.predict_proba(X)
    learner.set_params(answers="generator")
    assert np.mean(learner.predict(X) == y) > 0.9
    assert not np.allclose(learner.predict_proba(X), softmax)


def test_replay_is_what_keeps_old_classes():
    def recall(**parameters):
        learner = RepulsionReplay(iterations=150, **parameters)
        for labels in (("mug", "cup"), ("key", "lamp"), ("drum", "banana")):
            learner.partial_fit(*blobs(labels))
        X, y = blobs(("mug", "cup"), seed=5)
        return np.mean(learner.predict(X) == y)

    def none(old, net, rule):
        batch = real(old, net, rule)
        blank = torch.full_like(batch.shares, 1 / old.classes)
        return replace(batch, x=torch.zeros_like(batch.x), shares=blank)

    real = training.replay
    assert recall() > 0.9
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "replay", none)
        assert recall() < 0.6


def test_optimiser_and_importance_go_on_over_phases_and_through_a_file(tmp_path):
    learner = RepulsionReplay(**SMALL, si_strength=100.0)
    learner.partial_fit(*blobs(("mug", "cup")))
    first = learner.state_.model.training
    again = load(learner.save(tmp_path / "one"))
    for each in (learner, again):
        each.partial_fit(*blobs(("key",)))
    after = learner.state_.model.training
    assert (first.steps, after.steps) == (40, 80)
    assert np.abs(after.second["d1.b"]).max() > 0
    # Adam forgets its second moment by 0.999 a step at most: 40 steps leave 96 %.
    assert (after.second["d1.b"] >= 0.95 * first.second["d1.b"]).all()
    kept = after.importance["e1.w"] - first.importance["e1.w"]
    assert (kept >= 0).all()
    assert kept.max() > 0
    for name, w in learner.state_.model.weights.items():
        assert np.array_equal(w, again.state_.model.weights[name]), name


def test_strong_synaptic_intelligence_holds_the_encoder():
    moved = []
    for strength in (0.0, 1e6):
        learner = RepulsionReplay(**SMALL, si_strength=strength)
        learner.partial_fit(*blobs(("mug", "cup")))
        before = learner.state_.model.weights["e2.w"]
        learner.partial_fit(*blobs(("key", "lamp")))
        moved.append(np.abs(learner.state_.model.weights["e2.w"] - before).mean())
    assert moved[1] < 0.8 * moved[0]


# ---- calibration -----------------------------------------------------------------------------


def test_a_fifth_of_each_class_with_five_samples_is_held_back():
    positions = np.array([0] * 10 + [1] * 4 + [2] * 5)
    held = calibrating.held_back(positions, np.random.default_rng(0))
    assert np.bincount(positions[held], minlength=3).tolist() == [2, 0, 1]


def test_what_was_never_taught_scores_higher_and_known_samples_pass():
    learner = RepulsionReplay()
    for start in range(0, 6, 2):
        labels = ("mug", "cup", "banana", "drum", "key", "lamp")[start : start + 2]
        learner.partial_fit(*blobs(labels, n=40, seed=start))
    assert learner.unknown_calibrated_
    known = learner.unknown_score(blobs(("mug", "cup", "key"), n=40, seed=50)[0])
    strange = learner.unknown_score(blobs(("never", "seen", "before"), n=40, seed=51)[0])
    assert np.mean(known > 0.5) < 0.25
    assert np.mean(strange > 0.5) > 0.5
    assert np.mean(strange[:, None] > known[None, :]) > 0.9


def test_novelty_of_old_classes_moves_by_what_the_network_moved():
    learner = RepulsionReplay(**SMALL).fit(*blobs(("mug", "cup", "key")))
    model = learner.state_.model
    rng = np.random.default_rng(0)
    assert np.array_equal(calibrating.moved(model, model, rng), np.zeros(3))
    worse = replace(model, weights={**model.weights, "d3.b": model.weights["d3.b"] + 3.0})
    assert (calibrating.moved(model, worse, rng) > 0.5).all()


# ---- the learner -----------------------------------------------------------------------------


def test_imbalanced_and_repeated_phases():
    learner = RepulsionReplay()
    X, y = blobs(("mug", "cup"), n=40)
    few = np.r_[0:40, 40:43]
    learner.partial_fit(X[few], y[few])
    learner.partial_fit(*blobs(("cup", "key"), n=6, seed=1))
    learner.partial_fit(*blobs(("mug",), n=1, seed=2))
    X, y = blobs(("mug", "cup", "key"), seed=9)
    assert np.mean(learner.predict(X) == y) > 0.9


def test_features_like_the_extractors_are_learned():
    rng = np.random.default_rng(0)
    centres = np.maximum(rng.normal(-0.5, 1, size=(4, 1280)), 0)
    X = np.maximum(centres.repeat(10, 0) + rng.normal(0, 0.3, size=(40, 1280)), 0)
    y = np.repeat(list("abcd"), 10)
    learner = RepulsionReplay(iterations=80)
    learner.partial_fit(X[:20:2], y[:20:2]).partial_fit(X[20::2], y[20::2])
    assert np.mean(learner.predict(X[1::2]) == y[1::2]) > 0.9


def test_another_methods_file_is_refused(tmp_path):
    other = create("nearest_class_mean").fit(*blobs(("mug", "cup")))
    path = other.save(tmp_path / "other")
    from cil_nodes.learners import TornFileError, persistence

    header, tensors = persistence.read(path)
    with pytest.raises((TornFileError, ValueError), match=r"other|nearest_class_mean"):
        RepulsionReplay.from_file(path, header, tensors)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"repulsion": "strong"}, "repulsion must be one of"),
        ({"answers": "both"}, "answers must be one of"),
        ({"hidden": 0}, "hidden must be"),
        ({"iterations": "many"}, "iterations must be"),
        ({"factor": 0.5}, "factor must be 1 or larger"),
        ({"gated": 1.0}, "gated must lie in"),
        ({"device": "gpu"}, "device must be one of"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(parameters, said):
    with pytest.raises(ValueError, match=said):
        RepulsionReplay(**parameters).fit(*blobs(("mug", "cup")))


def test_every_parameter_has_a_description_and_the_papers_numbers_are_one_call():
    infos = {info.name: info for info in describe("repulsion_replay")}
    assert all(info.description for info in infos.values())
    assert infos["repulsion"].choices == ("reciprocal", "negative", "none")
    assert (infos["gated"].low, infos["gated"].high) == (0.0, 0.95)
    paper = RepulsionReplay.paper(iterations=10)
    assert (paper.hidden, paper.latent, paper.batch) == (2000, 100, 512)
    assert (paper.si_strength, paper.rate, paper.iterations) == (1e8, 1e-4, 10)


def test_a_single_class_phase_is_not_centred_on_that_class():
    X = np.ones((3, 4))
    assert Scaling.of(X, 1)(X).tolist() == X.tolist()
    assert np.allclose(Scaling.of(X * [[1], [2], [3]], 2).centre, 2.0)
    assert Scaling.of(np.zeros((2, 4)), 1).scale == 1.0
    assert math.isclose(Scaling.of(5 * X, 1).scale, 5.0)


def test_draws_differ_between_seeds_and_lessons():
    X, y = blobs(("mug", "cup"))
    one, two = (RepulsionReplay(**SMALL, random_state=seed).fit(X, y) for seed in (0, 1))
    assert not np.allclose(one.predict_proba(X), two.predict_proba(X))
    ledger = Ledger.empty(0, y).with_phase(y)[0]
    assert ledger.lessons == 1
