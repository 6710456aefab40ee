"""Walls and table tops: drawn textures in two families that share nothing.

``teach`` holds painted and papered walls, planks, tiles, bricks, curtains and quilts; ``fresh``
holds shelves, blurred rooms, stone, tartan and dotted cloth, and foliage. A picture made with a
fresh backdrop therefore shows a kind of surface that no teaching picture shows, not merely another
draw of the same kind.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from .shapes import f32

Texture = NDArray[np.uint8]
Draw = Callable[[np.random.Generator], NDArray]

SIZE = 384
"""Side of a texture in pixels; it stands for a square of ``SPAN`` disc radii."""

SPAN = 6.0
POOL = 24
"""Textures of each family and surface."""


def _hsv(hue: float, depth: float, value: float) -> NDArray[np.float32]:
    """RGB 0..255 (3,) of hue in degrees, saturation and value in [0, 1]."""
    pixel = f32([[[hue % 360, depth, value]]])
    return cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0] * 255


def _muted(rng: np.random.Generator) -> NDArray[np.float32]:
    return _hsv(rng.uniform(0, 360), rng.uniform(0.05, 0.4), rng.uniform(0.35, 0.85))


def _vivid(rng: np.random.Generator) -> NDArray[np.float32]:
    return _hsv(rng.uniform(0, 360), rng.uniform(0.25, 0.7), rng.uniform(0.3, 0.9))


def _clouds(rng: np.random.Generator, cells: int, octaves: int = 4) -> NDArray[np.float32]:
    """Fractal noise (SIZE, SIZE) in [0, 1]."""
    total = np.zeros((SIZE, SIZE), dtype=np.float32)
    for octave in range(octaves):
        side = min(cells * 2**octave, SIZE)
        grid = rng.random((side, side), dtype=np.float32)
        total += cv2.resize(grid, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC) / 2**octave
    low, high = total.min(), total.max()
    return (total - low) / (high - low)


def _mix(share: NDArray, start: NDArray, end: NDArray) -> NDArray[np.float32]:
    return start + share[..., None] * (end - start)


def _grained(rng: np.random.Generator, base: NDArray, strength: float) -> NDArray[np.float32]:
    """Streaks along x over a flat colour."""
    grid = rng.random((SIZE, 8), dtype=np.float32)
    streaks = cv2.resize(grid, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    waves = np.sin(40 * _clouds(rng, 3, 1) + 6 * streaks)
    return base * (1 + strength * (0.6 * (streaks[..., None] - 0.5) + 0.25 * waves[..., None]))


# teach --------------------------------------------------------------------------------------


def _painted(rng: np.random.Generator) -> NDArray:
    """Plaster with a slow change of tone."""
    tone = _mix(_clouds(rng, 2, 2), *(_muted(rng) for _ in range(2)))
    return tone * (0.95 + 0.1 * _clouds(rng, 48, 2)[..., None])


def _wallpaper(rng: np.random.Generator) -> NDArray:
    """Upright stripes."""
    period = int(rng.integers(24, 72))
    stripe = (np.arange(SIZE) % period < period * rng.uniform(0.3, 0.6)).astype(np.float32)
    return _mix(np.tile(stripe, (SIZE, 1)), _muted(rng), _vivid(rng))


def _planks(rng: np.random.Generator) -> NDArray:
    """Boards with grain, as floor, table top or panelling."""
    base = _hsv(rng.uniform(18, 36), rng.uniform(0.3, 0.65), rng.uniform(0.3, 0.75))
    picture = _grained(rng, base, 0.35)
    width = int(rng.integers(32, 80))
    for top in range(0, SIZE, width):
        picture[top : top + width] *= rng.uniform(0.8, 1.15)
        picture[top : top + 2] *= 0.5
    return picture if rng.random() < 0.5 else picture.transpose(1, 0, 2)


def _tiles(rng: np.random.Generator) -> NDArray:
    """Chequered floor or wall."""
    cell = int(rng.integers(28, 64))
    i, j = np.indices((SIZE, SIZE)) // cell
    picture = _mix(((i + j) % 2).astype(np.float32), *(_muted(rng) for _ in range(2)))
    joint = (np.indices((SIZE, SIZE)) % cell < 2).any(axis=0)
    picture[joint] = picture[joint] * 0.5 + 90
    return picture


def _bricks(rng: np.random.Generator) -> NDArray:
    """Masonry in one tone."""
    base = _hsv(rng.uniform(5, 30), rng.uniform(0.2, 0.6), rng.uniform(0.4, 0.7))
    high, wide = int(rng.integers(18, 30)), int(rng.integers(44, 70))
    row = np.arange(SIZE)[:, None] // high
    column = (np.arange(SIZE)[None] + (row % 2) * (wide // 2)) // wide
    tone = rng.uniform(0.75, 1.2, (64, 64)).astype(np.float32)[row % 64, column % 64]
    picture = base * (tone * (0.8 + 0.4 * _clouds(rng, 40, 2)))[..., None]
    inside_row = np.arange(SIZE)[:, None] % high
    inside_column = (np.arange(SIZE)[None] + (row % 2) * (wide // 2)) % wide
    picture[(inside_row < 3) | (inside_column < 3)] = 170
    return picture


def _curtain(rng: np.random.Generator) -> NDArray:
    """Cloth in upright folds."""
    x = np.arange(SIZE) / SIZE
    waves = sum(np.sin(2 * np.pi * (k * x + rng.random())) / k**0.5 for k in rng.integers(4, 24, 4))
    folds = 0.75 + 0.12 * np.broadcast_to(waves, (SIZE, SIZE))
    return _vivid(rng) * folds.astype(np.float32)[..., None]


def _patchwork(rng: np.random.Generator) -> NDArray:
    """A quilt of rectangles in many colours."""
    picture = np.empty((SIZE, SIZE, 3), dtype=np.float32)
    cell = int(rng.integers(36, 80))
    palette = [_vivid(rng) for _ in range(5)]
    for top in range(0, SIZE, cell):
        for left in range(0, SIZE, cell):
            picture[top : top + cell, left : left + cell] = palette[rng.integers(5)]
    return picture * (0.85 + 0.3 * _clouds(rng, 64, 2)[..., None])


# fresh --------------------------------------------------------------------------------------


def _shelves(rng: np.random.Generator) -> NDArray:
    """A bookcase: rows of coloured spines."""
    picture = np.full((SIZE, SIZE, 3), _hsv(28, 0.5, rng.uniform(0.2, 0.4)), dtype=np.float32)
    row = int(rng.integers(70, 110))
    for top in range(0, SIZE, row):
        x = 0
        while x < SIZE:
            wide, gap = int(rng.integers(7, 22)), int(rng.integers(4, row // 3))
            picture[top + gap : top + row - 7, x : x + wide] = _vivid(rng) * rng.uniform(0.6, 1)
            picture[top + gap : top + row - 7, x : x + 1] *= 0.5
            x += wide + int(rng.random() < 0.1) * 12
    return picture


def _blurred_room(rng: np.random.Generator) -> NDArray:
    """Out-of-focus shapes, as a photograph with a shallow depth of field."""
    picture = np.full((SIZE, SIZE, 3), _muted(rng), dtype=np.float32)
    for _ in range(28):
        centre = rng.integers(0, SIZE, 2)
        half = rng.integers(12, 70, 2)
        colour = tuple(float(c) for c in _vivid(rng))
        if rng.random() < 0.5:
            low, high = (tuple(int(v) for v in centre + s * half) for s in (-1, 1))
            cv2.rectangle(picture, low, high, colour, -1)
        else:
            cv2.ellipse(
                picture,
                (int(centre[0]), int(centre[1])),
                (int(half[0]), int(half[1])),
                float(rng.uniform(0, 180)),
                0,
                360,
                colour,
                -1,
            )
    return cv2.GaussianBlur(picture, (0, 0), rng.uniform(5, 14))


def _stone(rng: np.random.Generator) -> NDArray:
    """Marble with veins, or granite."""
    veins = np.abs(np.sin(7 * _clouds(rng, 3, 5))) ** 0.4
    light = _hsv(rng.uniform(0, 360), rng.uniform(0, 0.12), rng.uniform(0.6, 0.92))
    picture = _mix(veins, light * rng.uniform(0.25, 0.7), light)
    speckle = rng.normal(1, rng.uniform(0.02, 0.12), (SIZE, SIZE, 1)).astype(np.float32)
    return picture * cv2.GaussianBlur(speckle, (0, 0), 0.8)[..., None]


def _tartan(rng: np.random.Generator) -> NDArray:
    """Woven cloth: stripes across stripes."""
    thread = np.full((SIZE, 3), _vivid(rng), dtype=np.float32)
    period = int(rng.integers(60, 110))
    for _ in range(5):
        start, wide = int(rng.integers(0, period)), int(rng.integers(3, 18))
        thread[(np.arange(SIZE) - start) % period < wide] = _vivid(rng)
    return (thread[:, None] + thread[None]) / 2


def _foliage(rng: np.random.Generator) -> NDArray:
    """Leaves and light, slightly out of focus."""
    picture = np.full((SIZE, SIZE, 3), _hsv(110, 0.6, 0.2), dtype=np.float32)
    for _ in range(420):
        x, y = (int(v) for v in rng.integers(0, SIZE, 2))
        length = int(rng.integers(8, 26))
        colour = _hsv(rng.uniform(60, 140), rng.uniform(0.3, 0.8), rng.uniform(0.2, 0.75))
        cv2.ellipse(
            picture,
            (x, y),
            (length, max(length // 3, 2)),
            float(rng.uniform(0, 180)),
            0,
            360,
            tuple(float(c) for c in colour),
            -1,
        )
    return cv2.GaussianBlur(picture, (0, 0), rng.uniform(1.0, 4.0))


def _dotted_cloth(rng: np.random.Generator) -> NDArray:
    """Cloth with dots."""
    cell = int(rng.integers(26, 54))
    i, j = np.indices((SIZE, SIZE))
    j = j + (i // cell % 2) * (cell // 2)
    away = np.hypot(i % cell - cell / 2, j % cell - cell / 2)
    dots = np.clip(cell * rng.uniform(0.2, 0.35) - away, 0, 1).astype(np.float32)
    return _mix(dots, *(_vivid(rng) for _ in range(2)))


FAMILIES: dict[str, dict[str, tuple[Draw, ...]]] = {
    "teach": {
        "wall": (_painted, _wallpaper, _bricks, _tiles, _planks, _curtain, _patchwork),
        "table": (_planks, _painted, _tiles, _patchwork),
    },
    "fresh": {
        "wall": (_shelves, _blurred_room, _stone, _foliage, _tartan),
        "table": (_stone, _dotted_cloth, _tartan),
    },
}


@lru_cache(maxsize=4 * POOL)
def texture(family: str, surface: str, number: int) -> Texture:
    """One texture of a family's pool.

    Parameters
    ----------
    family : {"teach", "fresh"}
    surface : {"wall", "table"}
    number : int
        From 0 to ``POOL`` - 1.

    Returns
    -------
    (SIZE, SIZE, 3) uint8 RGB, read-only
    """
    draws = FAMILIES[family][surface]
    key = [sorted(FAMILIES).index(family), ("wall", "table").index(surface), number]
    rng = np.random.default_rng([0xBACD, *key])
    picture = draws[number % len(draws)](rng)
    finished = np.clip(picture, 0, 255).astype(np.uint8)
    finished.flags.writeable = False
    return finished
