"""What the first and last bytes of a compressed picture tell before it is decoded.

A few kilobytes can decode into gigabytes, and a picture that was cut off decodes into grey.
"""

from __future__ import annotations

import struct

_NO_SIZE = frozenset((0xC4, 0xC8, 0xCC))  # tables among the markers that begin a JPEG frame


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Return (width, height) of a JPEG or PNG from its header; None where it has none."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    if data[:2] == b"\xff\xd8":
        return _jpeg_size(data)
    return None


def is_cut_off(data: bytes) -> bool:
    """Whether a JPEG lacks its end mark, or a PNG its last chunk."""
    if data[:2] == b"\xff\xd8":
        return data.rfind(b"\xff\xd9") < 0
    return data[:4] == b"\x89PNG" and data.rfind(b"IEND") < 0


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Walk over the segments to the one that begins the frame."""
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if 0xC0 <= marker <= 0xCF and marker not in _NO_SIZE:
            height, width = struct.unpack(">HH", data[place + 5 : place + 9])
            return width, height
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return None
