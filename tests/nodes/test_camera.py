"""The camera over real DDS: what is asked is shown, headers agree, faults are told."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from cil_msgs.msg import GroundTruth
from cil_msgs.srv import ShowObject
from sensor_msgs.msg import CameraInfo, Image

from cil_nodes.datasets import captures
from cil_nodes.nodes import camera
from cil_nodes.nodes.camera import Camera, CameraParameters, source_options
from cil_nodes.ros import qos
from cil_nodes.ros.conversions import image_to_rgb, stamp_ns
from tests.ros_support import NodeProcess, NodeThread, RosProbe


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """Two classes of three plain pictures each, told apart by their grey."""
    for label, start in (("cup", 10), ("key", 110)):
        (tmp_path / label).mkdir()
        for number in range(3):
            picture = np.full((20, 30, 3), start + 10 * number, np.uint8)
            cv2.imwrite(str(tmp_path / label / f"{number}.png"), picture)
    return tmp_path


def listen(probe: RosProbe) -> None:
    probe.wait_active("camera")
    probe.listen(Image, "image", qos.IMAGE)
    probe.listen(CameraInfo, "camera_info", qos.IMAGE)
    probe.listen(GroundTruth, "ground_truth")
    publishers = ("image", "camera_info", "ground_truth")
    probe.wait(
        lambda: all(probe.node.count_subscribers(t) >= 1 for t in publishers), "the camera to see"
    )


def show(probe: RosProbe, label: str, views: int = 1) -> ShowObject.Response:
    return probe.call_service(ShowObject, "show", label=label, views=views)


def test_pictures_are_shown_on_request_with_stamp_frame_and_truth(
    probe: RosProbe, classes: Path
) -> None:
    before = time.time_ns()
    options = ["-p", f"source:=classes:{classes}", "-p", "on_request:=true", "-p", "rate:=50"]
    with NodeThread(Camera, *options):
        listen(probe)
        answer = show(probe, "key", 2)
        assert (answer.error_code, list(answer.objects)) == (ShowObject.Response.OK, ["cup", "key"])
        truths = probe.expect_count("ground_truth", 2)
        images = probe.expect_count("image", 2)
        infos = probe.expect_count("camera_info", 2)
        show(probe, "cup", 1)
        probe.expect_count("image", 3)
        assert [t.label for t in truths] == ["key", "key", "cup"]
        assert [image_to_rgb(i)[0, 0, 0] for i in images] == [110, 120, 10]
        for image, info, truth in zip(images, infos, truths, strict=True):
            assert image.header == info.header == truth.header
            assert image.header.frame_id == "camera_optical_frame"
            assert before < stamp_ns(image.header) < time.time_ns()
            assert (info.width, info.height) == (image.width, image.height) == (30, 20)


def test_what_is_not_there_is_refused_with_what_is(probe: RosProbe, classes: Path) -> None:
    with NodeThread(Camera, "-p", f"source:=classes:{classes}", "-p", "on_request:=true"):
        probe.wait_active("camera")
        answer = show(probe, "cap")
        assert answer.error_code == ShowObject.Response.NO_SUCH_OBJECT
        assert "cap" in answer.message
        assert list(answer.objects) == ["cup", "key"]


def test_a_folder_plays_by_itself_and_cannot_be_asked(probe: RosProbe, classes: Path) -> None:
    with NodeThread(Camera, "-p", f"source:=folder:{classes / 'cup'}", "-p", "loop:=true"):
        listen(probe)
        images = probe.expect_count("image", 4)
        assert {int(image_to_rgb(i)[0, 0, 0]) for i in images} == {10, 20, 30}
        assert not probe.listen(GroundTruth, "ground_truth")
        answer = show(probe, "cup")
        assert answer.error_code == ShowObject.Response.NO_SUCH_OBJECT
        assert "cannot show" in answer.message


def test_the_simulator_shows_views_and_an_empty_table(probe: RosProbe) -> None:
    pytest.importorskip("embreex", reason="the simulator's renderer is not installed")
    options = ["-p", "width:=80", "-p", "height:=60", "-p", "rate:=30"]
    with NodeThread(Camera, *options):
        listen(probe)
        assert len(show(probe, "").objects) >= 24
        probe.expect_count("image", 1)
        answer = show(probe, "mug", 2)
        assert answer.error_code == ShowObject.Response.OK
        images = probe.expect_count("image", 3)
        truths = probe.expect_count("ground_truth", 3)
        assert [t.label for t in truths] == ["", "mug", "mug"]
        assert [(i.width, i.height) for i in images] == [(80, 60)] * 3


def test_the_rate_can_be_changed_while_it_runs(probe: RosProbe, classes: Path) -> None:
    options = ["-p", f"source:=folder:{classes / 'cup'}", "-p", "loop:=true", "-p", "rate:=0.1"]
    with NodeThread(Camera, *options) as node:
        listen(probe)
        assert probe.set_parameter("camera", "rate", 100).successful
        assert node.parameters.rate == 100.0
        assert not probe.set_parameter("camera", "rate", 500).successful


def test_it_can_be_led_down_and_up_again(probe: RosProbe, classes: Path) -> None:
    options = ["-p", f"source:=folder:{classes / 'cup'}", "-p", "loop:=true", "-p", "rate:=50"]
    with NodeThread(Camera, *options):
        listen(probe)
        probe.expect_count("image", 2)
        for transition in ("deactivate", "cleanup", "configure", "activate"):
            assert probe.change_state("camera", transition)
        came = len(probe.listen(Image, "image", qos.IMAGE))
        probe.expect_count("image", came + 3)


def test_a_missing_folder_ends_the_node_with_a_sentence() -> None:
    with NodeProcess("cil_nodes.nodes.camera", "-p", "source:=folder:/nowhere") as process:
        assert process.wait() == 1
    assert "There is no folder /nowhere" in process.output


def test_a_device_that_is_not_there_is_waited_for_and_told(probe: RosProbe) -> None:
    with NodeProcess("cil_nodes.nodes.camera", "-p", "source:=device:97") as process:
        process.expect_output("Trying again in 2 s")
        probe.wait_active("camera")
        assert process.stop() == 0, process.output
    assert "Traceback" not in process.output


class Plug:
    """A device's lowest seam: what OpenCV would open, here pulled out and plugged in by hand."""

    def __init__(self) -> None:
        self.plugged, self.opened = True, 0

    def open(self, what: int | str) -> Plug:
        self.opened += 1
        return self

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self.plugged

    def read(self) -> tuple[bool, np.ndarray | None]:
        time.sleep(0.01)
        return (True, np.full((24, 32, 3), 7, np.uint8)) if self.plugged else (False, None)

    def set(self, key: int, value: float) -> bool:
        return True

    def get(self, key: int) -> float:
        return {cv2.CAP_PROP_FRAME_WIDTH: 320.0, cv2.CAP_PROP_FRAME_HEIGHT: 240.0}.get(key, 0.0)

    def release(self) -> None:
        pass


