"""The table, the launch file that reads it, and the files written from it."""

from __future__ import annotations

import importlib.util
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from cil_nodes.ros import graph, reference
from cil_nodes.ros.graph import ArgumentError
from cil_nodes.ros.runner import split_words
from tests.ros import launch_stand_in
from tests.ros_support import ROOT


def by_name(*words: str) -> dict[str, graph.Process]:
    arguments, overrides = split_words(words)
    return {p.executable.name: p for p in graph.plan(arguments, overrides)}


def test_by_default_the_four_nodes_run_in_cil() -> None:
    plan = by_name()
    assert list(plan) == ["camera", "extractor", "learner", "labeler"]
    assert plan["camera"].full_names == ["/cil/camera"]
    assert plan["camera"].params_file == ROOT / "config" / "cil.yaml"


def test_arguments_reach_the_parameters_they_name_in_their_type() -> None:
    plan = by_name("source:=device:0", "rate:=30", "seed:=3", "camera.loop:=true")
    assert set(plan["camera"].parameters) >= {
        ("camera", "source", "device:0"),
        ("camera", "rate", 30.0),
        ("camera", "seed", 3),
        ("camera", "loop", True),
    }
    assert ("learner", "random_state", 3) in plan["learner"].parameters
    words = plan["camera"].ros_arguments()
    assert "rate:=30.0" in words
    assert 'source:="device:0"' in words


def test_a_driver_of_ones_own_starts_no_camera_and_is_remapped_to() -> None:
    plan = by_name("source:=topic", "image:=/usb/image_raw", "record:=bag", "overlay:=true")
    assert "camera" not in plan
    for name in ("extractor", "labeler", "overlay", "recorder"):
        assert ("image", "/usb/image_raw") in plan[name].remappings
        assert ("image/compressed", "/usb/image_raw/compressed") in plan[name].remappings
        assert ("camera_info", "/usb/camera_info") in plan[name].remappings
    assert dict(plan["learner"].remappings) == {"diagnostics": "/diagnostics"}


def test_optional_nodes_and_the_pipeline() -> None:
    assert list(by_name("evaluate:=true", "record:=b"))[-2:] == ["evaluator", "recorder"]
    plan = by_name("pipeline:=true", "rate:=5", "model:=efficientnet_lite0")
    assert list(plan) == ["pipeline", "learner", "labeler"]
    assert plan["pipeline"].full_names == ["/cil/camera", "/cil/extractor"]
    assert {node for node, _, _ in plan["pipeline"].parameters} == {"camera", "extractor"}
    assert list(by_name("nodes:=camera,extractor")) == ["camera", "extractor"]


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("sorce:=sim", r"There is no argument sorce\. Did you mean source:=sim\?"),
        ("log_level:=loud", "log_level cannot be 'loud'; it is one of: debug, info"),
        ("rate:=1000", r"Parameter 'rate' of camera cannot be 1000\.0: .*\[0\.1, 120\.0\] Hz"),
        ("camera.rat:=3", r"camera has no parameter rat\. Did you mean rate\?"),
        ("kamera.rate:=3", "There is no node kamera"),
        ("source=sim", r"Cannot read 'source=sim': arguments are written name:=value"),
        ("image:=/usb/image_raw", "give source:=topic"),
        ("image:=/usb cam/image", "image cannot be '/usb cam/image': a ROS name"),
        ("namespace:=robot 1", "namespace cannot be 'robot 1': a ROS name"),
        ("namespace:=1robot", "namespace cannot be '1robot': a ROS name"),
        ("camera.group.rate:=3", r"camera has no parameter group\.rate"),
        ("learner.oracel.router:=lda", r"no parameter oracel\.router\. .*oracil\.router\?"),
        ("nodes:=kamera", "nodes names 'kamera'"),
        ("params_file:=/nowhere.yaml", "There is no parameter file /nowhere.yaml"),
    ],
)
def test_wrong_words_are_answered_with_the_right_ones(word: str, sentence: str) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        by_name(word)


