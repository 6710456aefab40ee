"""Streams in phases: orders, splits, plans, and what is asked of a learner."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cil_nodes.evaluation.peers import NearestClassMean
from cil_nodes.evaluation.protocols import (
    Labelled,
    class_order,
    joint_accuracy,
    plan_objects,
    run_phases,
    split_phases,
    unit_rows,
)
from cil_nodes.evaluation.run_record import RunRecord
from cil_nodes.evaluation.run_summary import summarise


def clouds(classes, per_class=12, seed=0, spread=0.15):
    """Gaussian clouds around random directions; the same directions for every seed."""
    centres = np.random.default_rng(99).normal(size=(20, 16))
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.array(classes), per_class)
    rows = np.stack([centres[int(name[1:])] for name in labels])
    return Labelled(rows + rng.normal(scale=spread, size=rows.shape), labels)


CLASSES = tuple(f"c{n}" for n in range(8))


def test_the_order_of_seed_1993_is_the_published_one():
    order = class_order([str(n) for n in range(100)])
    assert order[:6] == ("68", "56", "78", "8", "23", "84")


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_phases_deal_out_every_class_once_and_evenly(number, phases, seed):
    classes = [f"class {n}" for n in range(number)]
    if phases > number:
        with pytest.raises(ValueError, match="cannot be dealt out"):
            split_phases(classes, phases, seed)
        return
    dealt = split_phases(classes, phases, seed)
    assert sorted(sum(dealt, ())) == sorted(classes)
    sizes = [len(part) for part in dealt]
    assert max(sizes) - min(sizes) <= 1
    assert all(a >= b for a, b in pairwise(sizes))


def test_a_plan_depends_on_the_seed_alone():
    objects = tuple(f"thing {n}" for n in range(48))
    plan = plan_objects(objects, seed=3)
    assert plan == plan_objects(objects, seed=3)
    assert plan != plan_objects(objects, seed=4)
    taught = [label for labels in plan.phases for label in labels]
    assert [len(labels) for labels in plan.phases] == [6, 5, 5]
    assert len(set(taught)) == 16
    assert len(set(plan.never) - set(taught)) == 8
    with pytest.raises(ValueError, match="16 taught and 8 untaught objects are 24, but there are"):
        plan_objects(objects[:23])


def test_a_run_shows_everything_after_every_phase():
    train, test = clouds(CLASSES[:6], seed=1), clouds(CLASSES, per_class=5, seed=2)
    phases = split_phases(CLASSES[:6], 3, seed=None)
    fractions = []
    rows = run_phases(
        NearestClassMean(), phases, train, test, lambda fraction, words: fractions.append(fraction)
    )
    assert len(rows) == 3 * len(test.labels)
    assert fractions == pytest.approx([1 / 3, 2 / 3, 1])
    first = [row for row in rows if row.phase == 1]
    assert {row.truth for row in first if row.taught} == {"c0", "c1"}
    assert {row.label for row in first} <= {"c0", "c1"}
    summary = summarise(RunRecord("", "m", 0, phases, tuple(rows)))
    assert summary.final_accuracy > 0.95
    assert summary.final_unknown.rates.unknown == 10
    assert summary.final_unknown.auroc > 0.9


def test_joining_phases_equals_learning_together_for_a_mean():
    train, test = clouds(CLASSES, seed=1, spread=0.6), clouds(CLASSES, seed=2, spread=0.6)
    rows = run_phases(NearestClassMean(), split_phases(CLASSES, 4, seed=5), train, test)
    last = [row.correct for row in rows if row.phase == 4]
    assert np.mean(last) == joint_accuracy(NearestClassMean(), train, test)


def test_a_class_without_pictures_is_named():
    with pytest.raises(ValueError, match="Phase 2 teaches 'c7', but no picture shows it"):
        run_phases(NearestClassMean(), [("c0",), ("c7",)], clouds(("c0",)), clouds(("c0",)))


def test_features_and_labels_must_belong_together():
    with pytest.raises(ValueError, match="do not belong together"):
        Labelled(np.zeros((3, 2)), np.array(["a", "b"]))


def test_rows_of_zeros_stay_zeros():
    np.testing.assert_array_equal(unit_rows([[3.0, 4.0], [0.0, 0.0]]), [[0.6, 0.8], [0.0, 0.0]])
