"""INNAMP: the monitor's mathematics, training in a batch, Algorithm 1, boundaries, unknowns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import weibull_min
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from cil_nodes.evaluation.bench.innamp_toy import five_gaussians
from cil_nodes.learners import Innamp, Reason, load
from cil_nodes.learners.innamp import monitor
from cil_nodes.learners.innamp.boundaries import DistanceUnit, shell
from cil_nodes.learners.innamp.calibrating import Held, monitors_share
from cil_nodes.learners.innamp.exemplars import Exemplars
from cil_nodes.learners.innamp.extreme_values import covering, fit_weibull
from cil_nodes.learners.innamp.networks import Networks
from cil_nodes.learners.innamp.scaling import Scaling
from cil_nodes.learners.innamp.training import Rule, train
from cil_nodes.learners.phase import Phase

ODDS = st.lists(st.lists(st.floats(-12, 12), min_size=3, max_size=3), min_size=1, max_size=5).map(
    np.array
)


def slow_shares(row):
    """P(nobody), P(exactly one), P(several), by every combination of outputs."""
    p = 1 / (1 + np.exp(-row))
    sums = np.zeros(len(row) + 1)
    for outputs in np.ndindex(*(2,) * len(row)):
        sums[sum(outputs)] += np.prod(np.where(outputs, p, 1 - p))
    return sums[0], sums[1], sums[2:].sum()


# ---- the monitor -----------------------------------------------------------------------------


@given(st.lists(st.booleans(), min_size=1, max_size=8))
def test_the_monitor_fires_when_exactly_one_network_does(outputs):
    assert monitor.hard_monitor(np.array([outputs]))[0] == (sum(outputs) == 1)


@given(ODDS)
def test_the_soft_monitor_counts_every_combination_of_outputs(odds):
    shares = np.exp(np.stack(monitor.log_shares(odds), axis=1))
    assert np.allclose(shares, [slow_shares(row) for row in odds], atol=1e-9)


@given(st.lists(st.booleans(), min_size=1, max_size=8))
def test_binarised_the_soft_monitor_is_the_papers_rule(outputs):
    odds = np.where([outputs], -monitor.NEVER, monitor.NEVER)
    quiet = monitor.without_noise(odds, -3.0)
    assert (monitor.novelty(quiet)[0] < 0) == monitor.hard_monitor(np.array([outputs]))[0]


@given(ODDS, st.floats(-12, 0))
def test_noise_is_silenced_below_the_level_but_never_the_strongest(odds, floor):
    quiet = monitor.without_noise(odds, floor)
    strongest = np.arange(3) == odds.argmax(axis=1)[:, None]
    assert np.array_equal(quiet == odds, strongest | (odds >= floor) | (quiet == odds))
    assert np.array_equal(
        quiet[~strongest & (odds < floor)],
        np.full((~strongest & (odds < floor)).sum(), monitor.NEVER),
    )


def test_reasons_say_who_claims_the_sample():
    odds = np.array([[-9.0, -9.0, -9.0], [4.0, -9.0, 2.0], [9.0, -9.0, -9.0]])
    nobody, several, _ = monitor.reasons(odds, np.array(["mug", "cup", "hat"]))
    assert (nobody.code, nobody.claimants) == (Reason.NOBODY_FIRED, ())
    assert nobody.novelty == pytest.approx(1.0, abs=1e-3)
    assert (several.code, several.claimants) == (Reason.SEVERAL_FIRED, ("mug", "hat"))


# ---- training as one batched program ---------------------------------------------------------


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 6)) * 3
    owners = rng.integers(4, size=200)
    return (centres[owners] + rng.normal(size=(200, 6))).astype(np.float32), owners


def trained(rows, owners, columns):
    seeds = [np.random.SeedSequence([0, int(column)]) for column in columns]
    own = owners[:, None] == np.array(columns)
    weights = np.full(own.shape, 1 / len(rows), np.float32)
    rng = np.random.default_rng(1)
    rule = Rule(enough=0.02)
    return train(Networks.drawn(6, 10, seeds), rows, own, weights, 200, rule, rng, Phase())


def test_a_network_trained_in_the_batch_equals_one_trained_alone(rows):
    together, _ = trained(*rows, [0, 1, 2, 3])
    for column in range(4):
        alone, _ = trained(*rows, [column])
        assert np.allclose(alone.hidden[0], together.hidden[column], atol=1e-4)
        assert np.allclose(alone.output[0], together.output[column], atol=1e-4)


def test_training_tells_the_classes_apart_and_the_loss_falls(rows):
    networks, losses = trained(*rows, [0, 1, 2, 3])
    assert losses[-1] < 0.2 * losses[0]
    assert np.mean(networks.logits(rows[0]).argmax(axis=1) == rows[1]) > 0.97


def test_gradients_are_those_of_the_loss(rows):
    from cil_nodes.learners.innamp.training import _Adam, _gradients

    X = np.concatenate([rows[0][:20], np.ones((20, 1))], axis=1)
    own = rows[1][:20, None] == np.arange(2)
    rng = np.random.default_rng(0)
    networks = Networks(rng.normal(size=(2, 3, 7)), rng.normal(size=(2, 4)))
    weights = rng.random((20, 2))

    def loss(hidden, output):
        return _gradients(_Adam(Networks(hidden, output)), X, own, weights)[0].sum()

    found = _gradients(_Adam(networks), X, own, weights)[1]
    for part, place in ((0, (1, 2, 3)), (0, (0, 1, 6)), (1, (1, 2)), (1, (0, 3))):
        arrays = [networks.hidden.copy(), networks.output.copy()]
        arrays[part][place] += 1e-5
        more = loss(*arrays)
        arrays[part][place] -= 2e-5
        assert found[part][place] == pytest.approx((more - loss(*arrays)) / 2e-5, rel=1e-4)


@given(st.integers(0, 1000), st.sampled_from(["direction", "standard", "none"]))
@settings(max_examples=20)
def test_another_scaling_leaves_what_networks_compute(seed, kind):
    rng = np.random.default_rng(seed)
    levelled = rng.normal(size=(30, 5)).astype(np.float32) * 3 + 1
    before = Scaling.start(kind, 5).fitted(levelled[:10], np.full(10, 0.1))
    after = before.fitted(levelled, np.full(30, 1 / 30))
    networks = Networks.drawn(5, 4, [np.random.SeedSequence(seed)])
    networks.output[:] = rng.normal(size=networks.output.shape)
    moved = Networks(after.moved(networks.hidden, before), networks.output)
    old, new = networks.logits(before.centred(levelled)), moved.logits(after.centred(levelled))
    assert np.allclose(old, new, atol=1e-4)


# ---- what is kept ----------------------------------------------------------------------------


@given(st.lists(st.integers(1, 12), min_size=1, max_size=4), st.integers(1, 9))
def test_the_store_keeps_a_fair_draw_of_each_class_in_order(sizes, most):
    rng = np.random.default_rng(0)
    owners = np.repeat(np.arange(len(sizes)), sizes)
    rows = np.arange(len(owners), dtype=np.float32)[:, None]
    store = Exemplars.empty(1).joined(rows, owners, len(sizes), rng).bounded(most)
    assert np.bincount(store.owners).tolist() == [min(size, most) for size in sizes]
    assert np.all(np.diff(store.rows[:, 0]) > 0)
    assert store.seen.tolist() == sizes
    assert len(store.without(0)) == len(store) - min(sizes[0], most)


def test_the_first_samples_of_a_class_are_never_held_out_and_long_ones_are_cut_in_stretches():
    rng = np.random.default_rng(0)
    store = Exemplars.empty(1)
    for _ in range(2):
        store = store.joined(np.zeros((1, 1), np.float32), np.array([0]), 1, rng)
    assert np.all(store.folds >= 2)
    store = store.joined(np.zeros((10, 1), np.float32), np.zeros(10, int), 1, rng)
    assert store.folds[2:].tolist() == np.repeat([2, 0, 3, 1, 4], 2).tolist()


# ---- boundaries ------------------------------------------------------------------------------


def test_weibulls_are_those_of_scipy():
    values = np.stack(
        [
            weibull_min.rvs(c, scale=s, size=50, random_state=i)
            for i, (c, s) in enumerate([(1.5, 2.0), (4.0, 0.3), (20.0, 7.0)])
        ]
    )
    scales, shapes = fit_weibull(values)
    for row, scale, shape in zip(values, scales, shapes, strict=True):
        expected, _, expected_scale = weibull_min.fit(row, floc=0)
        assert shape == pytest.approx(expected, rel=1e-3)
        assert scale == pytest.approx(expected_scale, rel=1e-3)


def test_what_covers_a_class_covers_each_of_its_exemplars():
    rng = np.random.default_rng(0)
    mine = rng.normal(size=(30, 2)).astype(np.float32)
    chosen = covering(mine, np.full(30, 1.5), np.full(30, 4.0))
    assert 1 <= len(chosen) < 30
    nearest = np.linalg.norm(mine[:, None] - mine[chosen], axis=2)
    assert np.all(np.exp(-((nearest / 1.5) ** 4.0)).max(axis=1) >= 0.5)


def test_distances_are_means_over_the_three_nearest_exemplars():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(2, 5, 3)).astype(np.float32)
    unit = DistanceUnit.of(centres, np.array([5, 2]))
    X = rng.normal(size=(7, 3)).astype(np.float32)
    each = np.linalg.norm(X[:, None, None] - centres, axis=3)
    assert np.allclose(unit.distances(X)[:, 0], np.sort(each[:, 0])[:, :3].mean(axis=1), atol=1e-5)
    assert np.allclose(unit.distances(X)[:, 1], each[:, 1, :2].mean(axis=1), atol=1e-5)


def test_the_shell_lies_outside_of_its_class():
    X, y = five_gaussians(60, seed=0)
    rng = np.random.default_rng(0)
    owners = np.unique(y, return_inverse=True)[1]
    store = Exemplars.empty(2).joined(X.astype(np.float32), owners, 5, rng)
    points = shell(store.rows, store, rng)
    assert len(points) > 60
    means = np.stack([X[y == label].mean(axis=0) for label in np.unique(y)])
    radii = [
        np.quantile(np.linalg.norm(X[y == c] - m, axis=1), 0.95)
        for c, m in zip(np.unique(y), means, strict=True)
    ]
    from_means = np.linalg.norm(points[:, None] - means, axis=2) / radii
    assert np.mean(np.abs(from_means - 1.6).min(axis=1) < 0.41) == 1.0


# ---- Algorithm 1 -----------------------------------------------------------------------------


def apart(labels, n=15, seed=0, scale=6.0, width=2):
    """Classes on a line that lie far apart."""
    rng = np.random.default_rng(seed)
    X = np.concatenate([rng.normal(size=(n, width)) + scale * (ord(c) - 97) for c in labels])
    return X, np.repeat(list(labels), n)


def test_only_networks_that_claim_new_samples_learn_again():
    learner = Innamp.paper()
    learner.partial_fit(*apart("abcde"))
    X, y = apart("g", seed=1)
    claimed = learner.fires(X).any(axis=0)
    assert 0 < claimed.sum() < 5  # the last one's region is open on that side
    before = learner.state_.model.predictor
    report = learner.learn_phase(X, y)
    after = learner.state_.model.predictor
    assert report.notes["retrained_networks"] == claimed.sum()
    old = before.networks.logits(before.scaling(X))
    new = after.networks.logits(after.scaling(X))[:, :5]
    assert np.allclose(old[:, ~claimed], new[:, ~claimed], atol=1e-3)
    assert np.all(new[:, claimed].max(axis=1) < old[:, claimed].max(axis=1))


def test_removing_a_class_leaves_the_other_networks_as_they_are():
    learner = Innamp.paper().partial_fit(*apart("abcd"))
    X, _ = apart("abcd", seed=1)
    before = learner.state_.model.predictor.outputs(X)[0]
    learner.forget("b")
    assert np.array_equal(learner.state_.model.predictor.outputs(X)[0], before[:, [0, 2, 3]])
    assert "b" not in learner.predict(X)
    statistics = learner.state_.model.statistics
    assert len(statistics.exemplars) == 45
    assert statistics.shadows == ()  # the paper's own form calibrates nothing


def test_shadows_forget_with_the_networks_and_go_on():
    learner = Innamp().partial_fit(*apart("abcd")).forget("b")
    statistics = learner.state_.model.statistics
    assert [len(shadow.networks) for shadow in statistics.shadows] == [3, 3]
    learner.partial_fit(*apart("e"))
    X, y = apart("acde", seed=3)
    assert np.mean((learner.predict(X) == y) & ~learner.is_unknown(X)) > 0.85


def test_no_fewer_right_answers_are_left_than_the_hard_monitor_gives():
    logits = np.array([[3.0, -3.0], [3.0, 2.0], [-2.0, -1.0], [-4.0, 5.0], [1.0, -1.0]])
    held = Held(logits, np.zeros((5, 2, 0)), np.array([0, 1, 1, 1, -1]))
    # The hard monitor is right about the first and the fourth; the least novel of those known are
    # the third and the fourth, both answered rightly.
    share = monitors_share([held], [logits], np.array([0.9, 0.8, 0.2, 0.1]))
    assert share == pytest.approx(0.5)


def test_growth_is_linear_in_the_classes():
    learner = Innamp.paper().partial_fit(*apart("ab"))
    sizes = []
    for label in "cde":
        report = learner.learn_phase(*apart(label))
        sizes.append(report.notes["neurons"])
    assert sizes == [36, 48, 60]
    assert learner.neurons_ == 62


def test_a_share_that_may_be_claimed_spares_networks():
    X, y = apart("abcde")
    one = Innamp.paper().partial_fit(X, y).learn_phase(*apart("g", seed=1))
    none = Innamp.paper(retrain_share=1.0).partial_fit(X, y).learn_phase(*apart("g", seed=1))
    assert one.notes["retrained_networks"] > 0
    assert none.notes["retrained_networks"] == 0


@pytest.mark.parametrize("expert", [LogisticRegression(), KNeighborsClassifier(3)])
def test_any_binary_classifier_may_take_the_networks_place(expert):
    (X, y), (fresh, labels) = five_gaussians(60, seed=0), five_gaussians(60, seed=1)
    first, last = np.isin(y, ["C1", "C2", "C4"]), y == "C5"
    learner = Innamp(expert=expert, boundary="open").partial_fit(X[first], y[first])
    learner.partial_fit(X[last], y[last])
    taught = labels != "C3"
    assert np.mean(learner.predict(fresh[taught]) == labels[taught]) > 0.95
    learner.forget("C5")
    assert "C5" not in learner.predict(fresh)


def test_a_learner_with_experts_says_that_it_has_no_file_form(tmp_path):
    learner = Innamp(expert=LogisticRegression()).partial_fit(*apart("ab"))
    with pytest.raises(ValueError, match=r"no file form.*Leave expert=None"):
        learner.save(tmp_path / "model.cil")


# ---- unknowns --------------------------------------------------------------------------------


@pytest.mark.parametrize("boundary", ["open", "shell", "rbf", "evm"])
def test_of_five_gaussians_the_one_in_the_middle_is_found(boundary):
    X, y = five_gaussians(100, seed=0)
    known = y != "C3"
    learner = Innamp(boundary=boundary, budget="monitor").fit(X[known], y[known])
    fresh, labels = five_gaussians(100, seed=1)
    answers = learner.answer(fresh)
    seen = labels != "C3"
    right = (answers.labels == labels) & ~answers.is_unknown
    assert np.mean(right[seen]) > 0.9
    assert np.mean(answers.is_unknown[~seen]) > 0.3
    learner.partial_fit(X[~known], y[~known])
    answers = learner.answer(fresh)
    assert np.mean((answers.labels == labels) & ~answers.is_unknown) > 0.8


@pytest.mark.parametrize("boundary", ["rbf", "evm"])
def test_a_closed_boundary_claims_nothing_far_away(boundary):
    X, y = five_gaussians(60, seed=0)
    learner = Innamp(boundary=boundary).fit(X, y)
    far = 1000 * np.random.default_rng(0).normal(size=(200, 2))
    assert learner.is_unknown(far).all()
    reasons = learner.unknown_reason(far)
    assert {reason.code for reason in reasons} == {Reason.NOBODY_FIRED}


def test_the_hard_monitor_says_zero_or_one_and_names_the_claimants():
    X, y = five_gaussians(60, seed=0)
    learner = Innamp.paper().fit(X[y != "C3"], y[y != "C3"])
    grid = np.random.default_rng(0).uniform(-8, 8, size=(400, 2))
    answers, fires = learner.answer(grid), learner.fires(grid)
    assert np.array_equal(answers.unknown_score, (fires.sum(axis=1) != 1).astype(float))
    for row, reason in zip(fires, answers.reasons(), strict=True):
        if row.sum() > 1:
            assert reason.code is Reason.SEVERAL_FIRED
            assert set(reason.claimants) == set(learner.classes_[row])
        if row.sum() == 0:
            assert (reason.code, reason.claimants) == (Reason.NOBODY_FIRED, ())
    one = fires.sum(axis=1) == 1
    assert np.array_equal(answers.labels[one], learner.classes_[fires[one].argmax(axis=1)])


def test_with_a_hundred_classes_few_known_samples_are_called_unknown():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(100, 32)) * 2
    learner = Innamp(steps=120, retrain_steps=40)

    def views(classes, n):
        X = np.repeat(centres[classes], n, axis=0) + rng.normal(size=(len(classes) * n, 32)) * 0.7
        return X, np.repeat(classes, n)

    learner.partial_fit(*views(np.arange(60), 10))
    rates = []
    for start in range(60, 100, 20):
        learner.partial_fit(*views(np.arange(start, start + 20), 10))
        X, y = views(np.arange(start + 20), 5)
        rates.append(np.mean(learner.is_unknown(X)))
        assert np.mean(learner.predict(X) == y) > 0.9
    assert max(rates) < 0.12, f"false unknowns as classes grow: {rates}"
    strangers = rng.normal(size=(200, 32)) * 2
    assert np.mean(learner.is_unknown(strangers)) > 0.8


def test_the_learned_monitor_is_trained_on_classes_left_out():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(8, 6)) * 3
    X = np.repeat(centres[:6], 40, axis=0) + rng.normal(size=(240, 6))
    learner = Innamp(monitor="learned").fit(X, np.repeat(list("abcdef"), 40))
    assert learner.state_.model.predictor.calibration.decision is not None
    fresh = np.repeat(centres, 30, axis=0) + rng.normal(size=(240, 6))
    unknown = learner.is_unknown(fresh)
    assert np.mean(unknown[:180]) < 0.15
    assert np.mean(unknown[180:]) > 0.5


def test_one_setting_learns_iris():
    X, y = load_iris(return_X_y=True)
    test = np.arange(len(y)) % 5 == 0
    learner = Innamp().fit(X[~test], y[~test])
    assert np.mean(learner.predict(X[test]) == y[test]) > 0.9


# ---- the contract, where it is INNAMP's own --------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [{}, {"boundary": "evm"}, {"monitor": "learned"}, {"monitor": "hard", "boundary": "open"}],
)
def test_a_loaded_learner_answers_identically_and_goes_on(form, tmp_path):
    learner = Innamp(**form).partial_fit(*apart("abcd"))
    again = load(learner.save(tmp_path / "model.cil"))
    X, _ = apart("abcdef", seed=2)
    for other in (again, load(learner.save(tmp_path / "small.cil", statistics=False))):
        one, two = learner.answer(X), other.answer(X)
        assert np.array_equal(one.proba, two.proba)
        assert np.array_equal(one.unknown_score, two.unknown_score)
        assert one.reasons() == two.reasons()
    learner.partial_fit(*apart("f"))
    again.partial_fit(*apart("f"))
    assert np.array_equal(learner.predict_proba(X), again.predict_proba(X))


def test_answering_in_another_way_needs_no_teaching():
    learner = Innamp(budget="monitor").partial_fit(*apart("abcd"))
    X, _ = apart("abcd", seed=2)
    twin = learner.rebuilt(boundary="open")
    taught = Innamp(budget="monitor", boundary="open").partial_fit(*apart("abcd"))
    assert np.array_equal(twin.unknown_score(X), taught.unknown_score(X))
    hard = learner.rebuilt(monitor="hard", boundary="open")
    assert np.array_equal(
        hard.fires(X), Innamp(monitor="hard", boundary="open").fit(*apart("abcd")).fires(X)
    )
    with pytest.raises(ValueError, match="teach a learner of that kind"):
        learner.rebuilt(monitor="learned")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"monitor": "loud"}, "monitor must be one of 'hard', 'soft', 'learned'; got 'loud'"),
        ({"boundary": "closed"}, "boundary must be one of 'open', 'shell', 'rbf', 'evm'"),
        ({"hidden": 0}, "hidden must be 1 or larger; got 0"),
        ({"retrain_share": 2.0}, "retrain_share must lie in 0 to 1; got 2.0"),
    ],
)
def test_values_that_make_no_sense_are_refused_by_name(changes, words):
    with pytest.raises(ValueError, match=words):
        Innamp(**changes).fit(*apart("ab"))
