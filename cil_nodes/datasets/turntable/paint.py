"""Colours and patterns for the simulated things.

A paint is a function from points (n, 3), in the coordinates in which a shape was made, to linear
RGB (n, 3). Patterns are solid: they need no texture pictures and no seams.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .shapes import f32

FloatArray = NDArray[np.floating]
Paint = Callable[[FloatArray], FloatArray]
Colour = str | tuple[float, float, float]
"""``"#rrggbb"`` or three numbers in [0, 1], both as seen on a screen (sRGB)."""

_AXES = {"x": 0, "y": 1, "z": 2}


def screen_rgb(colour: Colour) -> NDArray[np.float64]:
    """Three screen values in [0, 1]."""
    if isinstance(colour, str):
        return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.asarray(colour, dtype=float)


def linear(colour: Colour) -> FloatArray:
    """Linear RGB (3,) of a screen colour, with the exponent 2.2."""
    return (screen_rgb(colour) ** 2.2).astype(np.float32)


def plain(colour: Colour) -> Paint:
    """One colour all over."""
    value = linear(colour)
    return lambda p: np.broadcast_to(value, (len(p), 3))


def _choose(where: NDArray[np.bool_], yes: FloatArray, no: FloatArray) -> FloatArray:
    return np.where(where[:, None], yes, no)


def _blend(share: FloatArray, start: FloatArray, end: FloatArray) -> FloatArray:
    return start + np.clip(share, 0, 1)[:, None].astype(np.float32) * (end - start)


def bands(axis: str, edges: Sequence[float], colours: Sequence[Colour]) -> Paint:
    """Colours one after another along an axis; ``edges`` are the places where they change."""
    palette = np.stack([linear(c) for c in colours])
    return lambda p: palette[np.searchsorted(edges, p[:, _AXES[axis]])]


def stripes(axis: str, period: float, first: Colour, second: Colour, share: float = 0.5) -> Paint:
    """Two colours in turn along an axis; ``share`` of each period is the second one."""
    a, b = linear(first), linear(second)
    return lambda p: _choose((p[:, _AXES[axis]] / period) % 1 < share, b, a)


def sectors(count: int, colours: Sequence[Colour]) -> Paint:
    """Colours in turn round the z axis, ``count`` sectors in all."""
    palette = np.stack([linear(c) for c in colours])

    def paint(p: FloatArray) -> FloatArray:
        turn = np.arctan2(p[:, 1], p[:, 0]) / (2 * np.pi) * count
        return palette[np.floor(turn).astype(int) % len(palette)]

    return paint


def checks(cell: float, first: Colour, second: Colour) -> Paint:
    """Chequered cubes of two colours."""
    a, b = linear(first), linear(second)

    def paint(p: FloatArray) -> FloatArray:
        return _choose(np.floor(p / cell + 1e-3).astype(int).sum(axis=1) % 2 == 0, a, b)

    return paint


def spots(cell: float, radius: float, ground: Colour, spot: Colour) -> Paint:
    """Balls of one colour on a shifted lattice in another; ``radius`` as a share of the cell."""
    a, b = linear(ground), linear(spot)

    def paint(p: FloatArray) -> FloatArray:
        q = p / cell
        q = q + 0.5 * (np.floor(q[:, 2:3]) % 2) * f32([1, 1, 0])
        away = np.linalg.norm(q % 1 - 0.5, axis=1)
        return _choose(away < radius, b, a)

    return paint


def patches(directions: NDArray, degrees: float, ground: Colour, patch: Colour) -> Paint:
    """Round patches about the given directions (k, 3) from the origin."""
    a, b = linear(ground), linear(patch)
    unit = (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)
    limit = np.cos(np.radians(degrees))

    def paint(p: FloatArray) -> FloatArray:
        length = np.maximum(np.linalg.norm(p, axis=1), 1e-6)
        return _choose((p @ unit.T).max(axis=1) > limit * length, b, a)

    return paint


def gradient(axis: str, low: float, high: float, start: Colour, end: Colour) -> Paint:
    """From one colour to another between two places on an axis."""
    a, b = linear(start), linear(end)
    return lambda p: _blend((p[:, _AXES[axis]] - low) / (high - low), a, b)


def wood(scale: float, light: Colour, dark: Colour, axis: str = "z") -> Paint:
    """Grain that runs along an axis."""
    a, b = linear(light), linear(dark)
    stretch = np.full(3, 6 / scale, dtype=np.float32)
    stretch[_AXES[axis]] = 0.6 / scale
    return lambda p: _blend(0.5 + 0.5 * np.sin(14 * noise(p * stretch)), a, b)


def mottled(scale: float, first: Colour, second: Colour, sharp: float = 2.0) -> Paint:
    """Clouds of two colours; ``sharp`` above 3 gives flecks with clear edges."""
    a, b = linear(first), linear(second)
    return lambda p: _blend(0.5 + sharp * (noise(p / scale) - 0.5), a, b)


def noise(points: FloatArray) -> FloatArray:
    """Smooth noise in [0, 1] that repeats every 8 units; about one bump a unit."""
    volume = _noise_volume()
    size = volume.shape[0]
    index = (points * (size / 8)).astype(np.int32) % size
    return volume[index[:, 0], index[:, 1], index[:, 2]]


@lru_cache(maxsize=1)
def _noise_volume(bumps: int = 8) -> FloatArray:
    coarse = np.random.default_rng(0).random((bumps,) * 3)
    volume = ndimage.zoom(coarse, 8, order=3, mode="grid-wrap", grid_mode=True)
    low, high = np.percentile(volume, [1, 99])
    return np.clip((volume - low) / (high - low), 0, 1).astype(np.float32)


def jittered(colour: Colour, rng: np.random.Generator, amount: float) -> tuple[float, float, float]:
    """Nearby colour: hue moves by up to ``amount`` * 40 degrees, brightness and depth likewise."""
    pixel = screen_rgb(colour).astype(np.float32).reshape(1, 1, 3)
    hsv = cv2.cvtColor(pixel, cv2.COLOR_RGB2HSV)[0, 0]
    hue, depth, value = rng.uniform(-amount, amount, 3)
    hsv = f32([(hsv[0] + 40 * hue) % 360, hsv[1] * (1 + depth), hsv[2] * (1 + value)])
    hsv[1:] = np.clip(hsv[1:], 0, 1)
    red, green, blue = cv2.cvtColor(hsv.reshape(1, 1, 3), cv2.COLOR_HSV2RGB)[0, 0]
    return float(red), float(green), float(blue)
