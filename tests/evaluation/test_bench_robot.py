"""The table a user chooses by, on made-up features: what is measured, and how it is laid out."""

from pathlib import Path

import numpy as np
import pytest

from cil_nodes.evaluation import bench
from cil_nodes.evaluation.bench import robot, robot_runs
from cil_nodes.evaluation.bench.pages import read_result
from cil_nodes.evaluation.bench.phase_runs import Stream
from cil_nodes.evaluation.bench.unknown import World
from cil_nodes.evaluation.protocols import Labelled, joined

CENTRES = np.random.default_rng(0).random((6, 40)) ** 4


def drawn(classes, each, seed):
    rng = np.random.default_rng(seed)
    features = np.repeat(CENTRES[list(classes)], each, axis=0)
    features = np.abs(features + rng.normal(scale=0.05, size=features.shape)).astype(np.float32)
    return Labelled(features, np.repeat([f"thing {c}" for c in classes], each))


@pytest.fixture
def world():
    lessons = (drawn((0, 1), 12, 1), drawn((2, 3), 12, 2))
    return World(lessons, drawn((0, 1, 2, 3), 6, 3), drawn((4, 5), 6, 4))


@pytest.fixture
def stream(world):
    phases = tuple(lesson.classes for lesson in world.lessons)
    return Stream(phases, joined(world.lessons), joined([world.known, world.unknown]))


@pytest.mark.parametrize("method", ["oracil", "innamp", "clifer", "nearest_class_mean"])
def test_a_run_tells_all_figures_of_the_table(method, stream):
    found = robot_runs.measured_run(method, 0, stream)
    assert set(robot.FIGURES) <= set(found)
    assert found["final_accuracy"] > 80
    assert found["unknown_auroc"] > 70
    assert 0 <= found["forgetting"] < 30
    assert found["phase_s"] > 0
    assert found["predict_ms"] > 0
    assert len(found["seconds"]) == len(found["megabytes"]) == len(found["curve"]) == 2
    assert found["memory_mb"] == max(found["megabytes"])
    assert found["accuracy_64mb"] == found["final_accuracy"]
    assert found["settings_64mb"] == {}


def test_what_is_too_large_is_tried_smaller_and_where_nothing_fits_it_says_so(stream, monkeypatch):
    whole = robot_runs.measured_run("innamp", 0, stream)
    budget = int(whole["memory_mb"] * 1e6) - 1
    sizes = ({"exemplars": 11}, {"exemplars": 3}, {"exemplars": 2})
    monkeypatch.setitem(robot_runs.SMALLER, "innamp", sizes)
    found = robot_runs.measured_run("innamp", 0, stream, budget)
    assert found["memory_mb"] == whole["memory_mb"]
    assert found["settings_64mb"] == {"exemplars": 11}
    assert found["accuracy_64mb"] > 60
    for method in ("innamp", "nearest_class_mean"):
        none = robot_runs.measured_run(method, 0, stream, budget=1)
        assert none["accuracy_64mb"] is None


def test_unknowns_of_grocery_are_the_half_that_was_not_taught(world, monkeypatch):
    monkeypatch.setattr(robot_runs, "grocery_half", lambda seed: world)
    monkeypatch.setattr(robot_runs, "sim_world", lambda seed: world)
    assert robot_runs.grocery_unknown("oracil", 0)["unknown_auroc"] > 80
    stream = robot_runs.sim_stream(0)
    assert stream.phases == (("thing 0", "thing 1"), ("thing 2", "thing 3"))
    assert set(stream.test.labels) - {c for phase in stream.phases for c in phase} == {
        "thing 4",
        "thing 5",
    }


def figures(level, fits=True):
    values = dict.fromkeys(robot.FIGURES, level)
    return values | {
        "accuracy_64mb": level if fits else None,
        "settings_64mb": {"M": 2048} if fits else {},
    }


def test_records_and_tables_come_out_of_the_runs():
    found = {
        ("sim", "oracil"): [figures(90.0), figures(92.0)],
        ("sim", "slda"): [figures(80.0)],
        ("grocery", "clare"): [figures(50.0, fits=False)],
    }
    records = {record.id: record for record in robot.records_of(found)}
    assert len(records) == 2 * 5 * len(robot.FIGURES)
    best = records["robot.sim.oracil.final_accuracy"]
    assert (best.value, best.runs, best.unit) == (91.0, 2, "%")
    assert records["robot.sim.oracil.memory_mb"].better == "lower"
    assert "M=2048" in records["robot.sim.oracil.accuracy_64mb"].note
    assert records["robot.sim.clifer.phase_s"].value is None
    unfit = records["robot.grocery.clare.accuracy_64mb"]
    assert unfit.value is None
    assert "No form" in unfit.note
    sim, grocery = (robot.table_of(world, found) for world in robot.WORLDS)
    assert [row[0] for row in sim.rows] == ["ORACIL", "streaming LDA"]
    assert sim.rows[0][1] == 91.0
    assert "2 seeds" in sim.note
    assert grocery.rows[0][-2] is None
    assert "–" in "\n".join(grocery.markdown())


class Made:
    """Hands out made-up parts for whatever is planned."""

    seeds = (0, 1)

    def parts(self, works, words):
        return [figures(70.0) | {"part": work.key["part"]} for work in works]


def test_everybody_is_run_with_every_seed_and_once_on_grocery(monkeypatch):
    class Nothing:
        def key(self):
            return {}

    monkeypatch.setattr(robot, "grocery_source", lambda seed: Nothing())
    monkeypatch.setattr(robot, "LEFT_OUT", ())
    planned = robot.works(Made())
    assert len(planned) == len({str(work.key) for work in planned}) == 2 * 8 + 2 * 8
    assert {work.table for work in planned} == set(robot.BUDGETS)
    result = bench.find("robot").run(Made())
    assert [len(table.rows) for table in result.tables] == [8, 8]
    assert not [record for record in result.records if record.value is None]
    monkeypatch.setattr(robot, "LEFT_OUT", tuple(("grocery", name) for name in robot.EVERYBODY))
    less = bench.find("robot").run(Made())
    assert len(less.tables) == 1
    assert {r.id.split(".")[1] for r in less.records if r.value is None} == {"grocery"}


def test_the_page_that_compares_the_methods_has_the_figures_of_the_result_file():
    docs = Path(__file__).resolve().parents[2] / "docs"
    page = (docs / "choosing.md").read_text(encoding="utf-8").splitlines()
    found = read_result(docs / "benchmarks" / "robot.json")
    printed = [line for table in found.tables for line in table.markdown() if line[:2] == "| "]
    assert len(printed) > 4
    assert [line for line in printed if line not in page] == []
