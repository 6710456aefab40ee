"""The launch files under the real ``launch``, where it is installed."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cil_msgs.msg import FeatureVector, Prediction

from cil_nodes.ros import graph
from tests.nodes.tiny_onnx import write_mean_colour
from tests.ros_support import ROOT, RosProbe, python_path

pytest.importorskip("launch_ros.actions", reason="launch is not installed")
cv2 = pytest.importorskip("cv2")

SERVE = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
service = LaunchService()
words = dict(word.split(":=", 1) for word in sys.argv[2:])
include = IncludeLaunchDescription(sys.argv[1], launch_arguments=words.items())
service.include_launch_description(LaunchDescription([include]))
sys.exit(service.run())
"""


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder laid out as colcon installs the package."""
    folder = tmp_path_factory.mktemp("prefix")
    programs = folder / "lib" / "cil_nodes"
    index = folder / "share" / "ament_index" / "resource_index" / "packages"
    for made in (programs, index, folder / "share" / "cil_nodes"):
        made.mkdir(parents=True)
    (index / "cil_nodes").touch()
    for kind in ("launch", "config"):
        (folder / "share" / "cil_nodes" / kind).symlink_to(ROOT / kind)
    for item in graph.EXECUTABLES:
        program = programs / item.name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {item.module} "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Arguments for a camera that plays a red picture, and a tiny encoder."""
    folder = tmp_path_factory.mktemp("pictures")
    red = np.zeros((24, 32, 3), np.uint8)
    red[..., 2] = 200
    for number in range(200):
        cv2.imwrite(str(folder / f"{number:03}.png"), red)
    model = write_mean_colour(folder / "mean_colour.onnx")
    return {"source": f"folder:{folder}", "model": str(model), "rate": "5"}


@contextlib.contextmanager
def launched(
    file: Path, words: dict[str, str], prefix: Path, folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A launch file as a running process; ended by Ctrl-C, after which nothing is left."""
    typed = [f"{name}:={value}" for name, value in words.items()]
    prefixes = os.pathsep.join([str(prefix), *filter(None, [os.environ.get("AMENT_PREFIX_PATH")])])
    variables = {
        "PYTHONPATH": python_path(),
        "AMENT_PREFIX_PATH": prefixes,
        "ROS_HOME": str(folder / "ros"),
    }
    with (
        open(folder / "out", "w", encoding="utf-8") as out,
        subprocess.Popen(
            [sys.executable, "-c", SERVE, str(file), *typed],
            stdout=out,
            stderr=out,
            env={**os.environ, **variables},
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        except BaseException:
            print((folder / "out").read_text())
            raise
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(30)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def test_the_whole_graph_predicts(prefix: Path, pictures: dict[str, str], tmp_path: Path) -> None:
    words = {**pictures, "namespace": "robot1", "folder": str(tmp_path / "007"), "seed": "7"}
    with (
        launched(ROOT / "launch" / "cil.launch.py", words, prefix, tmp_path) as process,
        RosProbe(namespace="/robot1") as probe,
    ):
        for node in ("camera", "extractor", "learner", "labeler"):
            probe.wait_active(node, 60)
        probe.listen(Prediction, "predictions")
        probe.expect_message("predictions")
    assert process.returncode == 0
    assert (tmp_path / "007").is_dir()
    assert "Traceback" not in (tmp_path / "out").read_text()


def test_two_robots_share_one_launch(
    prefix: Path, pictures: dict[str, str], tmp_path: Path
) -> None:
    folder = pictures["source"]
    words = {"first": folder, "second": folder, "model": pictures["model"]}
    example = ROOT / "examples" / "two_robots.launch.py"
    with (
        launched(example, words, prefix, tmp_path) as process,
        RosProbe(namespace="/robot1/cil") as one,
        RosProbe(namespace="/robot2/cil") as two,
    ):
        for probe in (one, two):
            for node in ("camera", "extractor", "learner", "labeler"):
                probe.wait_active(node, 90)
            probe.listen(FeatureVector, "features")
            assert len(probe.expect_message("features").data) == 3
    assert process.returncode == 0


def test_a_node_that_dies_ends_the_launch(prefix: Path, tmp_path: Path) -> None:
    words = {"source": "folder:/nowhere", "heigth": "100"}
    with launched(ROOT / "launch" / "camera.launch.py", words, prefix, tmp_path) as process:
        end = time.monotonic() + 60
        while process.poll() is None:
            assert time.monotonic() < end, "the launch did not end within 60 s"
            time.sleep(0.05)
    said = (tmp_path / "out").read_text()
    assert "camera.launch.py has no argument heigth. Did you mean height:=?" in said
    assert "no folder /nowhere" in said
    assert "camera has ended, and the launch ends with it" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"autostart": "maybe"}, "Valid options are: ['true', 'false']"),
        ({"source": "topic"}, "These arguments leave nothing to start"),
        ({"namespace": "1robot"}, "namespace cannot be '1robot': a ROS name"),
    ],
)
def test_a_wrong_argument_ends_the_launch_with_its_sentence(
    words: dict[str, str], sentence: str, prefix: Path, tmp_path: Path
) -> None:
    with launched(ROOT / "launch" / "camera.launch.py", words, prefix, tmp_path) as process:
        assert process.wait(30) == 1
    assert sentence in (tmp_path / "out").read_text()
