"""Analytic heads against the slow, literal formulas: any order, any batching, any scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cil_nodes.learners.oracil.heads import (
    DualHead,
    GramHead,
    PrintedHead,
    held_out_scores,
    inverse,
    joint_weights,
    one_hot,
)

WIDTH, CLASSES = 12, 4


@st.composite
def lessons(draw):
    """Rows, columns, cuts into batches below M, an order, a scale and a strength."""
    n = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = 10.0 ** draw(st.integers(-3, 3))
    H = scale * np.maximum(rng.normal(size=(n, WIDTH)), 0)
    positions = rng.integers(CLASSES, size=n)
    order = rng.permutation(n)
    cuts = sorted(draw(st.sets(st.integers(1, max(n - 1, 1)), max_size=6)) | set(range(11, n, 11)))
    ridge = scale**2 * 10.0 ** draw(st.integers(-3, 2))
    return H[order], positions[order], [c for c in cuts if c < n], ridge


def slow_joint(H, positions, ridge):
    """Eq. 8, letter by letter."""
    Y = np.zeros((len(H), CLASSES))
    for i, c in enumerate(positions):
        Y[i, c] = 1
    return np.linalg.inv(ridge * np.eye(WIDTH) + H.T @ H) @ H.T @ Y


def taught(head, H, positions, cuts, **kw):
    columns = () if isinstance(head, DualHead) else (CLASSES,)
    for part, where in zip(np.split(H, cuts), np.split(positions, cuts), strict=True):
        head = head.learn(part, where, *columns, **kw)
    return head


def assert_close(W, expected, relative):
    assert np.abs(W - expected).max() <= relative * np.abs(expected).max()


@pytest.mark.parametrize("method", ["auto", "woodbury", "cholesky"])
@given(lesson=lessons())
@settings(max_examples=60)
def test_the_gram_head_equals_the_joint_solution(method, lesson):
    H, positions, cuts, ridge = lesson
    head = taught(GramHead.empty(WIDTH, ridge), H, positions, cuts, method=method)
    assert_close(head.weights(CLASSES), slow_joint(H, positions, ridge), 1e-8)


@given(lesson=lessons())
@settings(max_examples=60)
def test_the_dual_head_equals_the_joint_solution(lesson):
    H, positions, cuts, ridge = lesson
    # Rows are kept while they do not outnumber M; beyond, their kernel has no full rank.
    H, positions, cuts = H[:WIDTH], positions[:WIDTH], [cut for cut in cuts if cut < WIDTH]
    head = taught(DualHead.empty(WIDTH, ridge), H, positions, cuts)
    expected = slow_joint(H, positions, ridge)
    assert_close(head.weights(CLASSES), expected, 1e-8)
    assert_close(head.as_gram(CLASSES).weights(CLASSES), expected, 1e-8)


@pytest.mark.parametrize(("epsilon", "relative"), [(0.0, 1e-8), (1e-8, 1e-7)])
@given(lesson=lessons())
@settings(max_examples=60)
def test_the_printed_recursion_equals_the_joint_solution(epsilon, relative, lesson):
    H, positions, cuts, ridge = lesson
    # epsilon is absolute, so the printed form is only promised at the scale of unit features.
    factor = np.sqrt(ridge)
    head = taught(PrintedHead.empty(WIDTH, 1.0, epsilon), H / factor, positions, cuts)
    expected = slow_joint(H / factor, positions, 1.0)
    # What the recursion loses grows with the condition of the system; 1e-8 is for good ones.
    condition = 1 + np.linalg.norm(H / factor, 2) ** 2
    assert_close(head.weights(CLASSES), expected, relative * max(1.0, condition / 100))


@given(lesson=lessons())
@settings(max_examples=30)
def test_sums_of_two_learners_merge_exactly(lesson):
    H, positions, _, ridge = lesson
    half = len(H) // 2
    empty = GramHead.empty(WIDTH, ridge)
    one = empty.learn(H[:half], positions[:half], CLASSES)
    two = empty.learn(H[half:], positions[half:], CLASSES)
    assert_close(one.merged(two).weights(CLASSES), slow_joint(H, positions, ridge), 1e-8)


@pytest.mark.parametrize("kind", ["dual", "gram", "printed"])
@given(lesson=lessons())
@settings(max_examples=40)
def test_forgetting_with_the_rows_equals_never_having_seen_them(kind, lesson):
    H, positions, cuts, ridge = lesson
    H = H / np.sqrt(ridge)
    empty = {
        "dual": DualHead.empty(WIDTH, 1.0),
        "gram": GramHead.empty(WIDTH, 1.0),
        "printed": PrintedHead.empty(WIDTH, 1.0, 0.0),
    }[kind]
    head = taught(empty, H, positions, cuts)
    gone = positions == 1
    kept = positions[~gone] - (positions[~gone] > 1)
    if kind == "dual":
        head = head.keep(np.flatnonzero(~gone), kept)
    else:
        head = head.without_column(1, H[gone])
    expected = np.delete(slow_joint(H[~gone], positions[~gone], 1.0), 1, axis=1)
    condition = 1 + np.linalg.norm(H, 2) ** 2
    scale = max(np.abs(expected).max(), 1.0)
    assert np.abs(head.weights(CLASSES - 1) - expected).max() <= 1e-9 * condition**2 * scale


@pytest.mark.parametrize("kind", ["dual", "gram", "printed"])
def test_held_out_scores_equal_refitting_without_the_rows(kind):
    rng = np.random.default_rng(3)
    H, positions = rng.normal(size=(30, WIDTH)), rng.integers(CLASSES, size=30)
    empty = {
        "dual": DualHead.empty(WIDTH, 0.7),
        "gram": GramHead.empty(WIDTH, 0.7),
        "printed": PrintedHead.empty(WIDTH, 0.7, 0.0),
    }[kind]
    head = taught(empty, H, positions, [11, 22])
    rows = np.array([3, 4, 5, 20])
    hat = head.hats(H[rows], rows, [slice(0, 3), slice(3, 4)])
    Y = one_hot(positions, CLASSES)
    Z = H @ head.weights(CLASSES)
    for out, block in ((rows[:3], hat[0]), (rows[3:], hat[1])):
        rest = np.setdiff1d(np.arange(30), out)
        expected = H[out] @ slow_joint(H[rest], positions[rest], 0.7)
        assert np.allclose(held_out_scores(block, Y[out] - Z[out], Y[out]), expected, atol=1e-10)


@pytest.mark.parametrize("kind", ["dual", "gram"])
def test_generalised_cross_validation_equals_its_definition(kind):
    rng = np.random.default_rng(4)
    H, positions = rng.normal(size=(30, WIDTH)), rng.integers(CLASSES, size=30)
    head = DualHead.empty(WIDTH, 1.0).learn(H, positions)
    head = head if kind == "dual" else head.as_gram(CLASSES)
    for ridge in (0.01, 1.0, 50.0):
        G = H @ np.linalg.inv(H.T @ H + ridge * np.eye(WIDTH)) @ H.T
        residual = one_hot(positions, CLASSES) - G @ one_hot(positions, CLASSES)
        expected = 30 * (residual**2).sum() / np.trace(np.eye(30) - G) ** 2
        assert head.gcv(ridge, CLASSES) == pytest.approx(expected, rel=1e-9)


def test_learning_leaves_the_old_head_as_it_was():
    rng = np.random.default_rng(5)
    H, positions = rng.normal(size=(6, WIDTH)), rng.integers(CLASSES, size=6)
    for kind in (DualHead, GramHead, PrintedHead):
        empty = kind.empty(WIDTH, 1.0)
        head = taught(empty, H, positions, [])
        before = head.weights(CLASSES).copy()
        taught(head, H, positions, [2])
        assert np.array_equal(head.weights(CLASSES), before)


def test_joint_weights_are_equation_8():
    rng = np.random.default_rng(6)
    H, positions = rng.normal(size=(9, WIDTH)), rng.integers(CLASSES, size=9)
    fast = joint_weights(H, one_hot(positions, CLASSES), 0.3)
    assert np.allclose(fast, slow_joint(H, positions, 0.3), atol=1e-12)


def test_a_singular_system_is_refused_in_words():
    with pytest.raises(np.linalg.LinAlgError, match="raise `ridge`"):
        inverse(np.zeros((3, 3)))


def test_a_recursion_is_factorised_anew_once_its_rows_are_many():
    rng = np.random.default_rng(0)
    H, positions = rng.normal(size=(200, 40)), rng.integers(CLASSES, size=200)
    head = GramHead.empty(40, 0.5).learn(H[:60], positions[:60], CLASSES).with_inverse()
    for i in range(60, 200):
        head = head.learn(H[i : i + 1], positions[i : i + 1], CLASSES).with_inverse()
        assert head.inverse.taken.shape[1] < 40 / 8
    assert_close(head.weights(CLASSES), joint_weights(H, one_hot(positions, CLASSES), 0.5), 1e-8)
    blocks = [slice(0, 3), slice(3, 7)]
    R = np.linalg.inv(H.T @ H + 0.5 * np.eye(40))
    for form, block in zip(head.hats(H[:7], np.arange(7), blocks), blocks, strict=True):
        assert np.allclose(form, H[block] @ R @ H[block].T)
