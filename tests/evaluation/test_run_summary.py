"""Figures of a run, on runs small enough to count by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from cil_nodes.evaluation.goals import Goal
from cil_nodes.evaluation.run_record import PredictionRow, RunRecord
from cil_nodes.evaluation.run_summary import final_confusion, goals_met, summarise

PHASES = (("mug", "cup"), ("duck",))


def row(phase, truth, label, unknown=False, **more):
    taught = truth in [name for group in PHASES[:phase] for name in group]
    return PredictionRow(phase, truth, label, 0.9, unknown, float(unknown), taught, **more)


def record(*rows, **more):
    return RunRecord("Title", "oracil", 0, PHASES, rows, **more)


BY_HAND = record(
    row(0, "mug", "", unknown=True),
    row(1, "mug", "mug"),
    row(1, "cup", "cup"),
    row(1, "duck", "cup", unknown=True),
    row(2, "mug", "cup"),
    row(2, "cup", "cup", unknown=True),
    row(2, "duck", "duck"),
    row(2, "snail", "mug", unknown=True),
    row(2, "snail", "mug"),
    row(2, "mug", "duck", test=False, latency_ms=9.0),
)


def test_accuracies_by_hand():
    summary = summarise(BY_HAND)
    np.testing.assert_array_equal(summary.matrix.values, [[1.0, np.nan], [0.5, 1.0]])
    assert summary.seen_accuracy == pytest.approx([1.0, 2 / 3])
    assert summary.final_accuracy == pytest.approx(2 / 3)
    assert summary.average_accuracy == pytest.approx(0.75)
    assert summary.forgetting == pytest.approx(0.5)
    assert summary.backward_transfer == pytest.approx(-0.5)
    # The cup was answered rightly, yet called unknown.
    assert summary.accepted_accuracy == pytest.approx(1 / 3)


def test_unknowns_by_hand():
    summary = summarise(BY_HAND)
    first, last = (figures.rates for figures in summary.unknown)
    assert (first.false_unknown_rate, first.unknown_caught_rate) == (0.0, 1.0)
    assert (last.false_unknown_rate, last.unknown_caught_rate) == (pytest.approx(1 / 3), 0.5)
    # Untaught 1 and 0 against taught 0, 1, 0: (2 wins + 1 tie) and (0 wins + 2 ties) of 3 each.
    assert summary.final_unknown.auroc == pytest.approx((2.5 + 1.0) / 6)
    assert summary.before_teaching.unknown_caught_rate == 1.0


def test_pictures_shown_to_teach_count_in_latency_alone():
    summary = summarise(BY_HAND)
    assert (summary.idle.count, summary.idle.p50_ms) == (1, 9.0)
    assert summary.matrix.counts[1].tolist() == [2, 1]


def test_confusion_keeps_unknown_and_never_taught_apart():
    matrix = final_confusion(BY_HAND)
    assert matrix.truths == ("mug", "cup", "duck", "never taught")
    assert matrix.answers == ("mug", "cup", "duck", "unknown")
    expected = [[0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0], [1, 0, 0, 1]]
    np.testing.assert_array_equal(matrix.counts, expected)


def test_nothing_taught_yet_has_no_accuracy():
    summary = summarise(record(row(0, "mug", "", unknown=True)))
    assert math.isnan(summary.final_accuracy)
    assert len(summary.seen_accuracy) == 0
    assert summary.before_teaching.unknown == 1


def test_a_phase_without_pictures_leaves_forgetting_open():
    summary = summarise(record(row(2, "duck", "duck")))
    assert math.isnan(summary.forgetting)
    assert summary.final_accuracy == 1.0


def test_a_class_taught_twice_is_refused():
    with pytest.raises(ValueError, match=r"Phase 2 teaches \['mug'\] a second time"):
        RunRecord("Title", "oracil", 0, (("mug",), ("mug",)), ())


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        (">= 97 %", 97.0, True),
        (">= 97", 96.99, False),
        ("< 5 %", 5.0, False),
        ("<= 5", 5.0, True),
        ("= 0", 0.0, True),
        ("< 5", math.nan, False),
        ("reported", 1.0, None),
    ],
)
def test_goals_with_a_number(text, value, expected):
    assert Goal(text).met(value) is expected


def test_goals_against_references():
    references = {"joint ridge, same features": 72.0, "nearest class mean": 63.0}
    assert Goal(">= joint ridge").met(72.0, references) is True
    assert Goal("> every reference").met(72.0, references) is False
    assert Goal("> every reference").met(72.1, references) is True
    assert Goal("> another").met(72.1, references) is None
    assert Goal("> every reference").met(72.1) is None


def test_goals_of_a_run_are_in_percent():
    run = replace(BY_HAND, goals={"final_accuracy": ">= 66 %", "unknown_caught_rate": ">= 90 %"})
    met = goals_met(run, summarise(run))
    assert met == {"final_accuracy": True, "unknown_caught_rate": False}
    wrong = replace(BY_HAND, goals={"final_acuracy": ">= 66 %"})
    with pytest.raises(ValueError, match="No figure is called 'final_acuracy'"):
        goals_met(wrong, summarise(wrong))