def test_every_argument_says_what_happens_when_it_is_left_out() -> None:
    for argument in graph.ARGUMENTS:
        assert re.search(r"left out|Left out", argument.description), argument.name
        assert argument.description.endswith("."), argument.name
        assert not argument.choices or argument.default in argument.choices
        for node, name in argument.sets:
            assert node in graph.NODES
            assert name == "use_sim_time" or name in graph.model(node).model_fields


def test_the_users_transports_are_left_alone() -> None:
    ours = graph.transport_variables({})
    assert set(ours) == {"FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"}
    assert {Path(path) for path in ours.values()} == {ROOT / "config" / "fastdds.xml"}
    assert graph.transport_variables({"FASTRTPS_DEFAULT_PROFILES_FILE": "mine.xml"}) == {}


def test_the_transports_hold_a_raw_image_many_times() -> None:
    tree = ET.parse(ROOT / "config" / "fastdds.xml").getroot()
    name = "{http://www.eprosima.com}"
    assert int(tree.find(f".//{name}segment_size").text) == 16 * 2**20
    assert tree.find(f".//{name}useBuiltinTransports").text == "false"
    ids = {e.text for e in tree.findall(f".//{name}transport_id")}
    assert ids == {"cil_shm", "cil_udp"}


def test_the_parameter_file_is_in_step_with_the_models() -> None:
    text = (ROOT / "config" / "cil.yaml").read_text(encoding="utf-8")
    assert text == reference.parameter_file(), "run: python -m cil_nodes.ros.reference"
    assert set(yaml.safe_load(text)) == {f"/**/{node}" for node in graph.NODES}


def test_the_page_of_interfaces_is_in_step() -> None:
    text = (ROOT / "docs" / "ros-interfaces.md").read_text(encoding="utf-8")
    assert text == reference.page(), "run: python -m cil_nodes.ros.reference"


def launch_file(patch: pytest.MonkeyPatch) -> ModuleType:
    """Load the launch file, with the real API where it is installed."""
    try:
        import launch_ros.actions  # noqa: F401
    except ImportError:
        launch_stand_in.install(patch)
    path = ROOT / "launch" / "cil.launch.py"
    spec = importlib.util.spec_from_file_location("cil_launch", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def launched(patch: pytest.MonkeyPatch, **words: str) -> list[Any]:
    launch_stand_in.install(patch)
    module = launch_file(patch)
    values = {a.name: words.get(a.name, a.default) for a in graph.ARGUMENTS}
    found: list[Any] = module.start(launch_stand_in.LaunchContext(values))
    return found


def test_the_launch_file_declares_the_tables_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    launch_stand_in.install(monkeypatch)
    for name in ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"):
        monkeypatch.delenv(name, raising=False)
    description = launch_file(monkeypatch).generate_launch_description()
    declared = [e for e in description.entities if hasattr(e, "default_value")]
    assert [(d.name, d.default_value, d.description) for d in declared] == [
        (a.name, a.default, a.description) for a in graph.ARGUMENTS
    ]
    kinds = [type(e).__name__ for e in description.entities]
    assert kinds.count("SetEnvironmentVariable") == 2
    assert kinds[-1] == "OpaqueFunction"


def test_the_launch_file_starts_what_the_table_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    entities = launched(monkeypatch, rate="20", namespace="robot1")
    nodes = [e for e in entities if isinstance(e, launch_stand_in.Node)]
    assert [n.executable for n in nodes] == ["camera", "extractor", "learner", "labeler"]
    for node in nodes:
        assert (node.package, node.namespace, node.name) == ("cil_nodes", "robot1", node.executable)
        assert Path(node.parameters[0]).is_file()
    assert nodes[0].parameters[1]["rate"] == 20.0
    ends = [e for e in entities if isinstance(e, launch_stand_in.RegisterEventHandler)]
    assert len(ends) == len(nodes), "the graph ends with any of its nodes"
    respawning = launched(monkeypatch, use_respawn="true")
    assert all(n.respawn for n in respawning)


def test_every_executable_is_an_entry_point_of_the_package() -> None:
    setup = (ROOT / "ros2_ws" / "src" / "cil_nodes" / "setup.py").read_text(encoding="utf-8")
    for item in graph.EXECUTABLES:
        assert f'"{item.name}"' in setup, f"setup.py installs no executable {item.name}"
        assert importlib.util.find_spec(item.module) is not None
