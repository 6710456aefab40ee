"""Draws one picture: table, wall and disc by homographies, the object by rays.

The surroundings are flat, so warping their textures is exact and cheap. Only the object's own
rectangle is traced: one ray a pixel, four where neighbouring pixels show different parts, one more
from each hit to the lamp for shadows; the shadow on the table is traced at half size and blurred.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from .backdrops import SIZE, SPAN, texture
from .model import Model
from .painter import SKY, ObjectPainter
from .scene import DISC_HEIGHT, DISC_RADIUS, Camera, View, object_rotation
from .shapes import f32

FloatArray = NDArray[np.floating]
Picture = NDArray[np.uint8]

_LINEAR = ((np.arange(256) / 255) ** 2.2).astype(np.float32)
_SCREEN = np.round(255 * (np.arange(4096) / 4095) ** (1 / 2.2)).astype(np.uint8)


def render(model: Model | None, view: View, width: int, height: int) -> Picture:
    """Draw one picture (height, width, 3) uint8 RGB; no model leaves the turntable empty."""
    rotation = object_rotation(view)
    posed = None if model is None else model.points @ rotation.T
    lift = 0.0 if posed is None else -float(posed[:, 2].min())
    top = 0.6 if posed is None else float(posed[:, 2].max()) + lift
    camera = Camera(view, 0.45 * top, width, height)
    image = _surroundings(camera, view)
    if model is not None and posed is not None:
        painter = ObjectPainter(model, view, camera, rotation, lift)
        painter.darken_by_shadow(image, posed + f32([0, 0, lift]))
        painter.paint(image, posed + f32([0, 0, lift]))
    return _develop(image, view)


def object_mask(model: Model, view: View, width: int, height: int) -> NDArray[np.bool_]:
    """Pixels (height, width) that show the object."""
    rotation = object_rotation(view)
    posed = model.points @ rotation.T
    lift = -float(posed[:, 2].min())
    camera = Camera(view, 0.45 * (float(posed[:, 2].max()) + lift), width, height)
    painter = ObjectPainter(model, view, camera, rotation, lift)
    y, x = np.indices((height, width)).reshape(2, -1)
    return (painter.parts_at(x, y) >= 0).reshape(height, width)


def _develop(image: FloatArray, view: View) -> Picture:
    """Camera noise, and from linear light to screen values."""
    exposed = _SCREEN[np.clip(image * 4095, 0, 4095).astype(np.uint16)]
    grain = _grain(image.shape[0], image.shape[1])
    shift = np.random.default_rng(view.noise_seed).integers(0, image.shape[:2])
    rolled = np.roll(grain, tuple(int(s) for s in shift), axis=(0, 1))
    noisy = cv2.addWeighted(exposed, 1.0, rolled, view.noise, 0, dtype=cv2.CV_8U)
    return np.asarray(noisy, dtype=np.uint8)


@lru_cache(maxsize=2)
def _grain(height: int, width: int) -> FloatArray:
    return np.random.default_rng(0).standard_normal((height, width, 3), dtype=np.float32)


def _to_linear(picture: NDArray) -> FloatArray:
    return np.asarray(cv2.LUT(picture, _LINEAR), dtype=np.float32)


def _surroundings(camera: Camera, view: View) -> FloatArray:
    """Wall, table and disc in linear light, without the object: (height, width, 3)."""
    table = _warp(texture(view.family, "table", view.table), camera, view, floor=True)
    wall = texture(view.family, "wall", view.wall)
    if view.wall_blur:
        wall = np.asarray(cv2.GaussianBlur(wall, (0, 0), view.wall_blur), dtype=np.uint8)
    picture = _warp(wall, camera, view, floor=False)
    edge = _table_mask(camera, view.wall_distance)
    picture = np.where(edge[..., None], table, picture)

    light = f32(view.light_colour)
    image = _to_linear(picture)
    lamp = np.where(edge, view.light[2], 0.45 + 0.4 * max(-view.light[1], 0)).astype(np.float32)
    image *= lamp[..., None] * light + view.ambient * SKY * np.float32(0.9)
    _draw_disc(image, camera, view)
    return image


def _warp(picture: Picture, camera: Camera, view: View, *, floor: bool) -> Picture:
    """Lay a texture on the table or the wall and look at it through the camera."""
    turn = np.radians(view.turn if floor else view.turn * 0.1)
    c, s = np.cos(turn), np.sin(turn)
    if floor:
        origin, axes = np.array([0, 0, -DISC_HEIGHT]), np.array([[c, s, 0], [-s, c, 0]])
    else:
        origin = np.array([0, view.wall_distance, -DISC_HEIGHT])
        axes = np.array([[c, 0, s], [s, 0, -c]])
    plane = camera.plane(origin, *axes)
    scale, shift = SPAN / SIZE, np.array(view.shift)
    to_plane = np.array([[scale, 0, -shift[0]], [0, scale, -shift[1]], [0, 0, 1]])
    size = (camera.width, camera.height)
    seen = cv2.warpPerspective(picture, plane @ to_plane, size, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(seen, dtype=np.uint8)


def _table_mask(camera: Camera, wall_distance: float) -> NDArray[np.bool_]:
    """Pixels that show the table rather than the wall behind it."""
    ends = camera.project(np.array([[x, wall_distance, -DISC_HEIGHT] for x in (-4.0, 4.0)]))
    (x0, y0), (x1, y1) = ends
    edge = y0 + (np.arange(camera.width) - x0) * (y1 - y0) / (x1 - x0)
    return np.arange(camera.height)[:, None] >= edge[None]


def _ring(camera: Camera, radius: float, z: float, shift: tuple[float, float] = (0, 0)) -> NDArray:
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    circle = np.stack(
        [radius * np.cos(angle) + shift[0], radius * np.sin(angle) + shift[1]], axis=1
    )
    return camera.project(np.c_[circle, np.full(72, z)])


def _coverage(camera: Camera, outline: NDArray) -> FloatArray:
    """Share of each pixel inside a convex outline (k, 2): (height, width), smooth at the edge."""
    mask = np.zeros((camera.height, camera.width), dtype=np.uint8)
    cv2.fillConvexPoly(mask, np.round(outline * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
    return mask.astype(np.float32) / 255


def _draw_disc(image: FloatArray, camera: Camera, view: View) -> None:
    """Paint the turntable's disc with its shadow, in place."""
    light = np.array(view.light)
    fall = -light[:2] / light[2] * DISC_HEIGHT
    fallen = _ring(camera, DISC_RADIUS, -DISC_HEIGHT, (fall[0], fall[1]))
    lower, upper = (_ring(camera, DISC_RADIUS, z) for z in (-DISC_HEIGHT, 0.0))
    side = cv2.convexHull(f32(np.vstack([lower, upper])))[:, 0]
    left, top, right, bottom = camera.rectangle(np.vstack([side, fallen]), margin=10)
    window = np.s_[top:bottom, left:right]
    shadow = cv2.GaussianBlur(_coverage(camera, fallen)[window], (0, 0), 3.0)

    lamp, sky = f32(view.light_colour), view.ambient * SKY
    inside = image[window]
    inside *= 1 - 0.5 * shadow[..., None]
    _blend(inside, _coverage(camera, side)[window], 0.10 * (0.5 * lamp + sky))
    face = _seen_face(camera, np.radians(view.yaw))[window]
    _blend(inside, _coverage(camera, upper)[window], face[..., None] * (light[2] * lamp + sky))


