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
from .scene import DISC_HEIGHT, DISC_RADIUS, Camera, View, object_rotation

FloatArray = NDArray[np.float32]
Picture = NDArray[np.uint8]

_LINEAR = ((np.arange(256) / 255) ** 2.2).astype(np.float32)
_SCREEN = np.round(255 * (np.arange(4096) / 4095) ** (1 / 2.2)).astype(np.uint8)
_SUBPIXELS = np.float32([(-0.125, -0.375), (0.375, -0.125), (-0.375, 0.125), (0.125, 0.375)])
_SKY, _GROUND = np.float32([1.0, 1.02, 1.06]), np.float32([0.62, 0.58, 0.54])


def render(model: Model | None, view: View, width: int, height: int) -> Picture:
    """Draw one picture (height, width, 3) uint8 RGB; no model leaves the turntable empty."""
    rotation = object_rotation(view)
    posed = None if model is None else model.points @ rotation.T
    lift = 0.0 if posed is None else -float(posed[:, 2].min())
    top = 0.6 if posed is None else float(posed[:, 2].max()) + lift
    camera = Camera(view, 0.45 * top, width, height)
    image = _surroundings(camera, view)
    if model is not None and posed is not None:
        painter = _ObjectPainter(model, view, camera, rotation, lift)
        painter.darken_by_shadow(image, posed + np.float32([0, 0, lift]))
        painter.paint(image, posed + np.float32([0, 0, lift]))
    return _develop(image, view)


def object_mask(model: Model, view: View, width: int, height: int) -> NDArray[np.bool_]:
    """Pixels (height, width) that show the object."""
    rotation = object_rotation(view)
    posed = model.points @ rotation.T
    lift = -float(posed[:, 2].min())
    camera = Camera(view, 0.45 * (float(posed[:, 2].max()) + lift), width, height)
    painter = _ObjectPainter(model, view, camera, rotation, lift)
    y, x = np.indices((height, width)).reshape(2, -1)
    return (painter.parts_at(x, y) >= 0).reshape(height, width)


def _develop(image: FloatArray, view: View) -> Picture:
    """Camera noise, and from linear light to screen values."""
    exposed = _SCREEN[np.clip(image * 4095, 0, 4095).astype(np.uint16)]
    grain = _grain(image.shape[0], image.shape[1])
    shift = np.random.default_rng(view.noise_seed).integers(0, image.shape[:2])
    rolled = np.roll(grain, tuple(int(s) for s in shift), axis=(0, 1))
    return cv2.addWeighted(exposed, 1.0, rolled, view.noise, 0, dtype=cv2.CV_8U)


@lru_cache(maxsize=2)
def _grain(height: int, width: int) -> FloatArray:
    return np.random.default_rng(0).standard_normal((height, width, 3), dtype=np.float32)


def _surroundings(camera: Camera, view: View) -> FloatArray:
    """Wall, table and disc in linear light, without the object: (height, width, 3)."""
    size = (camera.width, camera.height)
    table = _warp(texture(view.family, "table", view.table), camera, view, floor=True)
    wall = texture(view.family, "wall", view.wall)
    if view.wall_blur:
        wall = cv2.GaussianBlur(wall, (0, 0), view.wall_blur)
    picture = _warp(wall, camera, view, floor=False)
    edge = _table_mask(camera, view.wall_distance)
    picture = np.where(edge[..., None], table, picture)

    light = np.float32(view.light_colour)
    image = _LINEAR[picture]
    lamp = np.where(edge, view.light[2], 0.45 + 0.4 * max(-view.light[1], 0)).astype(np.float32)
    image *= lamp[..., None] * light + view.ambient * _SKY * np.float32(0.9)
    _draw_disc(image, camera, view, size)
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
    return cv2.warpPerspective(
        picture, plane @ to_plane, (camera.width, camera.height), borderMode=cv2.BORDER_REFLECT
    )


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


