"""Images that no camera should send: each is named with its remedy, and the next one is taken."""

from __future__ import annotations

import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from cil_msgs.msg import FeatureVector, Regions
from sensor_msgs.msg import CompressedImage, Image

from cil_nodes.nodes.extractor import Extractor
from cil_nodes.ros import qos
from cil_nodes.ros.conversions import (
    encode_jpeg,
    make_header,
    rgb_to_compressed,
    rgb_to_image,
    roi_message,
)
from tests.nodes.tiny_onnx import write_mean_colour
from tests.ros_support import NodeThread, RosProbe

GREY = np.full((24, 32, 3), 90, np.uint8)
NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mean_colour(tmp_path_factory.mktemp("models") / "mean_colour.onnx")


class Stream:
    """A camera of the test's own and the extractor that it feeds."""

    def __init__(self, probe: RosProbe, extractor: Extractor) -> None:
        self.probe, self.extractor = probe, extractor
        probe.wait_active("extractor")
        self.raw = probe.publisher(Image, "image", qos.IMAGE)
        self.compressed = probe.publisher(CompressedImage, "image/compressed", qos.IMAGE)
        self.features = probe.listen(FeatureVector, "features")
        probe.wait(lambda: extractor._features.get_subscription_count() == 1, "the probe be seen")

    def refusal(self, publisher: Any, bad: Any) -> str:
        """Send what is refused; returns what is said."""
        failed = self.extractor._diagnostics.counts["failed"]
        publisher.publish(bad)
        self.probe.wait(
            lambda: self.extractor._diagnostics.counts["failed"] > failed, "the refusal"
        )
        return self.extractor.troubles.latest()

    def taken(self, publisher: Any, good: Any) -> FeatureVector:
        """Send a good image and return its features."""
        count = len(self.features)
        publisher.publish(good)
        return self.probe.expect_count("features", count + 1)[-1]


@pytest.fixture(scope="module")
def stream(model: Path) -> Iterator[Stream]:
    flags = ["-p", f"model:={model}", "-p", "regions_wait:=5.0"]
    with NodeThread(Extractor, *flags) as node, RosProbe() as probe:
        yield Stream(probe, node)


def image(stamp: int, **changes: object) -> Image:
    message = rgb_to_image(GREY, make_header(stamp, "cam"))
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def zeros(size: int) -> array.array:
    return array.array("B", bytes(size))


BAD = {
    "wrong encoding": (image(1, encoding="jpeg2000"), "encoding 'jpeg2000' (32x24) is not supp"),
    "float": (image(1, encoding="32FC1", step=128, data=zeros(3072)), "'32FC1' (32x24) is not"),
    "no size": (image(1, width=0, height=0, step=0, data=zeros(0)), "Image of 0x0 rgb8 needs"),
    "truncated": (image(1, data=zeros(2000)), "2304 bytes in all; it came with step 96 and 2000"),
    "short step": (image(1, step=40), "rows of at least 96 bytes"),
    "huge": (image(1, width=2**31, height=2**31), "larger than the 100 million"),
    "odd yuv": (
        image(1, encoding="yuv422", width=31, step=62, data=zeros(62 * 24)),
        "31x24 yuv422 cannot be converted",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_raw_image_is_named_and_the_next_one_taken(stream: Stream, case: str) -> None:
    bad, text = BAD[case]
    said = stream.refusal(stream.raw, bad)
    assert said.startswith("Refused from /cil/image: ")
    assert text in said
    assert np.allclose(stream.taken(stream.raw, image(2)).data, 90)


def compressed(data: bytes, kind: str = "jpeg") -> CompressedImage:
    message = CompressedImage(format=kind, header=make_header(7, "cam"))
    message.data = array.array("B", data)
    return message


def bomb() -> bytes:
    """A JPEG of 64 pixels that says it has 60,000 x 60,000."""
    data = bytearray(encode_jpeg(GREY))
    start = data.index(b"\xff\xc0") + 5
    data[start : start + 4] = (60_000).to_bytes(2, "big") * 2
    return bytes(data)


BAD_COMPRESSED = {
    "rubbish": (b"\x00\x01" * 500, "format 'jpeg' and 1000 bytes cannot be decoded"),
    "cut off": (encode_jpeg(NOISE)[:1500], "1500 bytes is cut off: its end is missing"),
    "empty": (b"", "0 bytes cannot be decoded"),
    "depth": (bytes(12) + cv2.imencode(".png", GREY)[1].tobytes(), "not compressedDepth"),
    "bomb": (bomb(), "60000x60000 pixels is larger"),
    "half a png": (cv2.imencode(".png", NOISE)[1].tobytes()[:900], "is cut off"),
}


@pytest.mark.parametrize("case", BAD_COMPRESSED)
def test_a_bad_compressed_image_is_named_and_the_next_one_taken(stream: Stream, case: str) -> None:
    data, text = BAD_COMPRESSED[case]
    said = stream.refusal(stream.compressed, compressed(data))
    assert said.startswith("Refused from /cil/image/compressed: ")
    assert text in said
    good = rgb_to_compressed(GREY, make_header(8, "cam"))
    assert np.allclose(stream.taken(stream.compressed, good).data, 90, atol=3)


def test_stamps_that_go_back_are_told_and_taken(stream: Stream) -> None:
    for stamp in (100_000_000_000, 5_000_000_000):
        assert stream.taken(stream.raw, image(stamp)).header == make_header(stamp, "cam")
    said = stream.extractor.troubles.latest()
    assert said.startswith("Stamps on /cil/image went back by 95.0 s (a bag that loops")


def test_a_bad_region_costs_only_itself(stream: Stream) -> None:
    regions = stream.probe.publisher(Regions, "regions")
    stream.probe.wait(
        lambda: stream.extractor.count_publishers("regions") == 1, "the extractor to see regions"
    )
    outside, flat, good = (500, 0, 4, 4), (3, 3, 0, 9), (8, 8, 8, 8)
    boxes = [roi_message(roi) for roi in (outside, flat, good)]
    regions.publish(Regions(header=make_header(11, "cam"), rois=boxes))
    assert stream.taken(stream.raw, image(11)).roi == roi_message(good)
    said = stream.extractor.troubles.latest()
    assert said.startswith("Refused from /cil/regions: Region x=3 y=3 0x9 has no area in the image")
    stream.probe.node.destroy_publisher(regions)
