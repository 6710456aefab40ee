"""The runner starts real processes, waits for them, tells who died, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cil_msgs.msg import FeatureVector
from sensor_msgs.msg import Image

from cil_nodes.ros import qos, runner
from cil_nodes.ros.runner import GraphFailed, GraphProcess
from tests.nodes.tiny_onnx import write_mean_colour
from tests.ros_support import RosProbe, python_path

cv2 = pytest.importorskip("cv2")


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A camera that plays a folder of red pictures, and a tiny extractor."""
    folder = tmp_path_factory.mktemp("graph")
    red = np.zeros((24, 32, 3), np.uint8)
    red[..., 2] = 200
    cv2.imwrite(str(folder / "red.png"), red)
    model = write_mean_colour(folder / "mean_colour.onnx")
    return {
        "nodes": "camera,extractor",
        "source": f"folder:{folder}",
        "model": str(model),
        "rate": "20",
        "namespace": "robot1",
    }


def alive(pids: dict[str, int]) -> list[str]:
    found = []
    for name, pid in pids.items():
        try:
            os.kill(pid, 0)
            found.append(name)
        except ProcessLookupError:
            pass
    return found


def children(pid: int) -> dict[str, int]:
    lists = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return {child: int(child) for child in " ".join(lists).split()}


@pytest.mark.parametrize("pipeline", [False, True], ids=["two processes", "pipeline"])
def test_images_become_features_from_process_to_process(
    words: dict[str, str], pipeline: bool
) -> None:
    chosen = {**words, "nodes": "pipeline"} if pipeline else words
    with (
        GraphProcess(chosen, {("camera", "loop"): "true"}) as running,
        RosProbe(namespace=running.namespace) as probe,
    ):
        pids = running.pids
        assert set(pids) == ({"pipeline"} if pipeline else {"camera", "extractor"})
        probe.listen(FeatureVector, "features")
        probe.listen(Image, "image", qos.IMAGE)
        got = probe.expect_count("features", 5)
        assert np.allclose([f.data for f in got], (200, 0, 0))
        assert got[0].header.frame_id == "camera_optical_frame"
        stamps = {(f.header.stamp.sec, f.header.stamp.nanosec) for f in got}
        assert len(stamps) == len(got)
        probe.expect_message(
            "image",
            lambda m: (
                (m.header.stamp.sec, m.header.stamp.nanosec)
                in {(f.header.stamp.sec, f.header.stamp.nanosec) for f in got}
            ),
            "an image with a stamp of a feature vector",
        )
        running.check()
        assert set(running.stop().values()) == {0}
    assert alive(pids) == []


def test_a_node_that_dies_is_named_with_its_last_lines(words: dict[str, str]) -> None:
    heard = io.StringIO()
    with GraphProcess(words, {("camera", "loop"): "true"}, echo=heard) as running:
        pids = running.pids
        os.kill(pids["extractor"], signal.SIGKILL)
        running._children[1].popen.wait(10)
        with pytest.raises(GraphFailed) as error:
            running.wait()
    assert "The node extractor died by SIGKILL. Its last lines:" in str(error.value)
    assert "[robot1.extractor]: active" in str(error.value)
    assert "[camera] [INFO]" in heard.getvalue(), "output is passed on, the node in front"
    assert alive(pids) == []


def test_a_node_that_cannot_start_ends_the_graph_with_its_reason(words: dict[str, str]) -> None:
    broken = {**words, "source": "folder:/nowhere", "nodes": "camera"}
    with pytest.raises(
        GraphFailed, match=r"(?s)node camera died with status 1.*no folder /nowhere"
    ):
        GraphProcess(broken).__enter__()