def _draw_disc(image: FloatArray, camera: Camera, view: View, size: tuple[int, int]) -> None:
    """Paint the turntable's disc with its shadow, in place."""
    light = np.array(view.light)
    fall = -light[:2] / light[2] * DISC_HEIGHT
    shadow = _coverage(camera, _ring(camera, DISC_RADIUS, -DISC_HEIGHT, (fall[0], fall[1])))
    image *= 1 - 0.5 * cv2.GaussianBlur(shadow, (0, 0), 3.0)[..., None]

    lower, upper = (_ring(camera, DISC_RADIUS, z) for z in (-DISC_HEIGHT, 0.0))
    side = cv2.convexHull(np.float32(np.vstack([lower, upper])))[:, 0]
    lamp, sky = np.float32(view.light_colour), view.ambient * _SKY
    _blend(image, _coverage(camera, side), 0.10 * (0.5 * lamp + sky))
    turn = np.radians(view.yaw)
    along, across = (
        np.array([np.cos(turn), np.sin(turn), 0]),
        np.array([-np.sin(turn), np.cos(turn), 0]),
    )
    scale = 2 * DISC_RADIUS / 256
    to_plane = np.array([[scale, 0, -DISC_RADIUS], [0, scale, -DISC_RADIUS], [0, 0, 1]])
    warp = camera.plane(np.zeros(3), along, across) @ to_plane
    face = _LINEAR[cv2.warpPerspective(_disc_face(), warp, size)]
    _blend(image, _coverage(camera, upper), face[..., None] * (light[2] * lamp + sky))


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


