"""The table of topics and calls says what the running nodes really have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cil_nodes.nodes.camera import Camera
from cil_nodes.nodes.extractor import Extractor
from cil_nodes.ros import graph, reference
from cil_nodes.ros.lifecycle import CilNode
from tests.nodes.tiny_onnx import write_mean_colour
from tests.ros_support import NAMESPACE, NodeThread, RosProbe

ROS_OWN = ("rosout", "parameter_events", "transition_event", "clock")


def make(name: str, tmp_path: Path) -> tuple[type[CilNode[Any]], list[str]]:
    """Return a node's class and arguments with which it starts anywhere."""
    if name == "camera":
        cv2.imwrite(str(tmp_path / "one.png"), np.zeros((8, 8, 3), np.uint8))
        return Camera, ["-p", f"source:=folder:{tmp_path}"]
    if name == "extractor":
        return Extractor, ["-p", f"model:={write_mean_colour(tmp_path / 'tiny.onnx')}"]
    module = __import__(graph.executable(name).module, fromlist=["main"])
    arguments = ["-p", f"folder:={tmp_path / 'own'}"] if name in ("learner", "recorder") else []
    return getattr(module, name.capitalize()), arguments


Ask = Callable[[str, str], list[tuple[str, list[str]]]]


def relative(node: CilNode[Any], ask: Ask) -> dict[str, str]:
    """Names below our namespace and their types, without what every node has.

    A node may have hidden nodes of its own, named for it: ``_labeler_pictures``.
    """
    name, found = node.get_name(), {}
    for other, namespace in node.get_node_names_and_namespaces():
        if namespace == NAMESPACE and (other == name or other.startswith(f"_{name}_")):
            for topic, types in ask(other, namespace):
                short = topic.removeprefix(f"{NAMESPACE}/").removeprefix("/")
                if not short.startswith((f"{other}/", *ROS_OWN)) and "/_action/" not in short:
                    found[short] = types[0]
    return found


@pytest.mark.parametrize("name", graph.NODES)
def test_the_tables_hold_what_the_node_has(name: str, probe: RosProbe, tmp_path: Path) -> None:
    make_node, arguments = make(name, tmp_path)
    with NodeThread(make_node, *arguments) as node:
        probe.wait_active(name, timeout=60)
        sent = relative(node, node.get_publisher_names_and_types_by_node)
        taken = relative(node, node.get_subscriber_names_and_types_by_node)
        calls = relative(node, node.get_service_names_and_types_by_node)
    assert sent == {t.name: t.kind for t in reference.TOPICS if name in t.sent_by}
    assert taken == {t.name: t.kind for t in reference.TOPICS if name in t.taken_by}
    services = {c.name: c.kind for c in reference.CALLS if c.node == name and "/srv/" in c.kind}
    assert calls == services
