"""Between ROS messages and NumPy arrays.

Images become ``(H, W, 3)`` uint8 RGB whatever the driver sends; row padding (``step``) and byte
order are honoured. NumPy and OpenCV do the work, so ``cv_bridge`` is not needed.
"""

from __future__ import annotations

import array
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from cil_msgs.msg import FeatureVector
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image, RegionOfInterest
from std_msgs.msg import Header

from cil_nodes.ros.picture_data import is_cut_off, picture_size
from cil_nodes.ros.troubles import BadInputError

Rgb = NDArray[np.uint8]
Roi = tuple[int, int, int, int]
"""``(x, y, width, height)`` in pixels; all zeros means the whole image."""

WHOLE: Roi = (0, 0, 0, 0)


MAX_PIXELS = 100_000_000
"""Largest image taken; three times an 8K picture."""


class ImageError(BadInputError):
    """An image message that cannot be turned into pixels."""


# encoding: (channels, bytes a channel, how to get RGB from (H, W, channels))
_Convert = Callable[[NDArray[Any]], NDArray[Any]]


def _cv(code: int) -> _Convert:
    return lambda pixels: cv2.cvtColor(pixels, code)


def _repeat(pixels: NDArray[Any]) -> NDArray[Any]:
    return np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, axis=2)


def _same(pixels: NDArray[Any]) -> NDArray[Any]:
    return pixels[..., :3]


def _reverse(pixels: NDArray[Any]) -> NDArray[Any]:
    return pixels[..., 2::-1]


_ENCODINGS: dict[str, tuple[int, int, _Convert]] = {
    "mono8": (1, 1, _repeat),
    "8UC1": (1, 1, _repeat),
    "mono16": (1, 2, _repeat),
    "16UC1": (1, 2, _repeat),
    "rgb8": (3, 1, _same),
    "rgba8": (4, 1, _same),
    "bgr8": (3, 1, _cv(cv2.COLOR_BGR2RGB)),
    "bgra8": (4, 1, _cv(cv2.COLOR_BGRA2RGB)),
    "8UC3": (3, 1, _cv(cv2.COLOR_BGR2RGB)),  # OpenCV's own order
    "8UC4": (4, 1, _cv(cv2.COLOR_BGRA2RGB)),
    "rgb16": (3, 2, _same),
    "rgba16": (4, 2, _same),
    "bgr16": (3, 2, _reverse),
    "bgra16": (4, 2, _reverse),
    "yuv422": (2, 1, _cv(cv2.COLOR_YUV2RGB_UYVY)),
    "uyvy": (2, 1, _cv(cv2.COLOR_YUV2RGB_UYVY)),
    "yuv422_yuy2": (2, 1, _cv(cv2.COLOR_YUV2RGB_YUY2)),
    "yuyv": (2, 1, _cv(cv2.COLOR_YUV2RGB_YUY2)),
}
# OpenCV names a Bayer pattern by its second row, ROS by its first.
for _ros, _code in (
    ("rggb", cv2.COLOR_BayerBG2RGB),
    ("bggr", cv2.COLOR_BayerRG2RGB),
    ("gbrg", cv2.COLOR_BayerGR2RGB),
    ("grbg", cv2.COLOR_BayerGB2RGB),
):
    _ENCODINGS[f"bayer_{_ros}8"] = (1, 1, _cv(_code))
    _ENCODINGS[f"bayer_{_ros}16"] = (1, 2, _cv(_code))

ENCODINGS: tuple[str, ...] = tuple(_ENCODINGS)
"""Names of the raw encodings that :func:`image_to_rgb` reads."""


