"""ClaRe: its mathematics beside slow and literal formulas, what it remembers, files, parameters."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit
from scipy.stats import norm

from cil_nodes.learners import PhaseStopped, TornFileError, load, registry
from cil_nodes.learners.checks import blobs
from cil_nodes.learners.clare import Clare
from cil_nodes.learners.clare.energy import (
    gaussian_divergence,
    reconstruction_error,
    standard_divergence,
)
from cil_nodes.learners.clare.inputs import prepared
from cil_nodes.learners.clare.judging import KEPT, Held, best_temperature, novelty_of_others
from cil_nodes.learners.clare.model import banks_of, parts_of
from cil_nodes.learners.clare.network import Network, Shape
from cil_nodes.learners.clare.replay import draw_old, phase_weights
from cil_nodes.learners.phase import Phase

needs_torch = pytest.mark.usefixtures("torch")

LABELS = ("mug", "cup", "banana", "drum", "key", "lamp")
SHARED = partial(Clare, generator="shared", hidden=24, latent_size=6, iterations=60)
numbers = partial(st.floats, allow_nan=False, width=32)


@pytest.fixture(scope="session")
def torch():
    return pytest.importorskip("torch", reason="clare learns with torch, which is not installed")


def network(classes=3, seed=0, **changes):
    """A network with weights at random."""
    shape = Shape(**{**vars(Shape(12, 8, 4, classes, True, "features", 0, False)), **changes})
    rng = np.random.default_rng(seed)
    weights = {}
    for name, (inputs, outputs) in shape.layers().items():
        weights[f"{name}.w"] = rng.normal(size=(inputs, outputs)) / np.sqrt(inputs)
        weights[f"{name}.b"] = rng.normal(size=(1, outputs))
    weights["dec1.c"] = rng.normal(size=(classes, shape.hidden))
    weights["noise"] = np.full((1, 1), -0.7)
    if shape.modes:
        size = (classes, shape.modes, shape.latent)
        weights["prior.mean"] = rng.normal(size=size)
        weights["prior.logvar"] = rng.normal(size=size)
    return Network(shape, {name: w.astype(np.float32) for name, w in weights.items()})


# ---- Eq. 2 ---------------------------------------------------------------------------------------


@given(
    arrays(float, 3, elements=numbers(-3, 3)),
    arrays(float, 3, elements=numbers(-3, 3)),
    arrays(float, 3, elements=numbers(-2, 2)),
    arrays(float, 3, elements=numbers(-2, 2)),
)
@settings(max_examples=20)
def test_the_divergence_is_the_integral_that_it_stands_for(mean, centre, spread, width):
    z = np.linspace(-40, 40, 20_001)[:, None]
    q, p = norm(mean, np.exp(spread / 2)), norm(centre, np.exp(width / 2))
    integral = np.trapezoid if hasattr(np, "trapezoid") else np.trapz
    literal = integral(q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), z[:, 0], axis=0).sum()
    assert gaussian_divergence(mean, spread, centre, width) == pytest.approx(literal, abs=1e-3)


@given(
    arrays(float, (4, 5), elements=numbers(-4, 4)), arrays(float, (4, 5), elements=numbers(-3, 3))
)
@settings(max_examples=20)
def test_the_standard_prior_is_the_general_one_with_nothing_in_it(mean, spread):
    general = gaussian_divergence(mean, spread, np.zeros(5), np.zeros(5))
    assert np.allclose(standard_divergence(mean, spread), general)
    assert (general >= -1e-9).all()


@given(
    arrays(float, (3, 6), elements=numbers(0, 1)), arrays(float, (3, 6), elements=numbers(-9, 9))
)
@settings(max_examples=20)
def test_the_error_of_pixels_is_their_cross_entropy(X, logits):
    p = expit(logits)
    literal = -(X * np.log(p) + (1 - X) * np.log1p(-p)).sum(axis=1)
    assert np.allclose(reconstruction_error(X, logits, True), literal)
    squares = ((X - logits) ** 2).sum(axis=1)
    assert np.allclose(reconstruction_error(X, logits, False), squares)


@pytest.mark.parametrize("changes", [{}, {"modes": 1}, {"bernoulli": True}, {"heads": False}])
@needs_torch
def test_training_and_answering_mean_the_same_by_equation_2(changes):
    import torch

    from cil_nodes.learners.clare import forward, loss

    net = network(**changes)
    X = np.random.default_rng(1).random((5, 12)).astype(np.float32)
    weights = {name: torch.from_numpy(w) for name, w in net.weights.items()}
    parts = parts_of(banks_of((net,)), X)
    rows = torch.from_numpy(X)
    latent = forward.encode(weights, rows)
    for c in range(3):
        positions = torch.full((5,), c)
        kl = loss.divergence(weights, net.shape, latent, latent.mean, positions)
        assert np.allclose(kl, parts.divergence[:, c], rtol=1e-4, atol=1e-4)
        decoded = forward.decode(weights, latent.mean, weights["dec1.c"][positions])
        nll = loss.negative_log_likelihood(rows, decoded, weights["noise"], net.shape.bernoulli)
        error = parts.error[:, c]
        if not net.shape.bernoulli:
            error = error / (2 * np.exp(-1.4)) - 0.7 * 12
        assert np.allclose(nll, error, rtol=1e-4, atol=1e-4)
    seen = latent.features if net.shape.seen == "features" else latent.mean
    assert np.allclose(forward.classify(weights, seen), net.logits(X), atol=1e-5)


@needs_torch
def test_a_soft_target_and_a_rows_weight_enter_as_written():
    import torch

    from cil_nodes.learners.clare import loss

    logits = torch.tensor([[1.0, 2.0, 0.5], [0.0, 0.0, 3.0]])
    targets = torch.tensor([[0.2, 0.8, 0.0], [0.0, 0.0, 1.0]])
    p = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(axis=1, keepdims=True)
    literal = -(targets.numpy() * np.log(p)).sum(axis=1)
    assert np.allclose(loss.cross_entropy(logits, targets), literal, atol=1e-6)


def test_networks_asked_together_answer_as_each_alone():
    nets = (network(1, 0), network(3, 1), network(2, 2, hidden=6), network(3, 3), network(1, 4))
    X = np.random.default_rng(1).normal(size=(7, 12))
    together = parts_of(banks_of(nets), X)
    alone = [parts_of(banks_of((net,)), X) for net in nets]
    assert np.allclose(together.error, np.hstack([one.error for one in alone]))
    assert np.allclose(together.divergence, np.hstack([one.divergence for one in alone]))


# ---- drawing -------------------------------------------------------------------------------------


def test_draws_of_a_class_come_from_its_own_prior():
    net = network(modes=1)
    z = net.draw_latent(1, 20_000, np.random.default_rng(0))
    deviation = np.exp(net.weights["prior.logvar"][1, 0] / 2)
    assert np.allclose(z.mean(axis=0), net.weights["prior.mean"][1, 0], atol=0.05)
    assert np.allclose(z.std(axis=0), deviation, rtol=0.05)


def test_as_many_of_each_old_class_are_drawn_and_targets_leave_room_for_new_ones():
    drawn = draw_old(network(), 20, 5, np.random.default_rng(0), Phase())
    assert np.bincount(drawn.positions).tolist() == [20, 20, 20]
    assert np.array_equal(drawn.targets, np.eye(5)[drawn.positions])
    soft = draw_old(network(), 20, 5, np.random.default_rng(0), Phase(), temperature=2.0)
    assert np.allclose(soft.targets.sum(axis=1), 1)
    assert (soft.targets[:, 3:] == 0).all()
    assert (soft.targets[:, :3] > 0).all()


def test_contradictions_are_dropped_and_no_class_loses_everything():
    net = network(seed=2)
    kept = draw_old(net, 50, 3, np.random.default_rng(0), Phase(), filtered=True)
    assert 0 < kept.dropped < 100
    told = net.logits(kept.X).argmax(axis=1)
    for position in range(3):
        own = kept.positions == position
        assert own.any()
        assert (told[own] == position).all() or own.sum() == 50
    assert kept.dropped == 150 - len(kept.X)


@given(st.integers(1, 500), st.integers(1, 500), st.integers(2, 20))
def test_phases_weigh_the_same_however_many_rows_they_have(new, drawn, lesson):
    one, other = phase_weights(new, drawn, lesson)
    total = new * one + drawn * other
    assert total == pytest.approx(new + drawn)
    assert new * one / total == pytest.approx(1 / lesson)


# ---- scales and memory ---------------------------------------------------------------------------


@given(arrays(float, (3, 8), elements=numbers(0, 100)), st.floats(0.01, 1000))
@settings(max_examples=20)
def test_brightness_changes_no_feature(X, factor):
    assert np.allclose(prepared(X, "gaussian"), prepared(X * factor, "gaussian"), atol=1e-4)
    lengths = np.linalg.norm(prepared(X, "gaussian"), axis=1)
    assert np.allclose(lengths[X.any(axis=1)], np.sqrt(8), atol=1e-4)


@given(st.lists(st.integers(0, 150), min_size=1, max_size=6))
def test_what_is_remembered_of_held_back_samples_is_bounded(sizes):
    held = Held.nothing()
    for size in sizes:
        held = held.joined(Held(np.arange(size) * 1.0, np.ones(size)))
    assert len(held.errors) == len(held.divergences) <= KEPT
    assert len(held.errors) == min(sum(sizes), KEPT) or max(sizes) >= KEPT or sum(sizes) > KEPT


def test_novelty_under_the_others_leaves_out_the_own_class():
    novelty = np.array([[0.0, 5.0, 3.0], [9.0, 1.0, 2.0]])
    assert novelty_of_others(novelty, np.array([0, 1])).tolist() == [3.0, 2.0]


def test_a_temperature_makes_overconfident_energies_honest():
    rng = np.random.default_rng(0)
    energies = 200.0 * rng.normal(size=(400, 4))
    shares = np.exp(-energies / 200.0)
    shares /= shares.sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(4, p=row) for row in shares])
    assert 100 < best_temperature(energies, truth) < 400


# ---- phases --------------------------------------------------------------------------------------


@needs_torch
def test_what_a_phase_does_not_bring_stays_as_it_was_to_the_bit():
    learner = Clare().partial_fit(*blobs(LABELS[:2]))
    before = learner.state_.model.networks
    learner.partial_fit(*blobs(LABELS[2:4]))
    after = learner.state_.model.networks
    for old, new in zip(before, after, strict=False):
        assert all(np.array_equal(old.weights[n], new.weights[n]) for n in old.weights)


@needs_torch
def test_more_samples_change_their_class_and_keep_what_it_was():
    rng = np.random.default_rng(0)
    centres = 3 * np.abs(rng.normal(size=(2, 1, 24)))
    looks = [np.abs(look + 0.2 * rng.normal(size=(40, 24))) for look in centres]
    learner = Clare(iterations=150).partial_fit(looks[0], ["mug"] * 40)

    def errors():
        shown = [prepared(look, "gaussian") for look in looks]
        return [learner.state_.model.parts(X).error.mean() for X in shown]

    strange = errors()[1]
    learner.partial_fit(looks[1], ["mug"] * 40)
    assert max(errors()) < 0.3 * strange


@needs_torch
def test_one_network_for_all_recalls_old_classes_by_drawing_them():
    form = partial(SHARED, answer_by="classifier", latent="heads", iterations=200)
    X, y = blobs(LABELS[:4], n=60)
    old = np.isin(y, LABELS[:2])
    recall = {}
    for drawn in (0.0, 1.0):
        learner = form(drawn=drawn).partial_fit(X[old], y[old]).partial_fit(X[~old], y[~old])
        assert np.mean(learner.predict(X[~old]) == y[~old]) > 0.8
        recall[drawn] = np.mean(learner.predict(X[old]) == y[old])
    assert recall[1.0] > 0.8 > recall[0.0]


@needs_torch
def test_the_frozen_network_draws_and_a_note_says_how_much():
    learner = SHARED(answer_by="classifier").partial_fit(*blobs(LABELS[:2], n=10))
    report = learner.learn_phase(*blobs(LABELS[2:4], n=15))
    assert report.notes["drawn"] == 30
    assert report.losses[-1] < report.losses[0]


@needs_torch
def test_the_order_of_other_classes_changes_no_class_taught_first():
    one = Clare().partial_fit(*blobs(LABELS[:1])).partial_fit(*blobs(LABELS[1:3]))
    two = Clare().partial_fit(*blobs(LABELS[:1])).partial_fit(*blobs(LABELS[3:6]))
    X, _ = blobs(LABELS, seed=3)
    columns = [learner.state_.model.parts(X).error[:, 0] for learner in (one, two)]
    assert np.array_equal(*columns)


@needs_torch
def test_a_stop_while_old_classes_are_drawn_changes_nothing():
    learner = SHARED().partial_fit(*blobs(LABELS[:3]))
    state = learner.state_
    stages = []
    with pytest.raises(PhaseStopped):
        learner.learn_phase(
            *blobs(LABELS[3:]),
            progress=lambda fraction, stage: stages.append(stage),
            should_stop=lambda: stages[-1] == "drawing old classes",
        )
    assert learner.state_ is state


@needs_torch
def test_a_diverging_loss_is_told_with_the_parameter_to_change():
    learner = SHARED(likelihood="gaussian", rate=1.0, iterations=3)
    X, y = blobs(LABELS[:2])
    from cil_nodes.learners.clare import training

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "total_loss", lambda w, *_: w["noise"].sum() * float("nan"))
        with pytest.raises(FloatingPointError, match=r"loss became nan .* smaller clare\.rate"):
            learner.fit(X, y)
    assert not hasattr(learner, "state_")


# ---- unknowns ------------------------------------------------------------------------------------


@needs_torch
def test_untaught_things_are_unknown_and_known_ones_are_not():
    learner = Clare()
    for start in (0, 3):
        learner.partial_fit(*blobs(LABELS[start : start + 3], n=30, seed=start))
    assert learner.unknown_calibrated_
    assert learner.is_unknown(blobs(LABELS, seed=9)[0]).mean() < 0.2
    assert learner.is_unknown(blobs(("chair", "door", "moon"), seed=9)[0]).mean() > 0.8


@needs_torch
def test_with_too_little_the_documented_prior_holds():
    learner = Clare().partial_fit(*blobs(LABELS[:2]))
    assert not learner.unknown_calibrated_
    assert learner.is_unknown(blobs(LABELS[:2], seed=9)[0]).mean() < 0.2


# ---- drawing for people --------------------------------------------------------------------------


@needs_torch
@pytest.mark.parametrize("form", [Clare, SHARED], ids=["each", "shared"])
def test_drawn_samples_look_like_their_class(form):
    X, y = blobs(LABELS[:3], n=40)
    learner = form(iterations=300).fit(X, y)
    means = np.stack([prepared(X[y == label], "gaussian").mean(axis=0) for label in LABELS[:3]])
    for position, label in enumerate(LABELS[:3]):
        drawn = learner.generate(label, 50).mean(axis=0)
        alike = np.corrcoef(drawn, means)[0, 1:]
        assert alike.argmax() == position
        assert alike[position] > 0.6
    with pytest.raises(ValueError, match=r"Cannot generate 'fork'.*'banana', 'cup', 'mug'"):
        learner.generate("fork", 1)


# ---- files ---------------------------------------------------------------------------------------


@needs_torch
@pytest.mark.parametrize("form", [Clare, SHARED], ids=["each", "shared"])
def test_a_loaded_learner_answers_identically_without_torch(form, tmp_path, monkeypatch):
    learner = form().fit(*blobs(LABELS[:3]))
    path = learner.save(tmp_path / "model")
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    again = load(path)
    X, _ = blobs(LABELS, seed=5)
    assert np.array_equal(again.predict_proba(X), learner.predict_proba(X))
    assert np.array_equal(again.unknown_score(X), learner.unknown_score(X))
    assert again.forget("mug").predict(X).tolist() == learner.forget("mug").predict(X).tolist()
    with pytest.raises(ImportError, match=r"method clare .* pip install"):
        again.partial_fit(X, ["fork"] * len(X))


@needs_torch
def test_a_file_that_lacks_a_network_is_refused(tmp_path):
    from cil_nodes.learners import persistence

    path = Clare().fit(*blobs(LABELS[:2])).save(tmp_path / "model")
    header, tensors = persistence.read(path)
    tensors.pop("held/0/errors")
    persistence.write(path, header, tensors)
    with pytest.raises(TornFileError, match="lacks or misnames"):
        load(path)


# ---- parameters ----------------------------------------------------------------------------------


def test_the_papers_configuration_is_one_call():
    p = Clare.paper(iterations=7).get_params()
    assert (p["generator"], p["answer_by"], p["init"]) == ("shared", "classifier", "scratch")
    assert (p["hidden"], p["latent_size"], p["iterations"]) == (512, 256, 7)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"prior": "flat"}, "prior must be one of 'standard', 'class'; got 'flat'"),
        ({"hidden": "big"}, "hidden must be 1 or larger, or \"auto\"; got 'big'"),
        ({"rate": 0}, "rate must be larger than 0; got 0"),
        ({"modes": 0}, "modes must be 1 or larger; got 0"),
        ({"answer_by": "classifier"}, 'answer_by="classifier" needs generator="shared"'),
        ({"likelihood": "bernoulli"}, r"learns inputs in \[0, 1\]; these reach from -.*Divide"),
    ],
)
def test_a_wrong_value_is_refused_by_name(parameters, message):
    with pytest.raises(ValueError, match=message):
        Clare(**parameters).fit(*blobs(LABELS[:2]))


def test_the_registry_describes_every_parameter():
    infos = {info.name: info for info in registry.describe("clare")}
    assert set(infos) == set(Clare().get_params())
    assert all(info.description for info in infos.values())
    assert infos["generator"].choices == ("each", "shared")
    assert (infos["hidden"].type, infos["hidden"].high) == ("str", 8192)
    assert infos["filter_drawn"].type == "bool"
    assert registry.create("clare", hidden="32").hidden == 32
