"""The launch files: what they declare, and what they start."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cil_nodes.ros import graph
from cil_nodes.ros.planning import plan
from tests.launch import stand_in
from tests.ros_support import ROOT, python_path

on_every_part = pytest.mark.parametrize("part", graph.PARTS, ids=lambda part: part.name)


def described(patch: pytest.MonkeyPatch, part: graph.Part) -> stand_in.LaunchDescription:
    stand_in.install(patch)
    module = stand_in.load(ROOT / "launch" / part.launch_file, f"{part.name}_launch")
    found: stand_in.LaunchDescription = module.generate_launch_description()
    return found


def launched(
    patch: pytest.MonkeyPatch,
    name: str = "all",
    environment: dict[str, str] | None = None,
    **words: str,
) -> list[Any]:
    """What a launch file starts when it is given these arguments, in this environment."""
    *arguments, remark, start = described(patch, graph.part(name)).entities
    context = stand_in.LaunchContext()
    context.environment = environment or {}
    context.launch_configurations = {a.name: a.default_value for a in arguments} | words
    return [*remark.execute(context), *start.execute(context)]


def nodes(entities: list[Any]) -> dict[str, dict[str, Any]]:
    """The arguments of each node action, by executable."""
    actions = [entity for entity in entities if isinstance(entity, stand_in.Node)]
    return {action.given["executable"]: action.given for action in actions}


def test_every_part_has_a_launch_file_and_every_launch_file_is_of_a_part() -> None:
    files = {path.name for path in (ROOT / "launch").glob("*")} - {"__pycache__"}
    assert files == {part.launch_file for part in graph.PARTS}


BARE = """
import importlib.abc, sys
from unittest.mock import MagicMock

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {refused}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refuse())
sys.modules.update((name, MagicMock()) for name in {launch})
from cil_nodes.ros import launching, planning
[camera] = planning.plan({{"part": "camera", "rate": "30", "source": "007"}})
assert camera.parameters == (("camera", "source", "007"), ("camera", "rate", 30.0)), camera
assert launching.description("all")
"""


def test_launch_files_need_none_of_the_packages_that_nodes_need() -> None:
    refused = ("numpy", "scipy", "sklearn", "pydantic", "cv2", "onnxruntime", "rclpy", "cil_msgs")
    program = BARE.format(refused=refused, launch=tuple(stand_in.MODULES))
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": python_path()},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


@on_every_part
def test_a_launch_file_declares_the_arguments_of_its_part(
    monkeypatch: pytest.MonkeyPatch, part: graph.Part
) -> None:
    *declared, _, last = described(monkeypatch, part).entities
    assert [(d.name, d.default_value, d.description, d.choices) for d in declared] == [
        (a.name, a.default, a.description, list(a.choices) or None) for a in part.arguments
    ]
    assert isinstance(last, stand_in.OpaqueFunction)


@pytest.mark.parametrize(
    ("part", "words", "executables"),
    [
        ("all", {}, ["camera", "extractor", "learner", "labeler"]),
        ("all", {"overlay": "true", "nodes": "overlay,learner"}, ["learner", "overlay"]),
        ("camera", {}, ["camera"]),
        ("perception", {}, ["camera", "extractor"]),
        ("perception", {"pipeline": "true"}, ["pipeline"]),
        ("perception", {"source": "topic", "image": "/usb/image_raw"}, ["extractor"]),
        ("teaching", {"image": "/usb/image_raw"}, ["learner", "labeler"]),
        (
            "teaching",
            {"evaluate": "true", "overlay": "true", "record": "bag"},
            ["learner", "labeler", "evaluator", "overlay", "recorder"],
        ),
    ],
)
def test_a_launch_file_starts_what_its_arguments_ask_for(
    monkeypatch: pytest.MonkeyPatch, part: str, words: dict[str, str], executables: list[str]
) -> None:
    started = nodes(launched(monkeypatch, part, **words))
    assert list(started) == executables
    for process in plan({"part": part, **words}):
        given = started[process.executable.name]
        assert given["package"] == "cil_nodes"
        assert given["remappings"] == list(process.remappings)
        assert Path(given["parameters"][0]).is_file()
        alone = process.executable.nodes == (process.executable.name,)
        assert given["name"] == (process.executable.name if alone else None)


def test_arguments_reach_the_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    words = {"namespace": "robot1", "rate": "20", "log_level": "warn", "folder": "007"}
    started = nodes(launched(monkeypatch, **words))
    assert {given["namespace"] for given in started.values()} == {"robot1"}
    assert all(given["ros_arguments"] == ["--log-level", "warn"] for given in started.values())
    assert started["camera"]["parameters"][1] == {"rate": 20.0}
    folder = started["learner"]["parameters"][1]["folder"]
    assert (folder.value, folder.value_type) == ("007", str), "launch would make the number 7 of it"
    assert len(started["labeler"]["parameters"]) == 1, "what is left out is not set"


def test_an_absolute_namespace_stays_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    started = nodes(launched(monkeypatch, "camera", namespace="/fleet/robot1/"))
    assert started["camera"]["namespace"] == "/fleet/robot1"


def test_a_node_that_dies_ends_the_launch_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def guarded(**words: str) -> list[str]:
        handlers = [
            entity.event_handler
            for entity in launched(monkeypatch, **words)
            if isinstance(entity, stand_in.RegisterEventHandler)
        ]
        return [handler.target_action.given["executable"] for handler in handlers]

    assert guarded() == ["camera", "extractor", "learner", "labeler"]
    assert guarded(required="false") == []
    assert guarded(use_respawn="true") == []
    respawning = nodes(launched(monkeypatch, use_respawn="true"))
    assert all(given["respawn"] for given in respawning.values())


def test_our_nodes_alone_get_the_transports_unless_the_user_has_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    profile = str(ROOT / "config" / "fastdds.xml")
    for given in nodes(launched(monkeypatch)).values():
        assert set(given["additional_env"].values()) == {profile}
    own = {"FASTRTPS_DEFAULT_PROFILES_FILE": "mine.xml"}
    for given in nodes(launched(monkeypatch, environment=own)).values():
        assert given["additional_env"] == {}


def test_a_misspelt_argument_is_named_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    def said(**words: str) -> list[str]:
        entities = launched(monkeypatch, "perception", **words)
        return [entity.msg for entity in entities if isinstance(entity, stand_in.LogInfo)]

    assert said(sorce="sim") == [
        "perception.launch.py has no argument sorce. Did you mean source:=?"
    ]
    assert said(method="oracil", map="hall.yaml") == [], "other launch files have their own"


def real_parameters(kind: Any) -> set[str]:
    """Names that a real class takes, with those that it hands on to its bases."""
    executable = pytest.importorskip("launch.descriptions.executable").Executable
    places = [*kind.__mro__, *([executable] if kind.__name__ == "Node" else [])]
    names = {n for place in places for n in inspect.signature(place.__init__).parameters}
    return names - {"self", "args", "kwargs"} | ({"args", "kwargs"} if _takes_both(kind) else set())


def _takes_both(kind: Any) -> bool:
    found = inspect.signature(kind.__init__).parameters
    return "args" in found and found["args"].kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize(
    ("module", "kind"),
    [(module, kind) for module, kinds in stand_in.MODULES.items() for kind in kinds],
    ids=lambda one: one if isinstance(one, str) else one.__name__,
)
def test_the_stand_in_takes_no_more_than_the_real_launch(module: str, kind: Any) -> None:
    pytest.importorskip("launch_ros.actions", reason="launch is not installed")
    real = getattr(__import__(module, fromlist=[kind.__name__]), kind.__name__)
    ours = set(inspect.signature(kind.__init__).parameters) - {"self"}
    if kind.__init__ is not object.__init__:
        assert ours <= real_parameters(real), "the stand-in lets pass what launch refuses"