def test_a_camera_pulled_out_and_plugged_in_again(
    probe: RosProbe, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    plug = Plug()
    monkeypatch.setattr(captures, "_quiet_capture", plug.open)
    options = ["-p", "source:=device:0", "-p", "rate:=50", "-p", "retry:=0.1"]
    with NodeThread(Camera, *options) as node:
        listen(probe)
        probe.expect_count("image", 2)
        plug.plugged = False
        probe.wait(lambda: plug.opened >= 3, "two attempts to open it")
        assert "device:0 sends no more frames" in node.troubles.latest(60)
        came = len(probe.listen(Image, "image", qos.IMAGE))
        plug.plugged = True
        probe.expect_count("image", came + 2)
    said = capfd.readouterr().err
    assert said.count("is it unplugged") == 1
    assert said.count("The camera is back") == 1


def test_a_folder_that_is_emptied_and_filled_again(
    probe: RosProbe, classes: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = classes / "cup"
    options = ["-p", "loop:=true", "-p", "rate:=50", "-p", "retry:=0.1"]
    with NodeThread(Camera, "-p", f"source:=folder:{folder}", *options) as node:
        listen(probe)
        probe.expect_count("image", 4)
        for file in folder.iterdir():
            file.unlink()
        probe.wait(lambda: node._loop.source is None, "the source to be given up")
        cv2.imwrite(str(folder / "new.png"), np.full((20, 30, 3), 200, np.uint8))
        probe.expect_message("image", lambda i: i.data[0] == 200, "the new picture")
    said = capfd.readouterr().err
    assert said.count(f"None of the 3 pictures of {folder} can be read any more") == 1
    assert said.count("The camera is back") == 1


def test_views_wait_for_somebody_who_takes_images(probe: RosProbe, classes: Path) -> None:
    options = ["-p", f"source:=classes:{classes}", "-p", "on_request:=true", "-p", "rate:=50"]
    with NodeThread(Camera, *options) as node:
        probe.wait_active("camera")
        probe.listen(GroundTruth, "ground_truth")
        assert show(probe, "key", 2).error_code == ShowObject.Response.OK
        assert not node._loop._wake.is_set(), "held back while nobody looks"
        probe.listen(Image, "image", qos.IMAGE)
        assert len(probe.expect_count("image", 2)) == 2


def test_views_do_not_wait_for_ever(
    probe: RosProbe, classes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera, "UNSEEN", 0.3)
    options = ["-p", f"source:=classes:{classes}", "-p", "on_request:=true", "-p", "rate:=50"]
    with NodeThread(Camera, *options):
        probe.wait_active("camera")
        probe.listen(GroundTruth, "ground_truth")
        show(probe, "key", 2)
        assert [t.label for t in probe.expect_count("ground_truth", 2)] == ["key", "key"]


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("sim", {"seed": 0, "width": 320, "height": 240}),
        ("device:0", {"width": 320, "height": 240, "fps": 10.0}),
        ("file:a.mp4", {"loop": False}),
        ("folder:a", {"loop": False}),
        ("dataset:mnist", {"loop": False, "shuffle": False, "seed": 0, "on_request": False}),
    ],
)
def test_each_source_gets_the_options_it_takes(source: str, options: dict[str, object]) -> None:
    assert source_options(CameraParameters(source=source)) == options
