"""Sums, covariances and what is left when rows are held out, against slow formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import OAS

from cil_nodes.learners.oracil.gaussian import Gaussians, Precision
from cil_nodes.learners.oracil.sums import ClassSums, oas_shrinkage

D, C = 5, 3


def data(seed, n=30):
    rng = np.random.default_rng(seed)
    positions = np.concatenate([np.arange(C), rng.integers(C, size=n - C)])
    return rng.normal(size=(C, D))[positions] + 0.4 * rng.normal(size=(n, D)), positions


def slow_scatter(f, positions):
    means = np.array([f[positions == c].mean(axis=0) for c in range(C)])
    return sum(np.outer(x - means[c], x - means[c]) for x, c in zip(f, positions, strict=True))


@given(seed=st.integers(0, 10**6), cuts=st.sets(st.integers(1, 29), max_size=6))
@settings(max_examples=50)
def test_sums_do_not_depend_on_order_or_batching(seed, cuts):
    f, positions = data(seed)
    sums = ClassSums.empty(D)
    order = np.random.default_rng(seed).permutation(len(f))
    for rows in np.split(order, sorted(cuts)):
        sums = sums.learn(f[rows], positions[rows], C)
    assert np.allclose(sums.counts, np.bincount(positions))
    assert np.allclose(sums.scatter, slow_scatter(f, positions), atol=1e-10)
    assert np.allclose(sums.means[1], f[positions == 1].mean(axis=0))


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20)
def test_sums_forget_a_class_when_given_its_rows(seed):
    f, positions = data(seed)
    sums = ClassSums.empty(D).learn(f, positions, C)
    rest = positions != 1
    never = ClassSums.empty(D).learn(f[rest], np.where(positions[rest] == 2, 1, 0), C - 1)
    left = sums.without(1, f[positions == 1])
    assert np.allclose(left.scatter, never.scatter, atol=1e-10)
    assert np.allclose(left.means, never.means)


def test_shrinkage_agrees_with_scikit_learn_up_to_the_factor_it_drops():
    f, _ = data(1)
    centred = f - f.mean(axis=0)
    S = centred.T @ centred / len(f)
    # scikit-learn leaves out the factors with 2/d; with many dimensions they make no difference.
    assert oas_shrinkage(S, len(f)) == pytest.approx(OAS().fit(f).shrinkage_, abs=0.15)
    wide = np.random.default_rng(2).normal(size=(20, 300))
    wide -= wide.mean(axis=0)
    expected = OAS(assume_centered=True).fit(wide).shrinkage_
    assert oas_shrinkage(wide.T @ wide / 20, 20) == pytest.approx(expected, abs=0.01)


def relative_distance(f, means, P, centre, P0):
    own = np.array([[(x - m) @ P @ (x - m) for m in means] for x in f]).min(axis=1)
    return own - np.array([(x - centre) @ P0 @ (x - centre) for x in f])


def test_the_relative_distance_is_what_its_definition_says():
    f, positions = data(3)
    g = Gaussians.of(ClassSums.empty(D).learn(f, positions, C))
    matrix, linear, constant = g.quadratic()
    coefficients, offsets = g.linear
    lda = f @ coefficients + offsets
    fast = np.einsum("nd,nd->n", f @ matrix, f) + f @ linear + constant - 2 * lda.max(axis=1)
    slow = relative_distance(f, g.means, g.within.matrix, g.centre, g.total.matrix)
    assert np.allclose(fast, slow)


def downdated(precision, rows):
    """The precision of the same shrunk covariance without some outer products."""
    return np.linalg.inv(np.linalg.inv(precision.matrix) - precision.rate * rows)


@pytest.mark.parametrize("whole_class", [False, True])
def test_held_out_rows_are_scored_as_if_never_learned(whole_class):
    f, positions = data(4)
    sums = ClassSums.empty(D).learn(f, positions, C)
    g = Gaussians.of(sums)
    rows = np.flatnonzero(positions == 2)
    rows = rows if whole_class else rows[:3]
    scores, distances = g.held_out(f[rows], g.pulled(f[rows]), 2, sums.counts[2], len(f))

    rest = np.setdiff1d(np.arange(len(f)), rows)
    kept = [c for c in range(C) if (positions[rest] == c).any()]
    means = np.array([f[rest][positions[rest] == c].mean(axis=0) for c in kept])
    own = slow_scatter_of(f[rest], positions[rest], kept)
    P = downdated(g.within, slow_scatter(f, positions) - own)
    centre = f[rest].mean(axis=0)
    around = lambda x, m: (x - m).T @ (x - m)  # noqa: E731
    P0 = downdated(g.total, around(f, f.mean(axis=0)) - around(f[rest], centre))
    expected = f[rows] @ P @ means.T - 0.5 * np.einsum("cd,de,ce->c", means, P, means)
    assert np.allclose(scores[:, kept], expected)
    assert np.all(np.isneginf(scores[:, 2])) == whole_class
    assert np.allclose(distances, relative_distance(f[rows], means, P, centre, P0))


def slow_scatter_of(f, positions, kept):
    total = np.zeros((D, D))
    for c in kept:
        x = f[positions == c]
        total += (x - x.mean(axis=0)).T @ (x - x.mean(axis=0))
    return total


def test_equal_samples_give_a_finite_precision():
    precision = Precision.of(np.zeros((D, D)), 4)
    assert np.isfinite(precision.matrix).all()
