"""Accuracy, macro F1 and confusion, beside scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from cil_nodes.evaluation import metrics

LABELS = st.sampled_from(["mug", "cup", "bowl", "fork"])


@pytest.mark.filterwarnings("ignore:A single label was found")
@given(st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=40))
def test_figures_equal_scikit_learns(pairs):
    truth, answer = (list(side) for side in zip(*pairs, strict=True))
    assert metrics.accuracy(truth, answer) == pytest.approx(sk.accuracy_score(truth, answer))
    expected = sk.f1_score(truth, answer, average="macro", zero_division=0.0)
    assert metrics.macro_f1(truth, answer) == pytest.approx(expected)
    np.testing.assert_array_equal(
        metrics.confusion(truth, answer).counts,
        sk.confusion_matrix(truth, answer, labels=sorted({*truth, *answer})),
    )


def test_confusion_keeps_the_order_asked_for():
    built = metrics.confusion(["b", "a", "b"], ["a", "a", "c"], ("b", "a"), ("c", "a"))
    np.testing.assert_array_equal(built.counts, [[1, 1], [0, 1]])
    with pytest.raises(ValueError, match=r"\('b', 'z'\) is missing"):
        metrics.confusion(["b"], ["z"], ("b",), ("a",))


def test_most_confused_lists_wrong_pairs_by_count():
    truth = ["a", "a", "a", "b", "b", "c"]
    answer = ["b", "b", "a", "c", "b", "a"]
    pairs = metrics.most_confused(metrics.confusion(truth, answer))
    assert pairs == [("a", "b", 2), ("b", "c", 1), ("c", "a", 1)]


def test_nothing_shown_is_nan():
    assert np.isnan(metrics.accuracy([], []))
    assert np.isnan(metrics.macro_f1([], []))


def test_unequal_lengths_are_refused_by_name():
    with pytest.raises(ValueError, match="truth: 2, answer: 1"):
        metrics.accuracy(["a", "b"], ["a"])
