"""Small pictures of regions: what the journal keeps and what a person is shown."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

MAX_BYTES = 16 * 1024
"""Longest picture that a sample carries."""

TILE = 96
"""Side of one picture on a contact sheet, in pixels."""

Region = tuple[int, int, int, int]


def crop(image: np.ndarray, roi: Region) -> np.ndarray:
    """Return the part of ``image`` (H, W, 3) that ``roi`` (x, y, width, height) names.

    All zeros is the whole image; what lies outside is cut off, and a region that lies wholly
    outside gives the whole image.
    """
    x, y, width, height = roi
    part = image[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)]
    return part if part.size else image


def small_jpeg(
    image: np.ndarray, roi: Region = (0, 0, 0, 0), side: int = 160, limit: int = MAX_BYTES
) -> bytes:
    """Return a region as a JPEG of at most ``limit`` bytes.

    Parameters
    ----------
    image : numpy.ndarray
        (H, W, 3) uint8 RGB.
    roi : tuple of int
        x, y, width, height in pixels; all zeros is the whole image.
    side : int
        Longest side of the picture in pixels; smaller regions are not enlarged.
    limit : int
        Bytes allowed; quality and size fall until it holds.
    """
    part = crop(image, roi)
    scale = side / max(part.shape[:2])
    for shrink in (1.0, 0.75, 0.5, 0.25):
        view = resized(part, min(1.0, scale * shrink))
        for quality in (85, 70, 50, 30):
            data = jpeg(view, quality)
            if len(data) <= limit:
                return data
    return b""


def resized(image: np.ndarray, scale: float) -> np.ndarray:
    """Return ``image`` with both sides times ``scale``, at least one pixel each."""
    if scale == 1.0:
        return image
    height, width = image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def jpeg(image: np.ndarray, quality: int = 90) -> bytes:
    """Return an (H, W, 3) uint8 RGB image as JPEG."""
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    if not done:
        raise ValueError(f"An image of shape {image.shape} could not be written as JPEG.")
    return bytes(data)


def read_jpeg(data: bytes) -> np.ndarray | None:
    """Return the (H, W, 3) uint8 RGB image in ``data``; None when it is not one."""
    if not data:
        return None
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return None if image is None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def contact_sheet(pictures: Sequence[bytes], columns: int = 3, tile: int = TILE) -> bytes:
    """Return up to ``columns`` squared JPEG pictures as one JPEG sheet, row by row.

    Each picture keeps its shape on a square tile; a missing one leaves its tile grey. Empty when
    there is no picture at all.
    """
    images = [read_jpeg(data) for data in pictures[: columns * columns]]
    if not any(image is not None for image in images):
        return b""
    sheet = np.full((columns * tile, columns * tile, 3), 128, np.uint8)
    for place, image in enumerate(images):
        if image is None:
            continue
        view = resized(image, min(tile / image.shape[0], tile / image.shape[1]))
        view = view[:tile, :tile]
        top = place // columns * tile + (tile - view.shape[0]) // 2
        left = place % columns * tile + (tile - view.shape[1]) // 2
        sheet[top : top + view.shape[0], left : left + view.shape[1]] = view
    return jpeg(sheet, 85)
