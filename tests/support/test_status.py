"""`cil status` of a real graph: who is there, what passes, what is missing, what to do."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: rclpy is missing")

from cil_msgs.action import TrainPhase
from cil_msgs.msg import FeatureVector
from cil_msgs.srv import AddSamples

from cil_nodes.cli import main
from cil_nodes.nodes.camera import Camera
from cil_nodes.nodes.extractor import Extractor
from cil_nodes.nodes.labeler import Labeler
from cil_nodes.nodes.learner import Learner
from cil_nodes.ros.teaching_messages import sample_from_features, sample_to_message
from cil_nodes.support import status
from cil_nodes.support.graph_watch import GraphReport, GraphWatch, NodeReport
from tests.nodes.canned import METHOD
from tests.nodes.tiny_onnx import write_mean_colour
from tests.ros_support import NodeThread, RosProbe


def flags(**settings: Any) -> list[str]:
    return [word for name, value in settings.items() for word in ("-p", f"{name}:={value}")]


def start(stack: contextlib.ExitStack, folder: Path) -> None:
    """A camera of pictures, an extractor and a learner, of which all is known."""
    model = write_mean_colour(folder / "mean_colour.onnx")
    pictures = folder / "pictures"
    pictures.mkdir()
    for number in range(4):
        picture = np.full((24, 32, 3), 60 * number, np.uint8)
        assert cv2.imwrite(str(pictures / f"{number}.png"), picture)
    for make, settings in (
        (Extractor, {"model": model}),
        (Learner, {"folder": folder / "learner", "method": METHOD}),
        (Camera, {"source": f"folder:{pictures}", "loop": "true", "rate": 20.0}),
    ):
        stack.enter_context(NodeThread(make, *flags(**settings)))


def teach(probe: RosProbe) -> None:
    """Label what comes as a mug and learn it."""
    seen = probe.listen(FeatureVector, "features")
    probe.expect_count("features", 6)
    samples = []
    for message in seen[:6]:
        sample = sample_to_message(sample_from_features(message))
        sample.label = "my private mug"
        samples.append(sample)
    assert probe.call_service(AddSamples, "add_samples", samples=samples).accepted == 6
    handle, _ = probe.send_goal(TrainPhase, "train_phase")
    assert probe.goal_result(handle).result.version == 1


@pytest.fixture
def taught(probe: RosProbe, tmp_path: Path) -> Iterator[RosProbe]:
    with contextlib.ExitStack() as stack:
        start(stack, tmp_path)
        for name in ("camera", "extractor", "learner"):
            probe.wait_active(name)
        teach(probe)
        yield probe


def seen(watch: GraphWatch, probe: RosProbe, where: Any, what: str) -> GraphReport:
    """Wait until the report fits."""
    reports: list[GraphReport] = []

    def fits() -> bool:
        reports[:] = [watch.report()]
        return bool(where(reports[0]))

    probe.wait(fits, what, seen=lambda: status.as_text(reports[0]))
    return reports[0]


def test_status_of_a_graph_that_lacks_its_labeler_and_then_has_it(
    taught: RosProbe, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert shown["missing"] == ["labeler"]
    assert [node["state"] for node in shown["nodes"]] == ["active"] * 3
    assert shown["learner"]["version"] == 1
    (advice,) = [text for text in shown["advice"] if "missing" in text]
    assert advice.startswith("labeler is missing: no labels are taken.")
    assert "cil up nodes:=labeler namespace:=cil" in advice

    with NodeThread(Labeler), GraphWatch("cil") as watch:
        taught.wait_active("labeler")
        report = seen(
            watch,
            taught,
            lambda r: status.is_well(r) and r.learner and all(n.level == "ok" for n in r.nodes),
            "a graph in which all is well",
        )
        text = status.as_text(report)
        values = {node.name: node.values for node in report.nodes}
        assert 5 < float(values["camera"]["images_hz"]) < 40
        assert 5 < float(values["extractor"]["features_hz"]) < 40
        assert (values["learner"]["version"], values["learner"]["classes"]) == ("1", "1")
        assert values["learner"]["worker"] == "alive"
        assert int(values["learner"]["worker_memory_mb"]) > 10
        assert text.startswith("/cil\n")
        assert "images 2" in text or "images 1" in text
        assert "classes: my private mug (6)" in text
        assert text.endswith("all is well")

        # one more camera under the same name, and one that sleeps
        with NodeThread(Labeler, "-p", "autostart:=false"):
            report = seen(
                watch,
                taught,
                lambda r: any(n.running == 2 for n in r.nodes),
                "two labelers",
            )
            assert not status.is_well(report)
            assert any("2 nodes are called /cil/labeler" in text for text in status.advice(report))


def test_an_empty_namespace_is_said_with_what_to_do(
    own_domain: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "namespace:=nowhere", "--seconds", "0.5"]) == 1
    out = capsys.readouterr().out
    assert "No node of ours runs in /nowhere. Start the graph: cil up namespace:=nowhere" in out


def test_an_inactive_and_an_unconfigured_node_are_told_apart(
    probe: RosProbe, tmp_path: Path
) -> None:
    settings = flags(autostart="false", folder=tmp_path, method=METHOD)
    with NodeThread(Learner, *settings), GraphWatch("cil") as watch:
        report = seen(
            watch, probe, lambda r: r.nodes and r.nodes[0].state == "unconfigured", "a new node"
        )
        assert any("ros2 lifecycle set /cil/learner configure" in t for t in status.advice(report))
        assert probe.change_state("learner", "configure")
        report = seen(
            watch, probe, lambda r: r.nodes[0].message == "inactive", "what it says of itself"
        )
        assert report.nodes[0].values["pending"] == "0"
        report = seen(watch, probe, lambda r: r.nodes[0].state == "inactive", "its state")
        assert any("ros2 lifecycle set /cil/learner activate" in t for t in status.advice(report))


# -- judging, without a graph


def node(name: str, state: str = "active", level: str = "ok", **values: str) -> NodeReport:
    return NodeReport(name, 1, state, level, "it hurts", {k: str(v) for k, v in values.items()})


def test_a_driver_stands_in_for_our_camera() -> None:
    names = ("extractor", "learner", "labeler")
    nodes = tuple(node(name) for name in names)
    assert status.missing(GraphReport("cil", nodes, image_publishers=0)) == ["camera"]
    assert status.missing(GraphReport("cil", nodes, image_publishers=1)) == []
    fed = (node("extractor", images_hz="9.9"), *nodes[1:])
    assert status.missing(GraphReport("cil", fed, image_publishers=0)) == []


def test_errors_and_silence_are_not_well_and_losses_are_shown() -> None:
    names = ("camera", "learner", "labeler")
    others = tuple(node(name) for name in names)
    for level, words in (("error", "it hurts"), ("stale", "says nothing of itself")):
        report = GraphReport("cil", (*others, node("extractor", level=level)), 1)
        assert not status.is_well(report)
        assert any(words in text for text in status.advice(report))
    assert status.is_well(GraphReport("cil", (*others, node("extractor", level="warning")), 1))
    shown = status.as_text(
        GraphReport("cil", (node("extractor", dropped="3", images_hz="9.0", last_error="Oh."),), 1)
    )
    assert "3 dropped" in shown
    assert "images 9.0/s" in shown
    assert "extractor, ? s ago: Oh." in shown


def test_what_is_not_a_number_is_null_in_json() -> None:
    report = GraphReport("cil", (node("learner", recall=float("nan")),), 0)
    assert "NaN" not in status.as_json(report)