class _ObjectPainter:
    """Traces one object in one view; works in the object's own axes, where its triangles rest."""

    def __init__(
        self, model: Model, view: View, camera: Camera, rotation: FloatArray, lift: float
    ) -> None:
        self.model, self.view, self.camera = model, view, camera
        self.rotation = rotation.astype(np.float32)
        self.lift = lift
        self.eye = self._inside(camera.position.astype(np.float32))
        self.light = np.float32(view.light) @ self.rotation
        self.up = self.rotation[2]

    def _inside(self, point: NDArray) -> FloatArray:
        """World point or points in the object's axes."""
        return ((point - np.float32([0, 0, self.lift])) @ self.rotation).astype(np.float32)

    def _rays(self, x: NDArray, y: NDArray) -> FloatArray:
        return self.camera.rays(x, y) @ self.rotation

    def _eyes(self, count: int) -> FloatArray:
        return np.ascontiguousarray(np.broadcast_to(self.eye, (count, 3)))

    def parts_at(self, x: NDArray, y: NDArray) -> NDArray[np.int32]:
        """Number of the part seen at each pixel, -1 for none."""
        return self.model.faces_hit(self._eyes(len(x)), self._rays(x, y))

    def paint(self, image: FloatArray, posed: FloatArray) -> None:
        """Draw the object over the image, in place."""
        left, top, right, bottom = self._rectangle(self.camera.project(posed))
        y, x = (g.ravel() for g in np.mgrid[top:bottom, left:right])
        part = self.parts_at(x, y).reshape(bottom - top, right - left)
        edge = _edges(part).ravel()
        seen = np.flatnonzero((part.ravel() >= 0) & ~edge)
        split = np.flatnonzero(edge)
        sub_x = (x[split, None] + _SUBPIXELS[:, 0]).ravel()
        sub_y = (y[split, None] + _SUBPIXELS[:, 1]).ravel()
        colour, hit = self._shade(np.r_[x[seen], sub_x], np.r_[y[seen], sub_y])

        n = len(seen)
        image[y[seen[hit[:n]]], x[seen[hit[:n]]]] = colour[:n][hit[:n]]
        behind = image[y[split], x[split]]
        fine, covered = colour[n:].reshape(-1, 4, 3), hit[n:].reshape(-1, 4, 1)
        image[y[split], x[split]] = np.where(covered, fine, behind[:, None]).mean(axis=1)

    def darken_by_shadow(self, image: FloatArray, posed: FloatArray) -> None:
        """Darken disc and table where the object hides the lamp, and close round its foot."""
        light = np.float32(self.view.light)
        fallen = posed - light * (posed[:, 2:] / light[2])
        left, top, right, bottom = self._rectangle(self.camera.project(fallen), margin=8)
        if right - left < 4 or bottom - top < 4:
            return
        x, y = np.arange(left, right, 2), np.arange(top, bottom, 2)
        grid_x, grid_y = (g.ravel() for g in np.meshgrid(x, y))
        rays = self.camera.rays(grid_x, grid_y)
        down = rays[:, 2] < -1e-3
        reach = np.where(down, -self.camera.position[2] / np.where(down, rays[:, 2], -1), 0)
        ground = self._inside(self.camera.position + reach[:, None] * rays + [0, 0, 1e-3])
        hidden = sum(
            self.model.blocks(ground, np.ascontiguousarray(np.broadcast_to(d, ground.shape)))
            for d in self._lamp_points()
        ) / np.float32(4)
        shadow = (np.asarray(hidden) * down).reshape(len(y), len(x)).astype(np.float32)
        shadow = cv2.GaussianBlur(shadow, (0, 0), 1.0)
        shadow = cv2.resize(shadow, (2 * len(x), 2 * len(y)), interpolation=cv2.INTER_LINEAR)
        depth = 0.72 / (1 + self.view.ambient)
        image[top:bottom, left:right] *= 1 - depth * shadow[: bottom - top, : right - left, None]

    def _lamp_points(self) -> FloatArray:
        """Four directions (4, 3) towards the corners of the lamp, for a soft edge of the shadow."""
        side = np.cross(self.light, self.up)
        side /= np.linalg.norm(side)
        across = np.cross(self.light, side)
        corners = self.light + 0.05 * np.stack([side, across, -side, -across])
        return (corners / np.linalg.norm(corners, axis=1, keepdims=True)).astype(np.float32)

    def _rectangle(self, pixels: NDArray, margin: int = 2) -> tuple[int, int, int, int]:
        """Left, top, right, bottom (exclusive) round the given pixels, inside the picture."""
        width, height = self.camera.width, self.camera.height
        low = np.floor(pixels.min(axis=0)).astype(int) - margin
        high = np.ceil(pixels.max(axis=0)).astype(int) + margin + 1
        left, right = np.clip([low[0], high[0]], 0, width)
        top, bottom = np.clip([low[1], high[1]], 0, height)
        return int(left), int(top), int(right), int(bottom)

    def _shade(self, x: NDArray, y: NDArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Linear colour (n, 3) at each pixel, and whether the object is there (n,).

        Lambert and Blinn-Phong light from the lamp where nothing stands between, and a soft light
        from all round that is stronger from above and near the object's top.
        """
        rays = self._rays(x, y)
        hits = self.model.trace(self._eyes(len(rays)), rays)
        ray = rays[hits.ray]
        normal = hits.normal
        facing = np.einsum("ni,ni->n", normal, ray)
        normal = np.where(facing[:, None] > 0, -normal, normal)

        lambert = np.maximum(normal @ self.light, 0)
        half = self.light - ray
        half /= np.sqrt(np.einsum("ni,ni->n", half, half))[:, None]
        shine = (
            np.maximum(np.einsum("ni,ni->n", normal, half), 0) ** self.model.shininess[hits.part]
        )
        lit = self._lit(hits.distance, ray, normal, hits.ray)
        upward = normal @ self.up
        sky = (0.5 + 0.5 * upward)[:, None]
        fresnel = (1 - np.abs(facing)) ** 4 * np.maximum(upward + 0.4, 0)

        lamp = np.float32(self.view.light_colour)
        around = self.view.ambient * (sky * _SKY + (1 - sky) * _GROUND)
        paint = self.model.colours(hits)
        gloss = self.model.gloss[hits.part]
        colour = paint * ((lit * lambert)[:, None] * lamp + around)
        colour += (gloss * (0.55 * lit * shine + 0.25 * fresnel))[:, None] * lamp

        result = np.zeros((len(rays), 3), dtype=np.float32)
        result[hits.ray] = colour
        found = np.zeros(len(rays), dtype=bool)
        found[hits.ray] = True
        return result, found

    def _lit(
        self, distance: FloatArray, ray: FloatArray, normal: FloatArray, _: NDArray
    ) -> FloatArray:
        """1 where the lamp reaches the point, 0 in the object's own shadow: (h,)."""
        point = self.eye + distance[:, None] * ray + 4e-3 * normal
        towards = np.ascontiguousarray(np.broadcast_to(self.light, point.shape))
        return (~self.model.blocks(point.astype(np.float32), towards)).astype(np.float32)


def _edges(part: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Pixels whose neighbours to any side show another part: (height, width)."""
    edge = np.zeros(part.shape, dtype=bool)
    across, down = part[:, 1:] != part[:, :-1], part[1:] != part[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    return edge
