"""Where everything stands in one picture: what is drawn at random, and the geometry of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .backdrops import POOL
from .shapes import axis_rotation

FloatArray = NDArray[np.floating]

DISC_RADIUS = 1.0
DISC_HEIGHT = 0.07
"""The object stands on z = 0, the disc's top; the table lies this far below."""


@dataclass(frozen=True)
class View:
    """Everything that one picture is drawn from, but the object.

    Lengths are in radii of the disc, angles in degrees. ``light`` is the unit vector towards the
    lamp, its colour linear RGB. ``tilt`` leans the object by that much towards ``tilt_towards``.
    """

    yaw: float
    tilt: float
    tilt_towards: float
    elevation: float
    roll: float
    distance: float
    aim: tuple[float, float]
    light: tuple[float, float, float]
    light_colour: tuple[float, float, float]
    ambient: float
    wall: int
    wall_distance: float
    wall_blur: float
    table: int
    shift: tuple[float, float]
    turn: float
    noise: float
    noise_seed: int
    family: str


def draw_view(rng: np.random.Generator, family: str) -> View:
    """Draw one picture's pose, camera, lamp and backdrop.

    The object turns all the way round and leans by up to 10 degrees; the camera looks down by 18
    to 42 degrees from 3.5 to 4.6 disc radii.
    """
    height, about = np.radians(rng.uniform(35, 70)), np.radians(rng.uniform(0, 360))
    # The lamp never stands behind the object: a silhouette against the light shows no colours.
    across = np.array([np.cos(about), -abs(np.sin(about)) - 0.15]) * np.cos(height)
    light = np.array([*across, np.sin(height)])
    light /= np.linalg.norm(light)
    warmth, strength = rng.uniform(-0.14, 0.14), rng.uniform(0.75, 1.25)
    return View(
        yaw=rng.uniform(0, 360),
        tilt=rng.uniform(0, 10),
        tilt_towards=rng.uniform(0, 360),
        elevation=rng.uniform(18, 42),
        roll=rng.uniform(-5, 5),
        distance=rng.uniform(3.5, 4.6),
        aim=(rng.uniform(-0.22, 0.22), rng.uniform(-0.12, 0.12)),
        light=(float(light[0]), float(light[1]), float(light[2])),
        light_colour=(strength * (1 + warmth), strength, strength * (1 - warmth)),
        ambient=rng.uniform(0.3, 0.5),
        wall=int(rng.integers(POOL)),
        wall_distance=rng.uniform(1.6, 3.2),
        wall_blur=rng.choice([0.0, 1.2, 2.5]),
        table=int(rng.integers(POOL)),
        shift=(rng.uniform(0, 6), rng.uniform(0, 6)),
        turn=rng.uniform(-25, 25),
        noise=rng.uniform(1.0, 5.0),
        noise_seed=int(rng.integers(2**32)),
        family=family,
    )


def object_rotation(view: View) -> FloatArray:
    """Rotation (3, 3) from the object's own axes to the world's."""
    lean = axis_rotation("z", view.tilt_towards) @ axis_rotation("x", view.tilt)
    return lean @ axis_rotation("z", view.yaw - view.tilt_towards)


class Camera:
    """A pinhole camera that looks at the object from the side of negative y.

    Parameters
    ----------
    view : View
    look_at : float
        Height of the point that it looks at, before ``view.aim`` shifts it.
    width, height : int
        Size of the picture in pixels.

    Attributes
    ----------
    position : (3,) float64
    rotation : (3, 3) float64
        Rows are the camera's right, down and forward axes in the world.
    intrinsics : (3, 3) float64
    """

    FIELD_OF_VIEW = 27.0
    """Degrees over the picture's height."""

    def __init__(self, view: View, look_at: float, width: int, height: int) -> None:
        self.width, self.height = width, height
        up = np.radians(view.elevation)
        target = np.array([view.aim[0], 0.0, look_at + view.aim[1]])
        forward = np.array([0.0, np.cos(up), -np.sin(up)])
        self.position = target - view.distance * forward
        right = np.array([1.0, 0.0, 0.0])
        level = np.stack([right, np.cross(forward, right), forward])
        self.rotation = axis_rotation("z", view.roll).astype(float) @ level
        focal = height / 2 / np.tan(np.radians(self.FIELD_OF_VIEW / 2))
        self.intrinsics = np.array(
            [[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]]
        )

    def rays(self, x: NDArray, y: NDArray) -> FloatArray:
        """Unit directions (n, 3) in the world through the given pixels (n,)."""
        focal = self.intrinsics[0, 0]
        across, down = self.intrinsics[:2, 2]
        local = np.stack([(x - across) / focal, (y - down) / focal, np.ones(len(x))], axis=1)
        rays = (local @ self.rotation).astype(np.float32)
        rays /= np.sqrt(np.einsum("ni,ni->n", rays, rays))[:, None]
        return rays

    def project(self, points: NDArray) -> NDArray[np.float64]:
        """Pixels (n, 2) of points (n, 3) in front of the camera."""
        local = (points - self.position) @ self.rotation.T @ self.intrinsics.T
        return local[:, :2] / local[:, 2:]

    def plane(self, origin: NDArray, along: NDArray, up: NDArray) -> NDArray[np.float64]:
        """Homography (3, 3) to pixels from (s, t, 1), which stands for origin + s along + t up."""
        columns = np.stack([along, up, origin - self.position], axis=1)
        return self.intrinsics @ self.rotation @ columns

    def rectangle(self, pixels: NDArray, margin: int = 2) -> tuple[int, int, int, int]:
        """Left, top, right, bottom (exclusive) round the given pixels, inside the picture."""
        low = np.floor(pixels.min(axis=0)).astype(int) - margin
        high = np.ceil(pixels.max(axis=0)).astype(int) + margin + 1
        left, right = np.clip([low[0], high[0]], 0, self.width)
        top, bottom = np.clip([low[1], high[1]], 0, self.height)
        return int(left), int(top), int(right), int(bottom)