def _seen_face(camera: Camera, turn: float) -> FloatArray:
    """The disc's face, turned by that many radians, as the camera sees it: (height, width)."""
    c, s, step = np.cos(turn), np.sin(turn), 2 * DISC_RADIUS / 256
    to_plane = np.array([[step, 0, -DISC_RADIUS], [0, step, -DISC_RADIUS], [0, 0, 1]])
    plane = camera.plane(np.zeros(3), np.array([c, s, 0]), np.array([-s, c, 0]))
    size = (camera.width, camera.height)
    return _to_linear(cv2.warpPerspective(_disc_face(), plane @ to_plane, size))


def _blend(image: FloatArray, share: FloatArray, colour: NDArray) -> None:
    image += share[..., None] * (colour - image)


@lru_cache(maxsize=1)
def _disc_face() -> Picture:
    """The disc from above, 256 x 256 grey: a rim and a tick every 15 degrees."""
    face = np.full((256, 256), 150, dtype=np.uint8)
    cv2.circle(face, (128, 128), 118, 105, 2, cv2.LINE_AA)
    for degrees in range(0, 360, 15):
        ray = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
        start, end = (tuple(int(v) for v in np.round((128 + r * ray) * 16)) for r in (108, 117))
        cv2.line(face, start, end, 80, 2 if degrees % 90 else 5, cv2.LINE_AA, 4)
    return face
