"""The fleet's and the scale's own arithmetic, on small made-up features."""

import numpy as np
import pytest

from cil_nodes.evaluation.bench import oracil_merge, oracil_scale
from cil_nodes.evaluation.protocols import Labelled
from cil_nodes.learners import Oracil, merge


def data(classes=8, samples=8):
    X, y = oracil_scale.made_up(range(classes), samples, dimension=24)
    return Labelled(X, np.array([f"class {n:02}" for n in y]))


@pytest.mark.parametrize("split", oracil_merge.SPLITS)
def test_shares_cover_everything_once(split):
    everything = data()
    shares = oracil_merge.shares(everything, split)
    assert sorted(np.concatenate(shares).tolist()) == list(range(len(everything.labels)))
    known = [set(everything.labels[own]) for own in shares]
    assert all(len(own) == (2 if split == "classes" else 8) for own in known)


def test_a_fleet_is_compared_with_one_that_saw_everything():
    everything = data()
    found = oracil_merge.compare(everything, everything, "classes")
    assert found["max_difference"] < 1e-6
    assert found["fleet_accuracy"] == found["single_accuracy"] == 100
    assert found["best_alone"] == pytest.approx(25)
    difference, fleet, single = oracil_merge.records({"classes": found, "samples": found})
    assert difference.met
    assert fleet.value == single.value == fleet.reference["one learner that saw everything"]


def test_a_sample_that_counts_twice_would_show():
    everything = data()
    half = len(everything.labels) // 2
    rows = (slice(0, half), slice(half - 1, None))
    a, b = (Oracil().fit(everything.features[r], everything.labels[r]) for r in rows)
    single = Oracil().fit(everything.features, everything.labels)
    assert oracil_merge.difference(merge(a, b), single) > 1e-3


def test_only_the_first_images_of_each_class_are_taken():
    few = oracil_merge.first_images(data(samples=6), 2)
    assert np.unique(few.labels, return_counts=True)[1].tolist() == [2] * 8


def test_every_size_has_its_figures_and_is_drawn():
    found = {size: oracil_scale.measure(size, per_phase=4, dimension=24) for size in (4, 10)}
    records = oracil_scale.records(found)
    assert [r.id for r in records][:2] == ["oracil.scale.4.update_s", "oracil.scale.4.memory_mb"]
    assert all(r.value > 0 for r in records)
    assert found[10]["memory_mb"] > found[4]["memory_mb"]
    assert len(oracil_scale._drawings(found)) == 3
    assert len(oracil_scale._table(found).rows) == 2
