"""Class covariances: sums against literal formulas, any order, merging, forgetting, holding out."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cil_nodes.learners import Oracil, load
from cil_nodes.learners.checks import blobs
from cil_nodes.learners.oracil.features import AnalyticMap
from cil_nodes.learners.oracil.gaussian import shrunk
from cil_nodes.learners.oracil.second_order import (
    FEW,
    SHORTLIST,
    ClassGaussians,
    SecondOrder,
    random_basis,
    shortlist,
    unpacked,
)
from cil_nodes.learners.oracil.sums import ClassSums
from cil_nodes.learners.phase import Phase

D, R, C = 7, 4, 3
NOTHING = SecondOrder.empty(AnalyticMap(D, 0, 5), R)
SHARE = 0.4


def rows_of(seed=0, n=40):
    rng = np.random.default_rng(seed)
    positions = rng.integers(C, size=n)
    positions[:C] = np.arange(C)
    return rng.normal(size=(n, D)) * (1 + positions[:, None]) + positions[:, None], positions


def learned(f, positions, cuts=()):
    second, sums = NOTHING, ClassSums.empty(D)
    for rows in np.split(np.arange(len(f)), sorted(cuts)):
        if len(rows):
            second = second.learn(f[rows], positions[rows], sums)
            sums = sums.learn(f[rows], positions[rows], C)
    return second, sums


def literal(f, positions):
    """Scatter of each class in the subspace, by the formula."""
    projected = f @ NOTHING.basis
    own = [projected[positions == c] for c in range(C)]
    return [(x - x.mean(axis=0)).T @ (x - x.mean(axis=0)) for x in own]


def matrices(second):
    return [unpacked(scatter, second.rank) for scatter in second.scatters]


@given(seed=st.integers(0, 10**6), cuts=st.sets(st.integers(1, 39), max_size=5))
@settings(max_examples=20)
def test_sums_are_the_same_in_any_order_and_batching(seed, cuts):
    f, positions = rows_of()
    order = np.random.default_rng(seed).permutation(len(f))
    second, _ = learned(f[order], positions[order], cuts)
    assert np.allclose(matrices(second), literal(f, positions), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("first", [1, 15, 39])
def test_merged_sums_equal_joint_ones(first):
    f, positions = rows_of()
    one, sums = learned(f[:first], positions[:first])
    two, others = learned(f[first:], positions[first:])
    merged = one.merged(two, sums, others)
    assert np.allclose(matrices(merged), literal(f, positions), rtol=1e-5, atol=1e-4)


def test_a_forgotten_class_leaves_no_trace():
    f, positions = rows_of()
    rest = positions != 1
    never, _ = learned(f[rest], positions[rest] // 2)
    assert np.array_equal(matrices(learned(f, positions)[0].without(1)), matrices(never)[:2])


def test_the_basis_is_orthonormal_and_the_same_for_ever():
    basis = random_basis(1993, 6, 3)
    assert np.allclose(basis.T @ basis, np.eye(3))
    draws = np.random.RandomState([1993, 3]).standard_normal((6, 3))
    assert np.all(np.sum(draws * basis, axis=0)[:1] > 0)
    assert np.allclose(basis[:, 0], draws[:, 0] / np.linalg.norm(draws[:, 0]))
    assert np.array_equal(random_basis(0, 3, 8), np.eye(3))


def log_densities(f, positions, x):
    """By the formula, up to a constant: (n, C)."""
    scatters, counts = literal(f, positions), np.bincount(positions)
    common, _ = shrunk(sum(scatters), len(f) - C)
    out = np.empty((len(x), C))
    for c in range(C):
        a = SHARE * counts[c] / (counts[c] + FEW)
        covariance = (1 - a) * common + a * scatters[c] / (counts[c] - 1)
        away = (x - f[positions == c].mean(axis=0)) @ NOTHING.basis
        squares = np.einsum("nr,rs,ns->n", away, np.linalg.inv(covariance), away)
        out[:, c] = -0.5 * (squares + np.linalg.slogdet(covariance)[1])
    return out


def test_scores_are_log_densities():
    f, positions = rows_of()
    gaussians = ClassGaussians.of(*learned(f, positions), SHARE, Phase())
    x = rows_of(seed=1)[0]
    scores = gaussians.scores(x, np.zeros((len(x), C)))
    assert np.allclose(scores, log_densities(f, positions, x), atol=1e-3)


def test_only_the_shortlist_is_asked_and_the_rest_gets_the_least_of_it():
    z = np.random.default_rng(0).normal(size=(5, SHORTLIST + 4))
    asked = shortlist(z)
    assert asked.sum(axis=1).tolist() == [SHORTLIST] * 5
    assert np.all(np.where(asked, z, np.inf).min(axis=1) > np.where(asked, -np.inf, z).max(axis=1))
    rng = np.random.default_rng(1)
    positions = np.repeat(np.arange(SHORTLIST + 4), 6)
    f = rng.normal(size=(len(positions), D)) + positions[:, None]
    second = NOTHING.learn(f, positions, ClassSums.empty(D))
    sums = ClassSums.empty(D).learn(f, positions, SHORTLIST + 4)
    gaussians = ClassGaussians.of(second, sums, SHARE, Phase())
    scores = gaussians.scores(f[:5], z)
    least = np.where(asked, scores, np.inf).min(axis=1)
    assert np.all(scores == np.where(asked, scores, least[:, None]))


def test_held_out_rows_are_scored_as_if_never_learned():
    f, positions = rows_of(n=60)
    second, sums = learned(f, positions)
    gaussians = ClassGaussians.of(second, sums, SHARE, Phase())
    rows = np.flatnonzero(positions == 1)[2:6]
    left = sums.counts[1] - len(rows)
    scores = gaussians.held_out(f[rows], 1, left)

    # Weights, degrees of freedom and shrinkage stay as they were; scatters and the mean do not.
    rest = np.setdiff1d(np.arange(len(f)), rows)
    scatters = literal(f, positions)
    gone = scatters[1] - literal(f[rest], positions[rest])[1]
    common, rho = shrunk(sum(scatters), len(f) - C)
    common = common - (1 - rho) / (len(f) - C) * gone
    a = SHARE * sums.counts[1] / (sums.counts[1] + FEW)
    covariance = (1 - a) * common + a * (scatters[1] - gone) / (sums.counts[1] - 1)
    mean = f[rest][positions[rest] == 1].mean(axis=0)
    away = (f[rows] - mean) @ NOTHING.basis
    squares = np.einsum("nr,rs,ns->n", away, np.linalg.inv(covariance), away)
    expected = -0.5 * (squares + np.linalg.slogdet(covariance)[1])
    assert np.allclose(scores, expected, atol=1e-3)


def test_a_class_with_a_spread_of_its_own_is_told_by_it():
    """Two classes have one mean: neither heads nor a shared covariance can tell them apart."""
    rng = np.random.default_rng(3)
    y = np.repeat(["tall", "broad", "far"], 200)
    spread = np.where(np.arange(16) < 8, 3.0, 1.0)
    X = rng.normal(size=(600, 16)) * np.where((y == "tall")[:, None], spread, spread[::-1])
    X += np.where(y == "far", -9, 9)[:, None]
    plain = {"feature_power": 1.0, "M": 0}
    shared = Oracil(router="lda", **plain).fit(X[::2], y[::2])
    own = Oracil(router="rda", covariance_share=0.9, **plain).fit(X[::2], y[::2])
    assert shared.score(X[1::2], y[1::2]) < 0.75
    assert own.score(X[1::2], y[1::2]) > 0.9


LABELS = ("mug", "cup", "banana", "drum", "key", "lamp")
X, Y = blobs(LABELS, n=50)


def second_of(learner):
    """Scatters in the order of the sorted labels."""
    second = learner.state_.model.statistics.second
    return np.stack([second.scatters[i] for i in np.argsort(learner.classes_)])


def test_the_order_of_phases_changes_no_class_covariance():
    forwards, backwards = Oracil(M=40), Oracil(M=40)
    for rows in np.split(np.arange(len(Y)), 3):
        forwards.partial_fit(X[rows], Y[rows])
    for rows in np.split(np.arange(len(Y))[::-1], 4):
        backwards.partial_fit(X[rows], Y[rows])
    assert np.allclose(second_of(forwards), second_of(backwards), atol=1e-6)


def test_a_loaded_learner_answers_identically_and_learns_on(tmp_path):
    learner = Oracil(covariance_rank=8).fit(X, Y)
    again = load(learner.save(tmp_path / "model"))
    assert np.array_equal(again.predict_proba(X), learner.predict_proba(X))
    mine, its = (each.state_.model.predictor.gaussians for each in (learner, again))
    for name in ("means", "whitening", "offsets", "rates"):
        assert np.array_equal(getattr(mine, name), getattr(its, name)), name
    small = load(learner.save(tmp_path / "small", statistics=False))
    assert np.array_equal(small.predict_proba(X), learner.predict_proba(X))
    more = blobs(LABELS, seed=9)
    assert np.array_equal(
        second_of(again.partial_fit(*more)), second_of(learner.partial_fit(*more))
    )


def test_few_samples_a_class_leave_the_shared_covariance():
    assert Oracil().fit(*blobs(LABELS, n=20)).state_.model.predictor.gaussians is None


@pytest.mark.parametrize("router", ["rda", "lda", "ensemble", None])
def test_neighbours_in_a_batch_change_no_answer(router):
    """Shuffling what is shown, or showing it alone, must change nothing: no phase leaks in."""
    learner = Oracil(router=router, group_capacity=2).fit(X, Y)
    shown, _ = blobs(LABELS, n=20, seed=5, spread=1.5)
    whole = learner.answer(shown)
    assert (learner.state_.model.predictor.gaussians is not None) == (router == "rda")
    order = np.random.default_rng(0).permutation(len(shown))
    assert np.array_equal(learner.predict(shown[order]), whole.labels[order])
    alone = [learner.answer(shown[i : i + 1]) for i in range(len(shown))]
    assert [a.labels[0] for a in alone] == whole.labels.tolist()
    assert np.allclose([a.unknown_score[0] for a in alone], whole.unknown_score, atol=1e-5)


def test_a_file_from_before_class_covariances_reads_as_what_it_was(tmp_path):
    learner = Oracil(router="lda", feature_power=1.0).fit(X, Y)
    known = learner.state_
    assert known.model.statistics.second.scatters == ()
    header = {
        "parameters": {"router": "lda"},
        "n_features": X.shape[1],
        "ledger": known.ledger.to_json(),
        "threshold": known.threshold,
        "calibrated": True,
        "can_learn": True,
    }
    tensors, values = learner._pack(known.model, True)
    values = json.loads(json.dumps(values))
    for part in ("predictor", "statistics"):
        del values[part]["covariance_rank"]
        del values[part]["map"]["power"]
    del tensors["second.scatters"]
    again = Oracil.from_file(tmp_path, {**header, "values": values}, tensors)
    assert again.feature_power == 1.0
    assert np.array_equal(again.predict_proba(X), learner.predict_proba(X))
