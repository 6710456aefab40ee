"""Every encoding against a slow, literal reading of the bytes."""

from __future__ import annotations

import array
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sensor_msgs.msg import CompressedImage, Image

from cil_nodes.ros import conversions as conv
from tests import ros_support  # noqa: F401  (skips where rclpy is missing)

RNG = np.random.default_rng(0)


def picture(height: int = 6, width: int = 8) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def message(
    rows: np.ndarray, encoding: str, width: int, padding: int = 0, big: bool = False
) -> Image:
    """An image whose rows (height, bytes) are followed by ``padding`` bytes of rubbish."""
    junk = np.full((rows.shape[0], padding), 0xA5, dtype=np.uint8)
    padded = np.hstack([rows, junk])
    made = Image(
        height=rows.shape[0],
        width=width,
        encoding=encoding,
        step=padded.shape[1],
        is_bigendian=int(big),
    )
    made.data = array.array("B", padded.tobytes())
    return made


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize(
    ("encoding", "order"),
    [("rgb8", "rgb"), ("bgr8", "bgr"), ("8UC3", "bgr"), ("rgba8", "rgba"), ("bgra8", "bgra")],
)
def test_colour_orders_and_padded_rows(encoding: str, order: str, padding: int) -> None:
    rgb = picture()
    planes = {"r": rgb[..., 0], "g": rgb[..., 1], "b": rgb[..., 2], "a": rgb[..., 0] * 0 + 9}
    rows = np.stack([planes[c] for c in order], axis=2).reshape(6, -1)
    assert np.array_equal(conv.image_to_rgb(message(rows, encoding, 8, padding)), rgb)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("padding", [0, 3])
