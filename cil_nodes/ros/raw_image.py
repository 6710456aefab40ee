"""Read image messages from their serialised bytes, without a Python copy of every pixel.

rclpy turns ``uint8[]`` into an array of its own: for 640x480 pixels that takes longer than all else
between the camera and the encoder's input. A subscription made with ``raw=True`` gets the bytes
instead; what stands in them is plain CDR.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from std_msgs.msg import Header

from cil_nodes.ros.conversions import ImageError


@dataclass(frozen=True)
class RawImage:
    """The fields of ``sensor_msgs/Image``; ``data`` is a view of the bytes that came."""

    header: Header
    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: memoryview


class _Reader:
    """Walks over plain CDR; offsets are aligned from the end of the encapsulation."""

    def __init__(self, message: bytes) -> None:
        self._body = memoryview(message)[4:]
        self._order = "<" if message[1] & 1 else ">"
        self._at = 0

    def number(self, kind: str) -> int:
        size = struct.calcsize(f"={kind}")
        self._at += -self._at % size
        (value,) = struct.unpack_from(self._order + kind, self._body, self._at)
        self._at += size
        return int(value)

    def bytes(self) -> memoryview:
        length = self.number("I")
        start, self._at = self._at, self._at + length
        if self._at > len(self._body):
            raise ValueError(f"{length} bytes are announced, {len(self._body) - start} are there")
        return self._body[start : self._at]

    def text(self) -> str:
        return str(self.bytes()[:-1], "utf-8", "replace")


def read_image(message: bytes) -> RawImage:
    """Read a serialised ``sensor_msgs/Image``.

    Parameters
    ----------
    message : bytes
        As a subscription with ``raw=True`` gets it; the result refers to it.

    Raises
    ------
    ImageError
        When it ends too early, or is no plain CDR.
    """
    try:
        if message[0] or message[1] > 1:
            raise ValueError(f"encapsulation {message[:2].hex()} is not plain CDR")
        reader = _Reader(message)
        header = Header()
        header.stamp.sec, header.stamp.nanosec = reader.number("i"), reader.number("I")
        header.frame_id = reader.text()
        return RawImage(
            header=header,
            height=reader.number("I"),
            width=reader.number("I"),
            encoding=reader.text(),
            is_bigendian=reader.number("B"),
            step=reader.number("I"),
            data=reader.bytes(),
        )
    except (ValueError, IndexError, struct.error) as error:
        raise ImageError(
            f"An image message of {len(message)} bytes cannot be read: {error}. Look at the node "
            "that publishes it."
        ) from error
