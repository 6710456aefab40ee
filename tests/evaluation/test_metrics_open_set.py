"""Figures of unknowns and latency, beside scikit-learn's and slow versions."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from cil_nodes.evaluation import metrics

# Few distinct values, so that ties happen.
SCORES = st.lists(st.integers(0, 12).map(lambda value: value / 12), min_size=1, max_size=30)


def slow_oscr(known, correct, unknown):
    """Walk over thresholds in Python and add up trapezoids."""
    points = [(0.0, 0.0)]
    for threshold in sorted(set(known) | set(unknown)):
        rate = sum(s <= threshold and c for s, c in zip(known, correct, strict=True)) / len(known)
        points.append((sum(s <= threshold for s in unknown) / len(unknown), rate))
    area = 0.0
    for (x0, y0), (x1, y1) in pairwise(points):
        area += (x1 - x0) * (y0 + y1) / 2
    return area


def slow_fpr(known, unknown, true_rate):
    """Try every threshold from the top; compare whole counts, not rounded rates."""
    for threshold in sorted(set(known) | set(unknown), reverse=True):
        caught = sum(s >= threshold for s in unknown)
        if caught >= np.ceil(round(true_rate * len(unknown), 9)):
            return sum(s >= threshold for s in known) / len(known)
    raise AssertionError("the lowest threshold catches everything")


@given(SCORES, SCORES)
def test_auroc_and_curve_equal_scikit_learns(known, unknown):
    truth = [0] * len(known) + [1] * len(unknown)
    scores = known + unknown
    assert metrics.auroc(known, unknown) == pytest.approx(sk.roc_auc_score(truth, scores))
    curve = metrics.roc_curve(known, unknown)
    fpr, tpr, _ = sk.roc_curve(truth, scores, drop_intermediate=False)
    np.testing.assert_allclose(curve.false_rate, fpr, atol=1e-12)
    np.testing.assert_allclose(curve.true_rate, tpr, atol=1e-12)


@given(SCORES, SCORES, st.sampled_from([0.5, 0.8, 0.9, 0.95, 1.0]))
def test_fpr_at_tpr_equals_the_slow_version(known, unknown, rate):
    assert metrics.fpr_at_tpr(known, unknown, rate) == pytest.approx(slow_fpr(known, unknown, rate))


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=25), SCORES)
def test_oscr_equals_the_slow_version(pairs, unknown):
    known = [score / 9 for score, _ in pairs]
    correct = [right for _, right in pairs]
    area = metrics.oscr(known, correct, unknown)
    assert area == pytest.approx(slow_oscr(known, correct, unknown))
    assert area <= np.mean(correct) + 1e-12


@given(SCORES, SCORES)
def test_oscr_of_a_faultless_classifier_is_auroc(known, unknown):
    assert metrics.oscr(known, [True] * len(known), unknown) == pytest.approx(
        metrics.auroc(known, unknown)
    )


def test_separated_scores():
    assert metrics.auroc([0.1, 0.2], [0.8, 0.9]) == 1.0
    assert metrics.fpr_at_tpr([0.1, 0.2], [0.8, 0.9]) == 0.0
    assert metrics.oscr([0.1, 0.2], [True, False], [0.8, 0.9]) == pytest.approx(0.5)


def test_rates_at_the_threshold():
    rates = metrics.unknown_rates([True, True, True, True, False], [False, True, False, False, 1])
    assert (rates.false_unknown_rate, rates.unknown_caught_rate) == (0.25, 1.0)
    assert (rates.known, rates.unknown) == (4, 1)
    assert np.isnan(metrics.unknown_rates([True], [False]).unknown_caught_rate)


def test_scores_that_are_not_finite_are_refused_by_name():
    with pytest.raises(ValueError, match="unknown must be finite, got 1 NaN or infinite of 2"):
        metrics.auroc([0.1], [0.2, float("nan")])
    with pytest.raises(ValueError, match="known must hold at least one score"):
        metrics.auroc([], [0.2])


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=50))
def test_latency_percentiles_equal_numpys(values):
    summary = metrics.latency_summary([*values, float("nan")])
    assert summary.count == len(values)
    assert summary.p50_ms == pytest.approx(np.median(values))
    assert summary.p99_ms == pytest.approx(np.percentile(values, 99))
    assert summary.max_ms == max(values)


def test_latency_of_nothing():
    summary = metrics.latency_summary([])
    assert summary.count == 0
    assert np.isnan(summary.p99_ms)