def test_sixteen_bits_in_both_byte_orders(big: bool, padding: int) -> None:
    wide = RNG.integers(0, 2**16, (4, 5), dtype=np.uint16)
    rows = wide.astype(">u2" if big else "<u2").view(np.uint8).reshape(4, -1)
    got = conv.image_to_rgb(message(rows, "mono16", 5, padding, big))
    assert np.array_equal(got, np.repeat((wide // 256)[..., None], 3, axis=2))


def test_grey_becomes_three_equal_channels() -> None:
    grey = picture()[..., 0]
    got = conv.image_to_rgb(message(grey, "mono8", 8, 2))
    assert np.array_equal(got, np.stack([grey] * 3, axis=2))


@pytest.mark.parametrize(("encoding", "luma"), [("yuv422", 1), ("yuv422_yuy2", 0)])
def test_yuv_422_with_neutral_chroma_is_grey(encoding: str, luma: int) -> None:
    rows = np.full((4, 8, 2), 128, dtype=np.uint8)
    rows[..., luma] = np.arange(16, 48).reshape(4, 8) * 4
    got = conv.image_to_rgb(message(rows.reshape(4, -1), encoding, 8, 4))
    expected = np.clip((rows[..., luma].astype(float) - 16) * 255 / 219, 0, 255)
    assert np.abs(got.astype(float) - expected[..., None]).max() <= 2


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
@pytest.mark.parametrize("bits", [8, 16])
def test_bayer_patterns_give_back_a_flat_colour(pattern: str, bits: int) -> None:
    colour = {"r": 200, "g": 120, "b": 40}
    cell = np.array(
        [[colour[pattern[0]], colour[pattern[1]]], [colour[pattern[2]], colour[pattern[3]]]]
    )
    mosaic = np.tile(cell, (6, 6)).astype(np.uint8)
    rows = mosaic if bits == 8 else (mosaic.astype("<u2") * 256).view(np.uint8)
    got = conv.image_to_rgb(message(rows, f"bayer_{pattern}{bits}", 12, 2))
    assert np.array_equal(got[4:8, 4:8].reshape(-1, 3), [[200, 120, 40]] * 16)


def test_a_last_row_without_its_padding_is_read() -> None:
    rgb = picture()
    made = message(rgb.reshape(6, -1), "rgb8", 8, padding=4)
    made.data = made.data[:-4]
    assert np.array_equal(conv.image_to_rgb(made), rgb)


def test_an_unsupported_encoding_is_named_with_the_supported_ones() -> None:
    with pytest.raises(conv.ImageError, match=r"'32FC1' \(8x6\) is not supported.*rgb8"):
        conv.image_to_rgb(message(np.zeros((6, 32), np.uint8), "32FC1", 8))


def test_data_that_do_not_fit_are_refused_with_the_numbers() -> None:
    made = message(np.zeros((6, 24), np.uint8), "rgb8", 8)
    made.data = made.data[:-30]
    with pytest.raises(conv.ImageError, match=r"8x6 rgb8 needs rows of at least 24 bytes and 144"):
        conv.image_to_rgb(made)
    with pytest.raises(conv.ImageError, match=r"step 0 and 0 bytes"):
        conv.image_to_rgb(Image(encoding="rgb8"))


@settings(max_examples=40)
@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from(["rgb8", "bgr8"]))
def test_pixels_survive_the_way_there_and_back(height: int, width: int, encoding: str) -> None:
    rgb = picture(height, width)
    header = conv.make_header(5_000_000_123, "camera_optical")
    made = conv.rgb_to_image(rgb, header, encoding)
    assert (made.header, made.step, made.encoding) == (header, width * 3, encoding)
    assert np.array_equal(conv.image_to_rgb(made), rgb)


def test_jpeg_there_and_back_is_close_and_keeps_the_colours_apart() -> None:
    rgb = np.zeros((32, 32, 3), np.uint8)
    rgb[..., 0] = 250
    made = conv.rgb_to_compressed(rgb, conv.make_header(1, "cam"), quality=95)
    assert made.format == "jpeg"
    back = conv.compressed_to_rgb(made)
    assert np.abs(back.astype(int) - rgb).max() < 8


def test_jpeg_is_shrunk_until_it_fits() -> None:
    assert len(conv.encode_jpeg(picture(240, 320), max_bytes=16384)) <= 16384


def test_rubbish_is_no_compressed_image() -> None:
    made = CompressedImage(format="h264")
    made.data = array.array("B", b"not a picture")
    with pytest.raises(conv.ImageError, match=r"format 'h264' and 13 bytes"):
        conv.compressed_to_rgb(made)


def test_png_is_read_too() -> None:
    rgb = picture()
    made = CompressedImage(format="png")
    made.data = array.array("B", cv2.imencode(".png", rgb[..., ::-1])[1].tobytes())
    assert np.array_equal(conv.compressed_to_rgb(made), rgb)


def test_regions_are_clipped_and_refused_outside() -> None:
    rgb = picture(6, 8)
    assert conv.crop(rgb, conv.WHOLE) is rgb
    assert np.array_equal(conv.crop(rgb, (5, 4, 100, 100)), rgb[4:, 5:])
    with pytest.raises(conv.ImageError, match=r"x=8 y=0 2x2 lies outside the image of 8x6"):
        conv.crop(rgb, (8, 0, 2, 2))
    assert conv.roi_tuple(conv.roi_message((1, 2, 3, 4))) == (1, 2, 3, 4)


def test_features_travel_bit_by_bit() -> None:
    vector = RNG.normal(size=1280).astype(np.float32)
    header = conv.make_header(123_456_789_012, "cam")
    made = conv.feature_message(header, "0badcafe-1", conv.WHOLE, "lite@0", vector)
    assert made.data.typecode == "f"
    assert np.array_equal(conv.vector_of(made.data), vector)
    assert conv.stamp_ns(made.header) == 123_456_789_012


@pytest.mark.parametrize("bad", [np.array([np.nan]), np.zeros(4097), np.zeros(0), np.zeros((2, 2))])
def test_embeddings_that_no_message_may_carry_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"Encoder lite@0 gave an embedding of shape"):
        conv.feature_message(conv.make_header(0, ""), "x", conv.WHOLE, "lite@0", bad)


def test_no_node_needs_cv_bridge() -> None:
    for path in Path(conv.__file__).parents[1].rglob("*.py"):
        assert "import cv_bridge" not in path.read_text(encoding="utf-8"), path
