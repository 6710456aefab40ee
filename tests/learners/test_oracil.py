"""ORACIL as a whole: exactness over phases, forgetting, tuning, files, unknowns."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cil_nodes.learners import Oracil, PhaseStopped, Reason, load, registry
from cil_nodes.learners.checks import blobs
from cil_nodes.learners.oracil.features import AnalyticMap, automatic_width, unit
from cil_nodes.learners.oracil.heads import DualHead, GramHead, joint_weights, one_hot

LABELS = ("mug", "cup", "banana", "drum", "key", "lamp")
X, Y = blobs(LABELS, n=10)
JOINT = partial(Oracil, router="none", ridge=0.1)


def weights(learner):
    """W with its columns in the order of the sorted labels."""
    order = np.argsort(learner.classes_)
    return learner.state_.model.predictor.weights[:, order]


def in_phases(learner, order, cuts):
    for rows in np.split(order, sorted(cuts)):
        learner.partial_fit(X[rows], Y[rows])
    return learner


def literal_weights(learner, rows=slice(None)):
    """Eq. 8 on all samples at once."""
    labels = np.unique(Y[rows])
    map_ = learner.state_.model.statistics.map
    H = map_(map_.prepared(X[rows]))
    return joint_weights(H, one_hot(np.searchsorted(labels, Y[rows]), len(labels)), 0.1)


@pytest.mark.parametrize("M", [0, 40, "auto"])
@pytest.mark.parametrize("solver", ["auto", "cholesky", "woodbury"])
@given(seed=st.integers(0, 10**6), cuts=st.sets(st.integers(1, len(Y) - 1), max_size=5))
@settings(max_examples=6)
def test_phases_in_any_order_equal_the_joint_solution(M, solver, seed, cuts):
    order = np.random.default_rng(seed).permutation(len(Y))
    learner = in_phases(JOINT(M=M, solver=solver), order, cuts)
    assert np.allclose(weights(learner), literal_weights(learner), atol=2e-6)


def test_the_order_of_classes_changes_no_prediction_of_the_joint_head():
    test, _ = blobs(LABELS, seed=5, spread=1.0)
    forwards = in_phases(JOINT(M=40), np.arange(60), {20, 40})
    backwards = in_phases(JOINT(M=40), np.arange(60)[::-1], {20, 40})
    assert np.array_equal(forwards.predict(test), backwards.predict(test))


def test_a_shared_matrix_gives_every_group_the_joint_head():
    grouped = Oracil(group_capacity=2, ridge=0.1).fit(X, Y)
    assert grouped.groups_.max() > 0
    assert np.allclose(weights(grouped), literal_weights(grouped), atol=2e-6)


def test_a_matrix_for_each_group_gives_every_group_its_own_head():
    learner = Oracil(gram="group", group_capacity=2, ridge=0.1, M=40).fit(X, Y)
    for g in set(learner.groups_):
        mine = np.flatnonzero(learner.groups_ == g)
        rows = np.isin(Y, learner.classes_[mine])
        own = learner.state_.model.predictor.weights[:, mine]
        assert np.allclose(own, literal_weights(learner, rows), atol=2e-6)


@pytest.mark.parametrize("given_rows", [False, True])
@pytest.mark.parametrize(("M", "kind"), [(128, DualHead), (16, GramHead)])
def test_forgetting_equals_never_having_seen(M, kind, given_rows):
    learner = JOINT(M=M).fit(X, Y)
    rest = Y != "cup"
    assert isinstance(learner.state_.model.statistics.heads[0], kind)
    learner.forget("cup", X[~rest] if given_rows else None)
    never = JOINT(M=M).fit(X[rest], Y[rest])
    if given_rows or kind is DualHead:
        assert np.allclose(weights(learner), weights(never), atol=2e-6)
        mine, other = learner.state_.model.statistics.sums, never.state_.model.statistics.sums
        assert np.allclose(mine.scatter, other.scatter, atol=1e-9)
    else:
        assert not np.allclose(weights(learner), weights(never), atol=2e-6), "a trace is left"


def test_rows_are_kept_until_they_outnumber_m_then_a_reservoir():
    learner = Oracil(M=40, reservoir=3)
    learner.partial_fit(X[:30], Y[:30])
    kept = learner.state_.model.statistics
    assert len(kept.memory.rows) == 30
    learner.partial_fit(X[30:], Y[30:])
    kept = learner.state_.model.statistics
    assert np.bincount(kept.memory.positions).tolist() == [3] * 6
    assert kept.memory.rows.dtype == np.float16


def test_the_reservoir_keeps_old_and_new_samples_alike():
    counts = np.zeros(2)
    for seed in range(60):
        learner = Oracil(M=8, reservoir=4, router="none", random_state=seed)
        first = np.tile([1.0, 0.1, 0.0, 0.0], (12, 1))
        second = np.tile([1.0, 0.0, 0.1, 0.0], (12, 1))
        learner.partial_fit(first, ["a"] * 12)
        learner.partial_fit(second, ["a"] * 12)
        kept = learner.state_.model.statistics.memory.rows
        counts += (kept[:, 1] > 0).sum(), (kept[:, 2] > 0).sum()
    assert counts.sum() == 240
    assert abs(counts[0] - 120) < 40, counts


# ---- tuning --------------------------------------------------------------------------------------


def test_the_strength_is_searched_once_samples_outnumber_m_and_when_they_double():
    learner = Oracil(M=16)
    learner.partial_fit(X[:14], Y[:14])
    assert learner.consolidate() == {}
    learner.partial_fit(X[14:], Y[14:])
    found = learner.consolidate()
    assert found["tuned_at"] == 60
    assert learner.ridge_ == found["ridge"] != 0.1
    assert learner.consolidate() == {}
    learner.partial_fit(*blobs(LABELS, seed=1))
    assert learner.consolidate()["tuned_at"] == 132


def test_a_given_strength_is_never_searched():
    assert Oracil(M=16, ridge=0.5).fit(X, Y).consolidate() == {}


def test_a_replay_sets_the_strength_without_a_search():
    learner, replay = Oracil(M=16).fit(X, Y), Oracil(M=16).fit(X, Y)
    replay.apply_tuning(learner.consolidate())
    assert np.array_equal(replay.predict_proba(X), learner.predict_proba(X))


def test_a_stopped_search_changes_nothing():
    learner = Oracil(M=16).fit(X, Y)
    state = learner.state_
    with pytest.raises(PhaseStopped):
        learner.consolidate(should_stop=lambda: True)
    assert learner.state_ is state


# ---- unknowns ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many():
    """Twelve classes in 64 dimensions, and twelve never taught."""
    rng = np.random.default_rng(11)
    centres = rng.normal(size=(24, 64))

    def views(classes, n, seed):
        rng = np.random.default_rng(seed)
        where = np.repeat(classes, n)
        return centres[where] + 0.5 * rng.normal(size=(len(where), 64)), where

    return views


@pytest.mark.parametrize("form", [Oracil, partial(Oracil, M=100), partial(Oracil, router="none")])
def test_untaught_things_are_unknown_and_known_ones_are_not(many, form):
    learner = form().fit(*many(range(12), 20, 1))
    assert learner.unknown_calibrated_
    known, truth = many(range(12), 30, 2)
    assert np.mean(learner.predict(known) == truth) > 0.97
    assert np.mean(learner.is_unknown(known)) < 0.06
    assert np.mean(learner.is_unknown(many(range(12, 24), 30, 3)[0])) > 0.9


def test_something_falls_silent_once_taught(many):
    learner = Oracil().fit(*many(range(8), 20, 1))
    new, _ = many([9], 30, 3)
    assert np.mean(learner.is_unknown(new)) > 0.8
    learner.partial_fit(*many([9], 20, 4))
    assert np.mean(learner.is_unknown(new)) < 0.2
    assert np.mean(learner.predict(new) == 9) > 0.95


@pytest.mark.parametrize("classes", [1, 2])
def test_the_first_thing_taught_is_not_all_the_world(many, classes):
    learner = Oracil().fit(*many(range(classes), 20, 1))
    assert not learner.unknown_calibrated_
    assert np.mean(learner.is_unknown(many(range(classes), 30, 2)[0])) < 0.1
    assert np.mean(learner.is_unknown(many(range(12, 24), 30, 3)[0])) > 0.9


def test_with_too_little_the_documented_prior_holds(many):
    learner = Oracil().fit(*many([0, 1], 20, 1))
    assert not learner.unknown_calibrated_
    learner.partial_fit(*many([2], 20, 1))
    assert learner.unknown_calibrated_


def test_reasons_name_novelty_and_numbers_in_range(many):
    learner = Oracil(group_capacity=4).fit(*many(range(12), 20, 1))
    reasons = learner.unknown_reason(many(range(12, 24), 5, 3)[0])
    assert {r.code for r in reasons} <= {
        Reason.NOVELTY,
        Reason.LOW_CONFIDENCE,
        Reason.DISAGREEMENT,
    }
    for r in reasons:
        assert 0 <= r.novelty <= 1
        assert 0 <= r.router_entropy <= 1
        assert 0 <= r.router_disagreement <= 1


# ---- features and files --------------------------------------------------------------------------


def test_the_projection_is_the_same_for_ever():
    h = AnalyticMap(4, 6, 1993)(np.eye(4)[:2])
    expected = np.random.RandomState(1993).standard_normal((4, 6))[:2] * np.sqrt(2 / 6)
    assert np.allclose(h, np.maximum(expected, 0))


def test_width_depends_on_the_dimension_alone():
    assert [automatic_width(d) for d in (2, 64, 1280, 5000)] == [64, 256, 4096, 4096]


def test_without_projection_features_pass_through():
    f = np.eye(3)
    assert AnalyticMap(3, 0, 0)(f) is f


def test_normalising_h_gives_unit_rows():
    h = AnalyticMap(24, 50, 0, "h")(unit(X))
    assert np.allclose(np.linalg.norm(h, axis=1), 1)


@pytest.mark.parametrize(
    "form",
    [
        Oracil,
        partial(Oracil, M=16),
        partial(Oracil, M=16, gram="group", group_capacity=2),
        partial(Oracil.paper, M=64, group_capacity=2),
    ],
    ids=["dual", "gram", "by group", "paper"],
)
@pytest.mark.parametrize("statistics", [True, False])
def test_a_loaded_learner_answers_identically(form, statistics, tmp_path):
    learner = form().fit(X.astype(np.float32), Y)
    again = load(learner.save(tmp_path / "model", statistics=statistics))
    for rows in (X, X.astype(np.float32)):
        assert np.array_equal(again.predict_proba(rows), learner.predict_proba(rows))
        assert np.array_equal(again.unknown_score(rows), learner.unknown_score(rows))
    assert again.get_params() == learner.get_params()


def test_the_small_file_holds_no_projection_and_no_statistics(tmp_path):
    learner = JOINT(M=4096).fit(X, Y)
    size = learner.save(tmp_path / "small", statistics=False).stat().st_size
    assert size < 4 * (4096 * 6 + 24 * 24 + 24 * 6) + 20_000


# ---- parameters ----------------------------------------------------------------------------------


def test_the_papers_configuration_is_one_call():
    p = Oracil.paper().get_params()
    assert (p["gram"], p["solver"], p["router"]) == ("group", "woodbury", "ensemble")
    assert (p["fusion"], p["normalize"]) == ("product", "h")
    assert Oracil.paper(M=500).M == 500


def test_the_accurate_configuration_is_one_call():
    default, accurate = Oracil().get_params(), Oracil.accurate(reservoir=8).get_params()
    changed = {name for name, value in accurate.items() if value != default[name]}
    assert changed == {"M", "covariance_rank", "reservoir"}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"router": "knn"}, "router must be one of 'rda', 'lda', 'ensemble', 'none'; got 'knn'"),
        ({"M": "big"}, "M must be a number or \"auto\"; got 'big'"),
        ({"ridge": 0}, "ridge must be larger than 0; got 0"),
        ({"feature_power": 0}, "feature_power must be above 0 and at most 1; got 0"),
        ({"covariance_share": 2}, "covariance_share must lie in 0 to 1; got 2"),
        ({"covariance_rank": 0}, "covariance_rank must be 1 or larger; got 0"),
        ({"group_capacity": 0}, "group_capacity must be 1 or larger; got 0"),
    ],
)
def test_a_wrong_value_is_refused_by_name(parameters, message):
    with pytest.raises(ValueError, match=message):
        Oracil(**parameters).fit(X, Y)


def test_the_registry_describes_every_parameter():
    infos = {info.name: info for info in registry.describe("oracil")}
    assert set(infos) == set(Oracil().get_params())
    assert all(info.description for info in infos.values())
    assert infos["router"].choices == ("rda", "lda", "ensemble", "none")
    assert (infos["M"].type, infos["M"].default, infos["M"].high) == ("str", "auto", 32768)
    assert infos["false_unknown_rate"].type == "float"
    assert infos["group_capacity"].type == "int"


def test_the_registry_makes_numbers_of_texts():
    learner = registry.create("oracil", M="128", ridge="0.5")
    assert (learner.M, learner.ridge) == (128, 0.5)
    assert registry.create("oracil", M="auto").M == "auto"


def test_the_leaky_way_of_evaluating_says_so(capsys):
    from cil_nodes.learners.oracil.leak import own_phase_distances

    learner = Oracil(group_capacity=2)
    for start in (0, 2, 4):
        learner.partial_fit(*blobs(LABELS[start : start + 2], seed=start))
    test = blobs(LABELS, n=20, seed=5, spread=1.5)
    phase_of = {label: i // 2 for i, label in enumerate(LABELS)}
    leaky = own_phase_distances(learner, (X, Y), test, phase_of)
    assert "LEAK" in capsys.readouterr().err
    assert np.mean(leaky == test[1]) > np.mean(learner.predict(test[0]) == test[1])
