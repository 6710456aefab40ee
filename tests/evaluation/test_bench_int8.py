"""The int8 benchmark's own arithmetic; the networks are measured by the benchmark itself."""

import pytest

from cil_nodes.evaluation.bench import int8


def test_calls_that_are_timed_take_turns():
    order = []
    medians = int8.medians_ms([lambda: order.append("a"), lambda: order.append("b")], rounds=3)
    assert order == ["a", "b"] * 3
    assert len(medians) == 2
    assert min(medians) >= 0


def test_loss_is_in_points_and_speedup_over_the_float_form():
    exact, short = int8.MODELS
    loss = int8._loss({exact: 81.5, short: 80.25})
    speed = int8._speedup({exact: 9.0, short: 6.0})
    assert (loss.value, loss.unit, loss.better) == (pytest.approx(1.25), "points", "lower")
    assert speed.value == pytest.approx(1.5)
