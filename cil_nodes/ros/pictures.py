"""Pictures for people: thumbnails, contact sheets, predictions drawn on an image."""

from __future__ import annotations

import colorsys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cil_nodes.ros.conversions import ImageError, crop, encode_jpeg
from cil_nodes.ros.teaching_messages import MAX_PICTURE_BYTES, Region

Rgb = NDArray[np.uint8]
TILE = 96
"""Side of one picture on a contact sheet, in pixels."""


def thumbnail(pixels: Rgb, roi: Region, side: int = 160) -> bytes:
    """Return a region as a JPEG whose longest side is at most ``side`` pixels, within 16 KiB.

    Empty when the region lies outside the image.
    """
    try:
        part = crop(pixels, roi)
    except ImageError:
        return b""
    return encode_jpeg(scaled(part, min(1.0, side / max(part.shape[:2]))), 85, MAX_PICTURE_BYTES)


def contact_sheet(pictures: Sequence[bytes], columns: int = 3, tile: int = TILE) -> bytes:
    """Return up to ``columns`` squared JPEG pictures as one JPEG sheet, row by row.

    Each keeps its shape on a square tile; a missing one leaves its tile grey. Empty when there is
    no picture at all.
    """
    images = [read_jpeg(data) for data in pictures[: columns * columns]]
    if not any(image is not None for image in images):
        return b""
    sheet = np.full((columns * tile, columns * tile, 3), 128, np.uint8)
    for place, image in enumerate(images):
        if image is not None:
            row, column = divmod(place, columns)
            _put(sheet[row * tile : (row + 1) * tile, column * tile : (column + 1) * tile], image)
    return encode_jpeg(sheet, 85)


def read_jpeg(data: bytes) -> Rgb | None:
    """Return the (H, W, 3) RGB pixels in ``data``; None when it holds no picture."""
    if not data:
        return None
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return None if image is None else np.ascontiguousarray(image[..., ::-1])


def scaled(pixels: Rgb, factor: float) -> Rgb:
    """Return ``pixels`` with both sides times ``factor``, at least one pixel each."""
    if factor == 1.0:
        return pixels
    height, width = pixels.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _put(tile: Rgb, image: Rgb) -> None:
    """Draw ``image`` into the middle of ``tile``, as large as fits."""
    side = tile.shape[0]
    view = scaled(image, side / max(image.shape[:2]))[:side, :side]
    top, left = (side - view.shape[0]) // 2, (side - view.shape[1]) // 2
    tile[top : top + view.shape[0], left : left + view.shape[1]] = view


@dataclass(frozen=True)
class Mark:
    """One answer to draw: where, and what it says.

    ``roi`` is x, y, width, height; all zeros is the whole image.
    """

    roi: Region
    label: str
    score: float
    is_unknown: bool


def draw_marks(pixels: Rgb, marks: Sequence[Mark]) -> Rgb:
    """Return a copy of ``pixels`` (H, W, 3) with a frame and a caption for each answer.

    Unknown things have a broken frame and a question mark, so that colour is never the only sign.
    """
    canvas = np.ascontiguousarray(pixels).copy()
    for mark in marks:
        box = _box(mark.roi, canvas.shape[1], canvas.shape[0])
        colour = (235, 110, 30) if mark.is_unknown else label_colour(mark.label)
        _frame(canvas, box, colour, broken=mark.is_unknown)
        _caption(canvas, box, caption(mark), colour)
    return canvas


def caption(mark: Mark) -> str:
    """Return what is written beside an answer."""
    return f"{mark.label}?" if mark.is_unknown else f"{mark.label} {mark.score:.0%}"


def label_colour(label: str) -> tuple[int, int, int]:
    """Return the RGB colour of a label: always the same, and bright."""
    hue = zlib.crc32(label.casefold().encode()) % 360 / 360
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.65, 0.95)
    return round(red * 255), round(green * 255), round(blue * 255)


def _box(roi: Region, width: int, height: int) -> tuple[int, int, int, int]:
    """Corners of a region, inside the image."""
    x, y, w, h = roi if any(roi) else (0, 0, width, height)
    return max(0, x), max(0, y), min(width, x + w) - 1, min(height, y + h) - 1


def _frame(
    canvas: Rgb, box: tuple[int, int, int, int], colour: tuple[int, int, int], broken: bool
) -> None:
    left, top, right, bottom = box
    if not broken:
        cv2.rectangle(canvas, (left, top), (right, bottom), colour, 2)
        return
    step = 16
    for x in range(left, right, step):
        for y in (top, bottom):
            cv2.line(canvas, (x, y), (min(x + step // 2, right), y), colour, 2)
    for y in range(top, bottom, step):
        for x in (left, right):
            cv2.line(canvas, (x, y), (x, min(y + step // 2, bottom)), colour, 2)


def _caption(
    canvas: Rgb, box: tuple[int, int, int, int], text: str, colour: tuple[int, int, int]
) -> None:
    """Write ``text`` in dark letters on a plate inside the box's upper left corner."""
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.5
    # OpenCV's fonts hold ASCII only; what they lack becomes a question mark there.
    plain = text.encode("ascii", "replace").decode()
    (width, height), base = cv2.getTextSize(plain, font, scale, 1)
    left, top = box[0], box[1]
    cv2.rectangle(canvas, (left, top), (left + width + 8, top + height + base + 6), colour, -1)
    cv2.putText(
        canvas, plain, (left + 4, top + height + 4), font, scale, (20, 20, 20), 1, cv2.LINE_AA
    )
