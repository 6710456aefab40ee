"""Image messages read from their bytes are those that were sent."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: rclpy is missing")

from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from cil_nodes.ros.conversions import ImageError, image_to_rgb, make_header
from cil_nodes.ros.raw_image import read_image


def message(frame="camera", encoding="bgr8", height=3, width=5, padding=0):
    step = width * 3 + padding
    image = Image(
        header=make_header(-1_500_000_001, frame),
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=1,
        step=step,
    )
    image.data.frombytes(np.random.default_rng(0).integers(0, 256, step * height, np.uint8))
    return image


@pytest.mark.parametrize("padding", [0, 1, 4])
@pytest.mark.parametrize("height", [1, 2])
@pytest.mark.parametrize("width", [1, 2, 7])
@pytest.mark.parametrize("encoding", ["bgr8", "8UC3"])
@pytest.mark.parametrize("frame", ["", "a", "camera", "caméra"])
def test_every_field_is_read_as_rclpy_reads_it(frame, encoding, height, width, padding):
    sent = message(frame, encoding, height, width, padding)
    got = read_image(serialize_message(sent))
    assert got.header == sent.header
    for name in ("height", "width", "encoding", "is_bigendian", "step"):
        assert getattr(got, name) == getattr(sent, name), name
    assert bytes(got.data) == sent.data.tobytes()
    np.testing.assert_array_equal(image_to_rgb(got), image_to_rgb(sent))


def test_a_message_that_ends_early_is_refused_with_both_sizes():
    raw = serialize_message(message())
    for length in (0, 3, 20, 60, len(raw) - 9):
        with pytest.raises(ImageError, match=f"{length} bytes"):
            read_image(raw[:length])


def test_another_encapsulation_is_refused():
    raw = b"\x00\x03" + serialize_message(message())[2:]
    with pytest.raises(ImageError, match="plain CDR"):
        read_image(raw)
