"""Costs and areas, worked out by hand."""

import numpy as np
import pytest

from cil_nodes.evaluation import metrics


def test_costs_of_a_run_by_hand():
    cost = metrics.cost(
        samples=[100, 100, 100, 100],
        update_s=[1.0, 5.0, 2.0, 3.0],
        predict_s=[0.1, 0.2, 0.4, 0.0],
        shown=[1000, 1000, 1000, 0],
        memory_bytes=[500, 900, 1000, 1100],
    )
    assert (cost.update_s, cost.longest_update_s) == (3.0, 5.0)
    assert cost.predict_ms == pytest.approx(0.4)
    assert cost.memory_bytes == 1100
    assert cost.growth_bytes == pytest.approx(1.0)


def test_a_run_that_showed_nothing_has_no_answer_time():
    cost = metrics.cost([5], [1.0], [0.0], [0], [10])
    assert np.isnan(cost.predict_ms)
    assert cost.growth_bytes == 0.0
    with pytest.raises(ValueError, match="without a step"):
        metrics.cost([], [], [], [], [])


def test_growth_is_the_slope_of_the_second_half():
    assert metrics.growth([0, 10, 20, 30], [0, 80, 100, 100]) == pytest.approx(0.0)
    assert metrics.growth([1, 2, 4, 8], [7, 7, 12, 20]) == pytest.approx(2.0)
    assert metrics.growth([1, 2], [3, 5]) == pytest.approx(2.0)


def test_the_area_of_a_learning_curve_by_hand():
    assert metrics.learning_curve_area([0.9, 0.8, 0.4]) == pytest.approx(0.7)
    with pytest.raises(ValueError, match=r"shape \(phases,\)"):
        metrics.learning_curve_area([])


def test_the_regret_forgets_how_hard_the_first_classes_were():
    joint = np.array([[0.9, 0.8, 0.7], [0.6, 0.7, 0.7]])
    assert metrics.aopd(joint) == pytest.approx((0.3 + 0.1 + 0.0) / 3)
    assert metrics.regret_aopd(joint, joint) == 0.0
    assert metrics.regret_aopd(joint - [[0.1], [0.1]], joint) == pytest.approx(0.0)
    swayed = joint - [[0.0, 0.0, 0.03], [0.0, 0.0, 0.0]]
    assert metrics.regret_aopd(swayed, joint) == pytest.approx(0.01)
    with pytest.raises(ValueError, match="must belong together"):
        metrics.regret_aopd(joint, joint[:, :2])
