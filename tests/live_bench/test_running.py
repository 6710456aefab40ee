"""The live benchmarks in small: real processes, a few frames, a lesson."""

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: rclpy is missing")

from cil_nodes.live_bench import label_to_known, rig, variants


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Ten classes in place of a hundred, and no time to settle."""
    for module in (rig, label_to_known):
        monkeypatch.setattr(module, "CLASSES", 10)
    monkeypatch.setattr(variants, "SETTLE", 0.2)
    monkeypatch.setattr(label_to_known, "GIVE_WAY", 0.2)


def test_the_pipeline_is_measured_while_frames_come_from_a_file():
    found = variants.at_rest("pipeline,learner", pipeline=True, seconds=1.0)
    assert found["count"] > 0
    assert found["sent"] == found["count"] + found["dropped"]
    assert 0 < found["p50_ms"] <= found["p99_ms"]


def test_lessons_are_learned_while_frames_are_answered():
    found = variants.while_training(seconds=0.5, per_class=2)
    assert found["lessons"] == len(found["lesson_seconds"]) >= 1
    assert found["with_handing_over"]["sent"] >= found["sent"] > 0
    stages = found["stages"]
    for stage in ("extractor.arrival", "extractor.read", "extractor.encode", "learner.answer"):
        assert stages[f"{stage}_p50_ms"] > 0, stage


def test_a_label_becomes_a_known_class_and_its_parts_are_told():
    (one,) = label_to_known.repeats(1, "oracil")
    assert one["seconds"] == pytest.approx(sum(one["parts"].values()))
    assert one["parts"]["labelled"] > 0
    assert one["parts"]["fitting"] > 0
