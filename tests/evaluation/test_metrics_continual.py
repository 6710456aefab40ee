"""Metrics of learning in phases, on cases worked out by hand and against literal formulas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cil_nodes.evaluation import metrics

HAND = np.array(
    [
        [0.9, np.nan, np.nan],
        [0.8, 0.7, np.nan],
        [0.6, 0.75, 1.0],
    ]
)


def square_matrices(size):
    return arrays(np.float64, (size, size), elements=st.floats(0, 1, width=32))


def literal_forgetting(a):
    """Eq. 19, word for word, with phases counted from 1."""
    n = len(a)
    total = 0.0
    for k in range(1, n):
        total += max(a[t - 1][k - 1] for t in range(k, n + 1)) - a[n - 1][k - 1]
    return total / (n - 1)


def test_average_accuracy_and_forgetting_by_hand():
    assert metrics.average_accuracy(HAND) == pytest.approx((0.6 + 0.75 + 1.0) / 3)
    # Phase 1 fell from 0.9 to 0.6; phase 2 rose, which is nothing forgotten.
    assert metrics.forgetting(HAND) == pytest.approx((0.3 + 0.0) / 2)
    assert metrics.backward_transfer(HAND) == pytest.approx((-0.3 + 0.05) / 2)
    assert metrics.phase_averages(HAND) == pytest.approx([0.9, 0.75, 2.35 / 3])


def test_one_phase_forgets_nothing():
    assert metrics.forgetting([[0.4]]) == 0.0
    assert metrics.backward_transfer([[0.4]]) == 0.0
    assert metrics.average_accuracy([[0.4]]) == 0.4


@given(square_matrices(5))
def test_forgetting_follows_the_literal_formula_and_is_never_negative(a):
    assert metrics.forgetting(a) == pytest.approx(literal_forgetting(a))
    assert metrics.forgetting(a) >= 0.0


def test_what_lies_above_the_diagonal_changes_nothing():
    filled = np.where(np.isnan(HAND), 0.123, HAND)
    assert metrics.forgetting(filled) == metrics.forgetting(HAND)
    assert metrics.average_accuracy(filled) == metrics.average_accuracy(HAND)


def test_forward_transfer_by_hand():
    a = np.array([[0.9, 0.4, 0.1], [0.8, 0.7, 0.5], [0.6, 0.7, 1.0]])
    assert metrics.forward_transfer(a, [0.3, 0.1, 0.2]) == pytest.approx((0.3 + 0.3) / 2)
    with pytest.raises(ValueError, match="phase after each one learned"):
        metrics.forward_transfer(HAND, [0.0, 0.0, 0.0])
    with pytest.raises(ValueError, match=r"shape \(3,\), got \(2,\)"):
        metrics.forward_transfer(a, [0.0, 0.0])


def test_order_disparity_by_hand():
    averages = [[0.9, 0.8, 0.7], [0.8, 0.85, 0.7], [0.95, 0.8, 0.6]]
    assert metrics.opd(averages) == pytest.approx([0.15, 0.05, 0.1])
    assert metrics.aopd(averages) == pytest.approx(0.1)
    assert metrics.mopd(averages) == pytest.approx(0.15)


def test_one_order_has_no_disparity():
    assert metrics.aopd([[0.1, 0.9]]) == 0.0


def test_accuracy_matrix_counts_answers():
    after = [0, 0, 1, 1, 1, 1]
    taught_in = [0, 0, 0, 0, 1, 1]
    correct = [True, False, True, True, False, False]
    built = metrics.accuracy_matrix(after, taught_in, correct)
    np.testing.assert_array_equal(built.values, [[0.5, np.nan], [1.0, 0.0]])
    np.testing.assert_array_equal(built.counts, [[2, 0], [2, 2]])
    assert built.seen_accuracy == pytest.approx([0.5, 0.5])


@given(st.data())
def test_seen_accuracy_is_the_plain_share_of_right_answers(data):
    n = data.draw(st.integers(1, 60))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    after = rng.integers(0, 4, n)
    taught_in = rng.integers(0, 4, n)
    correct = rng.random(n) < 0.5
    built = metrics.accuracy_matrix(after, taught_in, correct, phases=4)
    for phase in range(4):
        shown = (after == phase) & (taught_in <= phase)
        if shown.any():
            assert built.seen_accuracy[phase] == pytest.approx(correct[shown].mean())
        else:
            assert np.isnan(built.seen_accuracy[phase])


def test_phase_numbers_out_of_range_are_refused():
    with pytest.raises(ValueError, match="0 to 1"):
        metrics.accuracy_matrix([2], [0], [True], phases=2)
    with pytest.raises(ValueError, match="taught_in holds phase 3, but phases is 2"):
        metrics.accuracy_matrix([0], [3], [True], phases=2)
    with pytest.raises(ValueError, match="after: 1, taught_in: 2"):
        metrics.accuracy_matrix([0], [0, 1], [True, True])


def test_missing_entries_and_shapes_are_refused():
    with pytest.raises(ValueError, match="no figure for a phase"):
        metrics.forgetting([[np.nan, 0.0], [0.1, 0.2]])
    with pytest.raises(ValueError, match=r"square \(N, N\), got shape \(1, 2\)"):
        metrics.average_accuracy([[0.1, 0.2]])


def test_mean_matrix_averages_runs():
    first = metrics.accuracy_matrix([0], [0], [True])
    second = metrics.accuracy_matrix([0], [0], [False])
    np.testing.assert_array_equal(metrics.mean_matrix([first, second]), [[0.5]])
