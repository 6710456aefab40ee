"""The tables, the plan made from them, and the files written from them."""

from __future__ import annotations

import importlib.util
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml

from cil_nodes.ros import graph, reference
from cil_nodes.ros.graph import ArgumentError
from cil_nodes.ros.parameters import specs
from cil_nodes.ros.planning import Process, check, plan
from cil_nodes.ros.runner import split_words
from cil_nodes.ros.share import transport_variables
from tests.ros_support import ROOT


def by_name(*words: str) -> dict[str, Process]:
    arguments, overrides = split_words(words)
    processes = plan(arguments, overrides)
    check(processes)
    return {p.executable.name: p for p in processes}


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
    ours = transport_variables({})
    assert set(ours) == {"FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"}
    assert {Path(path) for path in ours.values()} == {ROOT / "config" / "fastdds.xml"}
    assert transport_variables({"FASTRTPS_DEFAULT_PROFILES_FILE": "mine.xml"}) == {}


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


def test_the_tables_of_arguments_are_in_step() -> None:
    text = (ROOT / "docs" / "launch.md").read_text(encoding="utf-8")
    assert text == reference.launch_page(text), "run: python -m cil_nodes.ros.reference"


def test_the_description_of_an_argument_tells_unit_range_and_default() -> None:
    for argument in graph.ARGUMENTS:
        for node, name in argument.sets:
            spec = {s.name: s for s in specs(graph.model(node))}.get(name)
            told = argument.description
            if spec is None or argument.choices:
                continue
            assert not spec.unit or f"[{spec.unit}]" in told, f"{argument.name}: no [{spec.unit}]"
            for number in (spec.low, spec.high):
                assert number is None or f"{number:g}" in told, f"{argument.name}: no {number:g}"
            if "what the parameter file says" in told:
                shown = f"{spec.default:g}" if spec.type in (int, float) else str(spec.default)
                default = rf"what the parameter file says: (the simulated|{re.escape(shown)}\b)"
                assert re.search(default, told), f"{argument.name}: {shown} is the default"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("part:=teaching", "source:=sim"), "source means nothing to the part teaching, which"),
        (("part:=camera", "nodes:=camera"), "nodes means nothing to the part camera"),
        (("part:=perceptoin",), r"one of: all, camera, perception, teaching\. Did you mean percep"),
        (("part:=camera", "source:=topic"), "leave nothing to start: with source:=topic"),
        (("part:=perception", "image:=/usb/image_raw"), "give source:=topic with it"),
    ],
)
def test_wrong_words_for_a_part_are_refused(words: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        by_name(*words)


def test_parts_of_the_graph_run_apart() -> None:
    assert list(by_name("part:=perception", "pipeline:=true")) == ["pipeline"]
    assert list(by_name("part:=teaching", "overlay:=true")) == ["learner", "labeler", "overlay"]
    driver = by_name("part:=teaching", "image:=/usb/image_raw")
    assert ("image", "/usb/image_raw") in driver["labeler"].remappings


def test_a_default_leaves_the_word_to_the_parameter_file() -> None:
    assert by_name()["learner"].parameters == ()
    assert ("learner", "autostart", False) in by_name("autostart:=false")["learner"].parameters


def test_every_executable_is_an_entry_point_of_the_package() -> None:
    setup = (ROOT / "ros2_ws" / "src" / "cil_nodes" / "setup.py").read_text(encoding="utf-8")
    for item in graph.EXECUTABLES:
        assert f'"{item.name}"' in setup, f"setup.py installs no executable {item.name}"
        assert importlib.util.find_spec(item.module) is not None