def test_respawn_starts_a_dead_node_again(
    words: dict[str, str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "RESPAWN_DELAY", 0.05)
    chosen = {**words, "nodes": "camera", "use_respawn": "true"}
    with GraphProcess(chosen, {("camera", "loop"): "true"}) as running:
        first = running.pids["camera"]
        os.kill(first, signal.SIGKILL)
        end = time.monotonic() + 10
        while running.pids["camera"] == first:
            assert time.monotonic() < end, "the camera was not started again within 10 s"
            running.check()
            time.sleep(0.02)
        running.wait_ready()
    assert "The node camera died by SIGKILL" in capfd.readouterr().err


def test_what_is_not_required_may_die_while_anything_is_left(
    words: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    with GraphProcess({**words, "required": "false"}, {("camera", "loop"): "true"}) as running:
        for name, others in (("camera", "the extractor"), ("extractor", "none")):
            os.kill(running.pids[name], signal.SIGKILL)
            running._children[list(running.pids).index(name)].popen.wait(10)
            if others != "none":
                assert running.check() == {"/robot1/camera"}
                assert running.check() == {"/robot1/camera"}, "and says it once"
        with pytest.raises(GraphFailed, match="No node is left"):
            running.wait()
    said = capfd.readouterr().err
    assert said.count("The node camera died by SIGKILL") == 1
    assert "The others go on." in said


def test_without_autostart_the_nodes_wait_for_a_manager(words: dict[str, str]) -> None:
    with (
        GraphProcess({**words, "autostart": "false"}, {("camera", "loop"): "true"}) as running,
        RosProbe(namespace=running.namespace) as probe,
    ):
        assert runner._ready(running) == (
            "All nodes are unconfigured in /robot1. End with Ctrl-C. "
            "Lead each on: ros2 lifecycle set /robot1/camera configure, then activate."
        )
        assert probe.state_of("extractor") == "unconfigured"
        for node in ("extractor", "camera"):
            assert probe.change_state(node, "configure")
            assert probe.change_state(node, "activate")
        probe.listen(FeatureVector, "features")
        probe.expect_message("features")


# A shell script's background jobs, such as this test may be one of, ignore Ctrl-C.
FOREGROUND = """
import signal, sys
from cil_nodes.ros.runner import main
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
sys.exit(main(sys.argv[1:]))
"""


def is_zombie(pid: int) -> bool:
    """Whether a process has ended and only waits for somebody to ask how."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True


@contextlib.contextmanager
def command_running(words: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command as a process, with a camera that is active; prints into ``folder/out``."""
    typed = [f"{name}:={value}" for name, value in {**words, "nodes": "camera"}.items()]
    with (
        open(folder / "out", "w", encoding="utf-8") as out,
        subprocess.Popen(
            [sys.executable, "-c", FOREGROUND, *typed, "camera.loop:=true"],
            stdout=out,
            stderr=out,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": python_path()},
        ) as process,
    ):
        try:
            end = time.monotonic() + 30
            while "All nodes are active in /robot1" not in (folder / "out").read_text():
                assert time.monotonic() < end, (folder / "out").read_text()
                assert process.poll() is None, (folder / "out").read_text()
                time.sleep(0.05)
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_command_ends_its_nodes_and_itself_with_0(
    words: dict[str, str], tmp_path: Path, ending: signal.Signals
) -> None:
    with command_running(words, tmp_path) as process:
        nodes = children(process.pid)
        assert nodes
        process.send_signal(ending)
        process.send_signal(ending)  # by an impatient user
        assert process.wait(20) == 0
    assert alive(nodes) == [], "no node is left behind"
    said = (tmp_path / "out").read_text()
    assert "[camera] [INFO]" in said
    assert "Traceback" not in said


def test_nodes_end_by_themselves_when_the_command_is_killed(
    words: dict[str, str], tmp_path: Path
) -> None:
    with command_running(words, tmp_path) as process:
        nodes = children(process.pid)
        assert nodes
        process.kill()
        process.wait(10)
        end = time.monotonic() + 20
        try:
            while running := [name for name in alive(nodes) if not is_zombie(nodes[name])]:
                assert time.monotonic() < end, f"still there after 20 s: {running}"
                time.sleep(0.05)
        finally:
            for name in running:
                os.kill(nodes[name], signal.SIGKILL)


def test_ending_nodes_that_still_start_prints_no_traceback(words: dict[str, str]) -> None:
    said = io.StringIO()
    running = GraphProcess({**words, "nodes": "camera"}, echo=said)
    running.start()
    maps = Path(f"/proc/{running.pids['camera']}/maps")
    end = time.monotonic() + 20
    while "numpy" not in maps.read_text():
        assert time.monotonic() < end, "the node did not begin to import within 20 s"
        time.sleep(0.002)
    running.stop()
    assert "Traceback" not in said.getvalue()


def test_wrong_words_end_the_command_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main(["sorce:=sim"]) == 2
    said = capsys.readouterr().err
    assert "Did you mean source:=sim?" in said
    assert "cil up --show-args" in said


def test_the_arguments_are_shown_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main(["--show-args"]) == 0
    said = capsys.readouterr().out
    assert "  source\n" in said
    assert "log_level (debug | info | warn | error | fatal)" in said
