"""The running figures, on streams whose right answers are plain."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cil_nodes.evaluation.online import Answered, OnlineMetrics

ROI = (0, 0, 0, 0)


def key(stamp: int) -> tuple[int, str, tuple[int, int, int, int]]:
    return (stamp, "camera", ROI)


def known(label: str, score: float = 0.1) -> Answered:
    return Answered(label, False, score, 5.0)


def unknown(score: float = 0.9) -> Answered:
    return Answered("unknown", True, score, 5.0)


def feed(metrics: OnlineMetrics, pairs: list[tuple[str, Answered]], start: int = 0) -> None:
    for stamp, (truth, answer) in enumerate(pairs, start):
        metrics.add_truth(key(stamp), truth)
        metrics.add_prediction(key(stamp), answer)


def test_nothing_measured_is_nan_and_zero():
    figures = OnlineMetrics().figures()
    assert (figures.compared, figures.unmatched) == (0, 0)
    assert math.isnan(figures.accuracy)
    assert math.isnan(figures.forgetting)
    assert math.isnan(figures.latency_p99_ms)


def test_rates_of_taught_and_untaught():
    metrics = OnlineMetrics()
    metrics.set_taught(["Mug", "duck"])
    feed(
        metrics,
        [
            ("mug", known("Mug")),
            ("duck", known("mug")),
            ("duck", unknown(0.6)),
            ("brick", unknown(0.8)),
            ("brick", known("mug", 0.2)),
            ("", known("mug")),
        ],
    )
    figures = metrics.figures()
    assert figures.compared == 6
    assert figures.accuracy == pytest.approx(1 / 3)
    assert figures.false_unknown_rate == pytest.approx(1 / 3)
    assert figures.unknown_caught_rate == pytest.approx(1 / 2)
    # Known scores .1 .1 .6, unknown .8 .2: of six pairs five stand in the right order.
    assert figures.unknown_auroc == pytest.approx(5 / 6)
    assert figures.latency_p50_ms == 5.0


def test_forgetting_is_the_fall_from_the_best_earlier_version():
    metrics = OnlineMetrics()
    metrics.set_taught(["mug"])
    feed(metrics, [("mug", known("mug"))] * 4)
    assert metrics.close_version().accuracy == 1.0
    feed(metrics, [("mug", known("duck")), ("mug", known("mug"))], start=10)
    figures = metrics.figures()
    assert figures.forgetting == pytest.approx(0.5)
    assert figures.accuracy == pytest.approx(0.5)
    assert figures.accuracy_window == pytest.approx(5 / 6)


@given(st.lists(st.sampled_from(["mug", "duck", "brick"]), max_size=40), st.randoms())
def test_order_of_arrival_does_not_matter(truths: list[str], order: random.Random):
    straight, mixed = OnlineMetrics(), OnlineMetrics()
    for metrics in (straight, mixed):
        metrics.set_taught(["mug", "duck"])
    feed(straight, [(truth, known("mug")) for truth in truths])
    events = [("truth", i) for i in range(len(truths))] + [
        ("answer", i) for i in range(len(truths))
    ]
    order.shuffle(events)
    for kind, i in events:
        if kind == "truth":
            mixed.add_truth(key(i), truths[i])
        else:
            mixed.add_prediction(key(i), known("mug"))
    assert repr(straight.figures()) == repr(mixed.figures())


def test_lost_frames_are_counted_and_memory_stays_bounded():
    metrics = OnlineMetrics(waiting=10)
    for stamp in range(50):
        metrics.add_truth(key(stamp), "mug")
        metrics.add_prediction(key(1000 + stamp), known("mug"))
    assert metrics.figures().unmatched == 40
    assert metrics.expire(before_ns=45) == 5
    assert metrics.figures().unmatched == 45


def test_another_region_of_the_same_image_is_another_pair():
    metrics = OnlineMetrics()
    metrics.set_taught(["mug"])
    metrics.add_truth((1, "camera", (0, 0, 10, 10)), "mug")
    metrics.add_prediction((1, "camera", (5, 5, 10, 10)), known("mug"))
    assert metrics.figures().compared == 0
