"""What is said of image topics: silent, crowded, of another type, lost on the way."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from cil_msgs.msg import Prediction
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from cil_nodes.nodes.camera import Camera
from cil_nodes.nodes.extractor import Extractor
from cil_nodes.nodes.labeler import Labeler
from cil_nodes.nodes.overlay import Overlay
from cil_nodes.nodes.recorder import Recorder
from cil_nodes.ros import qos
from cil_nodes.ros.conversions import make_header, rgb_to_image
from tests.nodes.tiny_onnx import write_mean_colour
from tests.ros_support import NodeProcess, NodeThread, RosProbe

GREY = np.full((24, 32, 3), 90, np.uint8)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mean_colour(tmp_path_factory.mktemp("models") / "mean_colour.onnx")


def test_a_camera_that_waits_to_be_asked_is_not_called_silent(
    probe: RosProbe, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "cup").mkdir()
    cv2.imwrite(str(tmp_path / "cup" / "1.png"), GREY)
    flags = ["-p", f"source:=classes:{tmp_path}", "-p", "on_request:=true"]
    arguments = ["-p", f"model:={model}", "-p", "no_image_timeout:=0.5"]
    with NodeThread(Camera, *flags), NodeThread(Extractor, *arguments) as node:
        probe.wait_active("camera")
        probe.wait_active("extractor")
        probe.wait(lambda: node.count_publishers("/cil/image") == 1, "the camera to be seen")
        checked: list[str | None] = []
        check = node._watchdog.check
        node._watchdog.check = lambda *a: checked.append(check(*a)) or checked[-1]
        probe.wait(lambda: len(checked) >= 2, "two looks of the watchdog")
        assert set(checked) == {None}


def test_a_driver_from_which_nothing_comes_is_named(probe: RosProbe, model: Path) -> None:
    probe.node.create_publisher(Image, "image", qos.IMAGE)
    with NodeThread(Extractor, "-p", f"model:={model}", "-p", "no_image_timeout:=0.5") as node:
        probe.wait(lambda: "No image on /cil/image" in node.troubles.latest(60), "the warning")
        assert "1 publisher(s), from which nothing arrives" in node.troubles.latest(60)


def test_a_topic_of_another_type_is_named_with_the_remapping(probe: RosProbe, model: Path) -> None:
    probe.node.create_publisher(CompressedImage, "image", qos.IMAGE)
    with NodeThread(Extractor, "-p", f"model:={model}", "-p", "no_image_timeout:=0.0") as node:
        probe.wait(lambda: "carries" in node.troubles.latest(60), "the warning")
    assert node.troubles.latest(60) == (
        "/cil/image carries sensor_msgs/msg/CompressedImage (from /cil/probe), but "
        "sensor_msgs/msg/Image is expected: nothing will come from there. Take it as pictures: -r "
        "image/compressed:=/cil/image."
    )


def test_two_cameras_on_one_topic_are_named(
    probe: RosProbe, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cil_nodes.ros.topic_watch.PATIENCE", 0.0)
    arguments = ["-p", f"model:={model}", "-p", "no_image_timeout:=0.0"]
    with RosProbe(name="second") as other, NodeThread(Extractor, *arguments) as node:
        probe.node.create_publisher(Image, "image", qos.IMAGE)
        other.publisher(Image, "image", qos.IMAGE)
        probe.wait(lambda: "publishers" in node.troubles.latest(60), "the warning")
        assert node.troubles.latest(60).startswith(
            "/cil/image has 2 publishers: /cil/probe, /cil/second. Their images are mixed up"
        )


@pytest.mark.parametrize("kind", [Labeler, Overlay, Recorder])
def test_who_looks_on_survives_a_bad_image(
    probe: RosProbe, kind: type, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["-p", f"folder:={tmp_path / 'bag'}"] if kind is Recorder else []
    with NodeThread(kind, *arguments) as node:
        images = probe.publisher(Image, "image", qos.IMAGE)
        answers = probe.publisher(Prediction, "predictions")

        def told() -> bool:
            bad = rgb_to_image(GREY, make_header(3, "cam"))
            bad.encoding = "32FC1"
            images.publish(bad)
            answers.publish(Prediction(header=bad.header, label="mug"))
            return "'32FC1' (32x24) is not supported" in node.troubles.latest(60)

        probe.wait(told, "the bad image to be named")
        assert probe.state_of(node.get_name()) == "active"
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("profile", [False, True], ids=["default transport", "config/fastdds.xml"])
def test_large_images_that_the_transport_loses_are_told(
    probe: RosProbe, model: Path, tmp_path: Path, profile: bool
) -> None:
    side = 1 if profile else 2  # VGA gets lost as well, but sometimes less than a tenth of it
    for number in range(3):
        picture = np.full((480 * side, 640 * side, 3), 40 * number, np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
    surroundings = {} if profile else {"FASTRTPS_DEFAULT_PROFILES_FILE": "/nowhere.xml"}
    camera_flags = ["-p", f"source:=folder:{tmp_path}", "-p", "loop:=true", "-p", "rate:=30.0"]
    with (
        NodeProcess(
            "cil_nodes.nodes.extractor", "-p", f"model:={model}", env=surroundings
        ) as extractor,
        NodeProcess("cil_nodes.nodes.camera", *camera_flags, env=surroundings) as camera,
    ):
        camera.expect_output("active")
        if profile:
            infos = probe.listen(CameraInfo, "camera_info", qos.IMAGE)
            probe.wait(lambda: len(infos) >= 160, "six seconds of images")
            assert "fastdds.xml" not in extractor.output
        else:
            extractor.expect_output("config/fastdds.xml")
        assert camera.stop() == 0
        assert extractor.stop() == 0
