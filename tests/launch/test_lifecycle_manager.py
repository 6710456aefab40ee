"""A lifecycle manager leads every node down and up again, over the nodes' own services."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cil_msgs.msg import Prediction
from sensor_msgs.msg import Image

from cil_nodes.ros import graph, qos
from cil_nodes.ros.runner import GraphProcess
from tests.nodes.tiny_onnx import write_mean_colour
from tests.ros_support import RosProbe

cv2 = pytest.importorskip("cv2")

UP = (("configure", "inactive"), ("activate", "active"))
DOWN = (("deactivate", "inactive"), ("cleanup", "unconfigured"))


def test_every_node_goes_up_and_down_and_up_again(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "red.png"), np.full((24, 32, 3), (0, 0, 200), np.uint8))
    words = {
        "nodes": ",".join(graph.NODES),
        "autostart": "false",
        "source": f"folder:{tmp_path}",
        "model": str(write_mean_colour(tmp_path / "mean_colour.onnx")),
        "folder": str(tmp_path / "memory"),
        "record": str(tmp_path / "bag"),
    }
    with GraphProcess(words, {("camera", "loop"): "true"}) as running, RosProbe() as probe:
        # Learners first, as a manager would: what sends comes last up and first down.
        upwards = [*reversed(graph.NODES)]
        for steps in (UP, DOWN, UP):
            order = upwards if steps is UP else [*graph.NODES]
            for transition, state in steps:
                for node in order:
                    assert probe.change_state(node, transition), f"{node} refused to {transition}"
                    assert probe.state_of(node) == state
        probe.listen(Prediction, "predictions")
        probe.expect_message("predictions")
        probe.listen(Image, "annotated", qos.IMAGE)
        probe.expect_message("annotated")
        running.check()
        assert set(running.stop().values()) == {0}