def image_to_rgb(message: Image) -> Rgb:
    """Turn a raw image message into pixels.

    Sixteen-bit images are scaled to eight bits by their upper byte.

    Parameters
    ----------
    message : sensor_msgs.msg.Image
        Any encoding of :data:`ENCODINGS`.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        RGB; C-contiguous and independent of the message where a conversion was needed.

    Raises
    ------
    ImageError
        For another encoding, or sizes that do not fit the data; the message names both.
    """
    if message.encoding not in _ENCODINGS:
        raise ImageError(
            f"Image encoding {message.encoding!r} ({message.width}x{message.height}) is not "
            f"supported. Have the driver send one of: {', '.join(ENCODINGS)}."
        )
    _check_size(message.width, message.height)
    channels, size, convert = _ENCODINGS[message.encoding]
    pixels: NDArray[Any] = _rows(message, channels, size)
    if size == 2:
        order = ">u2" if message.is_bigendian else "<u2"
        wide: NDArray[Any] = np.ascontiguousarray(pixels).view(order)
        pixels = np.right_shift(wide, 8).astype(np.uint8)
    shape = (message.height, message.width) if channels == 1 else (-1, message.width, channels)
    try:
        return np.ascontiguousarray(convert(pixels.reshape(shape)))
    except cv2.error as error:
        raise ImageError(
            f"Image of {message.width}x{message.height} {message.encoding} cannot be converted: "
            f"{error.err}. YUV needs an even width, Bayer patterns at least 2x2 pixels."
        ) from error


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"Image of {width}x{height} pixels is larger than the {MAX_PIXELS // 10**6} million "
            "that are taken. Have the driver send a smaller one."
        )


def _rows(message: Image, channels: int, size: int) -> NDArray[np.uint8]:
    """Return (height, width * channels * size) bytes without the padding of ``step``."""
    used = message.width * channels * size
    step = message.step or used  # some drivers leave it 0 for "no padding"
    have = len(message.data)
    need = step * (message.height - 1) + used if message.height else 0
    if not used or not need or step < used or have < need:
        raise ImageError(
            f"Image of {message.width}x{message.height} {message.encoding} needs rows of at least "
            f"{used} bytes and {max(need, used * message.height)} bytes in all; it came with "
            f"step {message.step} and {have} bytes."
        )
    flat = np.frombuffer(memoryview(message.data), dtype=np.uint8)
    if have >= step * message.height:
        return flat[: step * message.height].reshape(message.height, step)[:, :used]
    # the last row may lack its padding
    return np.lib.stride_tricks.as_strided(flat, (message.height, used), (step, 1))


def rgb_to_image(pixels: Rgb, header: Header, encoding: str = "rgb8") -> Image:
    """Make a raw image message from ``(H, W, 3)`` uint8 RGB pixels; ``rgb8`` or ``bgr8``."""
    if encoding not in ("rgb8", "bgr8"):
        raise ImageError(f"Cannot write encoding {encoding!r}; use 'rgb8' or 'bgr8'.")
    height, width = _check_rgb(pixels)
    ordered = pixels if encoding == "rgb8" else pixels[..., ::-1]
    message = Image(header=header, height=height, width=width, encoding=encoding, step=width * 3)
    message.data = _bytes(np.ascontiguousarray(ordered))
    return message


def compressed_to_rgb(message: CompressedImage) -> Rgb:
    """Decode a JPEG or PNG message into ``(H, W, 3)`` uint8 RGB.

    Raises
    ------
    ImageError
        When the data is no whole picture that OpenCV can read; names format and size.
    """
    data = np.frombuffer(memoryview(message.data), dtype=np.uint8)
    what = f"Compressed image of format {message.format!r} and {data.size} bytes"
    raw = data.tobytes()
    if is_cut_off(raw):
        raise ImageError(f"{what} is cut off: its end is missing. Was it lost on the way?")
    _check_size(*(picture_size(raw) or (0, 0)))
    try:
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error:
        pixels = None
    if pixels is None:
        raise ImageError(
            f"{what} cannot be decoded. Have the driver send JPEG or PNG (image_transport "
            "'compressed'; not compressedDepth, theora or a video format)."
        )
    return _cv(cv2.COLOR_BGR2RGB)(pixels)


def rgb_to_compressed(
    pixels: Rgb, header: Header, quality: int = 90, max_bytes: int | None = None
) -> CompressedImage:
    """Encode ``(H, W, 3)`` uint8 RGB pixels as a JPEG message.

    Parameters
    ----------
    quality : int
        JPEG quality, 1 to 100.
    max_bytes : int, optional
        Shrink quality, then size, until the picture fits.
    """
    data = encode_jpeg(pixels, quality, max_bytes)
    message = CompressedImage(header=header, format="jpeg")
    message.data = array.array("B", data)
    return message


