"""Draws the object of a picture by rays, with its highlights and its shadows."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .model import Hits, Model
from .scene import Camera, View
from .shapes import f32

FloatArray = NDArray[np.floating]

SKY, GROUND = f32([1.0, 1.02, 1.06]), f32([0.62, 0.58, 0.54])
"""Colour of the soft light from above and from below."""

_SUBPIXELS = f32([(-0.125, -0.375), (0.375, -0.125), (-0.375, 0.125), (0.125, 0.375)])


class ObjectPainter:
    """Traces one object in one view; works in the object's own axes, where its triangles rest."""

    def __init__(
        self, model: Model, view: View, camera: Camera, rotation: FloatArray, lift: float
    ) -> None:
        self.model, self.view, self.camera = model, view, camera
        self.rotation = rotation.astype(np.float32)
        self.lift = lift
        self.eye = self._inside(camera.position.astype(np.float32))
        self.light = f32(view.light) @ self.rotation
        self.up = self.rotation[2]

    def _inside(self, point: NDArray) -> FloatArray:
        """World point or points in the object's axes."""
        return ((point - f32([0, 0, self.lift])) @ self.rotation).astype(np.float32)

    def _rays(self, x: NDArray, y: NDArray) -> FloatArray:
        return self.camera.rays(x, y) @ self.rotation

    def _eyes(self, count: int) -> FloatArray:
        return np.ascontiguousarray(np.broadcast_to(self.eye, (count, 3)))

    def parts_at(self, x: NDArray, y: NDArray) -> NDArray[np.int32]:
        """Number of the part seen at each pixel, -1 for none."""
        return self.model.parts_hit(self._eyes(len(x)), self._rays(x, y))

    def paint(self, image: FloatArray, posed: FloatArray) -> None:
        """Draw the object over the image, in place."""
        left, top, right, bottom = self.camera.rectangle(self.camera.project(posed))
        y, x = (g.ravel() for g in np.mgrid[top:bottom, left:right])
        rays = self._rays(x, y)
        hits = self.model.trace(self._eyes(len(rays)), rays)
        part = np.full(len(rays), -1)
        part[hits.ray] = hits.part
        edge = _edges(part.reshape(bottom - top, right - left)).ravel()

        whole = hits.take(~edge[hits.ray])
        image[y[whole.ray], x[whole.ray]] = self._shade(rays, whole)
        self._paint_edges(image, x[edge], y[edge])

    def _paint_edges(self, image: FloatArray, x: NDArray, y: NDArray) -> None:
        """Draw pixels that show several parts, or object and backdrop, with four rays each."""
        rays = self._rays(
            (x[:, None] + _SUBPIXELS[:, 0]).ravel(), (y[:, None] + _SUBPIXELS[:, 1]).ravel()
        )
        hits = self.model.trace(self._eyes(len(rays)), rays)
        colour = np.repeat(image[y, x], len(_SUBPIXELS), axis=0)
        colour[hits.ray] = self._shade(rays, hits)
        image[y, x] = colour.reshape(len(x), len(_SUBPIXELS), 3).mean(axis=1)

    def darken_by_shadow(self, image: FloatArray, posed: FloatArray) -> None:
        """Darken disc and table where the object hides the lamp, and close round its foot."""
        light = f32(self.view.light)
        fallen = posed - light * (posed[:, 2:] / light[2])
        left, top, right, bottom = self.camera.rectangle(self.camera.project(fallen), margin=8)
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
        soft = cv2.GaussianBlur(shadow, (0, 0), 1.0)
        soft = cv2.resize(soft, (2 * len(x), 2 * len(y)), interpolation=cv2.INTER_LINEAR)
        depth = 0.72 / (1 + self.view.ambient)
        image[top:bottom, left:right] *= 1 - depth * soft[: bottom - top, : right - left, None]

    def _lamp_points(self) -> FloatArray:
        """Four directions (4, 3) towards the corners of the lamp, for a soft edge of the shadow."""
        side = np.cross(self.light, self.up)
        side /= np.linalg.norm(side)
        across = np.cross(self.light, side)
        corners = self.light + 0.05 * np.stack([side, across, -side, -across])
        return (corners / np.linalg.norm(corners, axis=1, keepdims=True)).astype(np.float32)

    def _shade(self, rays: FloatArray, hits: Hits) -> FloatArray:
        """Linear colour (h, 3) at each hit of the rays.

        Lambert and Blinn-Phong light from the lamp where nothing stands between, and a soft light
        from all round that is stronger from above and at a grazing angle.
        """
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
        lit = self._lit(hits.distance, ray, normal)
        upward = normal @ self.up
        sky = (0.5 + 0.5 * upward)[:, None]
        fresnel = (1 - np.abs(facing)) ** 4 * np.maximum(upward + 0.4, 0)

        lamp = f32(self.view.light_colour)
        around = self.view.ambient * (sky * SKY + (1 - sky) * GROUND)
        paint = self.model.colours(hits)
        gloss = self.model.gloss[hits.part]
        colour = paint * ((lit * lambert)[:, None] * lamp + around)
        colour += (gloss * (0.55 * lit * shine + 0.25 * fresnel))[:, None] * lamp
        return colour

    def _lit(self, distance: FloatArray, ray: FloatArray, normal: FloatArray) -> FloatArray:
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