def encode_jpeg(pixels: Rgb, quality: int = 90, max_bytes: int | None = None) -> bytes:
    """Encode ``(H, W, 3)`` uint8 RGB pixels as JPEG bytes; see :func:`rgb_to_compressed`."""
    _check_rgb(pixels)
    picture: NDArray[Any] = np.ascontiguousarray(pixels[..., ::-1])
    while True:
        done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not done:
            raise ImageError(f"OpenCV could not encode {picture.shape} pixels as JPEG.")
        if max_bytes is None or data.size <= max_bytes or min(picture.shape[:2]) <= 8:
            return data.tobytes()
        if quality > 50:
            quality = max(50, quality - 15)
        else:
            picture = cv2.resize(picture, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)


def crop(pixels: Rgb, roi: Roi) -> Rgb:
    """Cut ``roi`` out of ``(H, W, 3)`` pixels, clipped to the image; a view, not a copy.

    Raises
    ------
    ImageError
        When nothing of the region lies inside the image.
    """
    if roi == WHOLE:
        return pixels
    x, y, width, height = roi
    part = pixels[y : y + height, x : x + width]
    if part.size == 0:
        what = "lies outside" if width and height else "has no area in"
        raise ImageError(
            f"Region x={x} y={y} {width}x{height} {what} the image of "
            f"{pixels.shape[1]}x{pixels.shape[0]} pixels."
        )
    return part


def roi_tuple(message: RegionOfInterest) -> Roi:
    """``(x, y, width, height)`` of a region message."""
    return (message.x_offset, message.y_offset, message.width, message.height)


def roi_message(roi: Roi) -> RegionOfInterest:
    """Make a region message from ``(x, y, width, height)``."""
    x, y, width, height = (int(v) for v in roi)
    return RegionOfInterest(x_offset=x, y_offset=y, width=width, height=height)


def stamp_ns(header: Header) -> int:
    """Time of a header in nanoseconds."""
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)


def make_header(stamp: int, frame_id: str) -> Header:
    """Make a header from nanoseconds and a frame."""
    header = Header(frame_id=frame_id)
    header.stamp.sec, header.stamp.nanosec = divmod(int(stamp), 1_000_000_000)
    return header


def float_array(vector: NDArray[Any]) -> array.array[float]:
    """Turn numbers into the buffer type that message setters take without a copy or a check."""
    return array.array("f", np.ascontiguousarray(vector, dtype=np.float32).tobytes())


def vector_of(data: Any) -> NDArray[np.float32]:
    """Turn a message's ``float32[]`` field into an array of its own, shape (d,)."""
    return np.array(data, dtype=np.float32)


def feature_message(
    header: Header, sample_id: str, roi: Roi, encoder_id: str, vector: NDArray[np.float32]
) -> FeatureVector:
    """Make the message of one embedding; ``header`` is the image's, unchanged.

    Raises
    ------
    ValueError
        For a vector that is not finite or longer than the 4096 floats of the message.
    """
    if vector.ndim != 1 or not 0 < vector.size <= 4096 or not np.isfinite(vector).all():
        raise ValueError(
            f"Encoder {encoder_id} gave an embedding of shape {vector.shape}"
            f"{'' if np.isfinite(vector).all() else ' with values that are not finite'}; "
            "expected 1 to 4096 finite numbers."
        )
    return FeatureVector(
        header=header,
        sample_id=sample_id,
        roi=roi_message(roi),
        encoder_id=encoder_id,
        data=float_array(vector),
    )


def _check_rgb(pixels: Rgb) -> tuple[int, int]:
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ImageError(
            f"Expected (height, width, 3) uint8 RGB pixels, got {pixels.shape} {pixels.dtype}."
        )
    return int(pixels.shape[0]), int(pixels.shape[1])


def _bytes(pixels: Rgb) -> array.array[int]:
    data = array.array("B")
    data.frombytes(pixels.data.cast("B"))
    return data
