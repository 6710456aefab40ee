"""Triangle shapes to build things from: lathe, tube, box, extruded outline.

Lengths have no unit; a finished model is brought to the size of the turntable later. The z axis
points up. Every function returns a new :class:`Shape`; nothing is changed in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.int32]


def f32(values: ArrayLike) -> NDArray[np.float32]:
    """Return the values as an array of single precision, which is what the ray tracer takes."""
    return np.asarray(values, dtype=np.float32)


@dataclass(frozen=True)
class Shape:
    """A triangle mesh that remembers where its points lay when it was made.

    Attributes
    ----------
    vertices : (v, 3) float32
    faces : (f, 3) int32
        Corners of each triangle, turning the same way all over the shape.
    rest : (v, 3) float32
        The vertices before any move: a pattern painted by these coordinates sticks to the shape.
    """

    vertices: FloatArray
    faces: IntArray
    rest: FloatArray

    def move(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Shape:
        """Shift by (x, y, z)."""
        return replace(self, vertices=self.vertices + f32([x, y, z]))

    def scale(self, x: float = 1.0, y: float = 1.0, z: float = 1.0) -> Shape:
        """Stretch along each axis about the origin."""
        return replace(self, vertices=self.vertices * f32([x, y, z]))

    def turn(self, axis: str, degrees: float) -> Shape:
        """Rotate about the x, y or z axis, counter-clockwise when the axis points at you."""
        return replace(self, vertices=self.vertices @ axis_rotation(axis, degrees).T)


def axis_rotation(axis: str, degrees: float) -> FloatArray:
    """Rotation matrix (3, 3) about ``"x"``, ``"y"`` or ``"z"``."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[[i, j, i, j], [i, j, j, i]] = c, c, -s, s
    return matrix.astype(np.float32)


def make_shape(vertices: ArrayLike, faces: ArrayLike) -> Shape:
    """Shape from vertices (v, 3) and faces (f, 3), without its degenerate triangles."""
    points = np.asarray(vertices, dtype=np.float32)
    index = np.asarray(faces, dtype=np.int32)
    a, b, c = (points[index[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    return Shape(points, index[area > 1e-9], points)


def join(shapes: Sequence[Shape]) -> Shape:
    """Several shapes as one, so that one paint covers all; their surfaces stay apart."""
    starts = np.cumsum([0] + [len(s.vertices) for s in shapes[:-1]])
    faces = [s.faces + np.int32(start) for s, start in zip(shapes, starts, strict=True)]
    return Shape(
        np.concatenate([s.vertices for s in shapes]),
        np.concatenate(faces),
        np.concatenate([s.rest for s in shapes]),
    )


def _grid_faces(rows: int, columns: int, *, wrap_rows: bool = False) -> IntArray:
    """Two triangles for each cell of a rows x columns grid that is closed along its columns."""
    i, j = np.mgrid[0 : rows if wrap_rows else rows - 1, 0:columns]
    down, right = (i + 1) % rows, (j + 1) % columns
    a, b, c, d = (p * columns + q for p, q in ((i, j), (i, right), (down, right), (down, j)))
    return np.stack([a, b, c, a, c, d], axis=-1).reshape(-1, 3).astype(np.int32)


def lathe(profile: ArrayLike, sections: int = 40) -> Shape:
    """Turn a profile about the z axis.

    Parameters
    ----------
    profile : (k, 2)
        Radius and height of each point, in order along the surface.
    sections : int
        Number of flat sides round the axis.
    """
    radius, height = np.asarray(profile, dtype=float).T
    angle = np.linspace(0, 2 * np.pi, sections, endpoint=False)
    x, y = np.outer(radius, np.cos(angle)), np.outer(radius, np.sin(angle))
    points = np.stack([x, y, np.broadcast_to(height[:, None], x.shape)], axis=-1)
    return make_shape(points.reshape(-1, 3), _grid_faces(len(radius), sections))


def smooth_profile(points: ArrayLike, samples: int = 32) -> NDArray[np.float64]:
    """Catmull-Rom curve (samples, k) through the given points, for round bodies and bent tubes."""
    p = np.asarray(points, dtype=float)
    padded = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    t = np.linspace(0, len(p) - 1, samples)
    i = np.minimum(t.astype(int), len(p) - 2)
    f = (t - i)[:, None]
    a, b, c, d = (padded[i + k] for k in range(4))
    return 0.5 * (
        2 * b + (c - a) * f + (2 * a - 5 * b + 4 * c - d) * f**2 + (3 * b - a - 3 * c + d) * f**3
    )


def cylinder(
    radius: float, height: float, *, top: float | None = None, sections: int = 36
) -> Shape:
    """Closed cylinder on z = 0, or a cone where ``top``, the upper radius, differs."""
    upper = radius if top is None else top
    return lathe([(0, 0), (radius, 0), (upper, height), (0, height)], sections)


def ellipsoid(
    x: float, y: float | None = None, z: float | None = None, sections: int = 32
) -> Shape:
    """Ellipsoid about the origin with the given half axes; one number makes a ball."""
    latitude = np.linspace(-np.pi / 2, np.pi / 2, sections // 2 + 1)
    ball = lathe(np.c_[np.cos(latitude), np.sin(latitude)], sections)
    return ball.scale(x, x if y is None else y, x if z is None else z)


def box(x: float, y: float, z: float) -> Shape:
    """Box that stands on z = 0, centred over the origin."""
    corners = np.array([(i, j, k) for k in (0, 1) for j in (-0.5, 0.5) for i in (-0.5, 0.5)])
    faces = [
        *((0, 2, 3), (0, 3, 1), (4, 5, 7), (4, 7, 6), (0, 1, 5), (0, 5, 4)),
        *((2, 6, 7), (2, 7, 3), (0, 4, 6), (0, 6, 2), (1, 3, 7), (1, 7, 5)),
    ]
    return make_shape(corners * [x, y, z], faces)


def rounded_box(x: float, y: float, z: float, radius: float, steps: int = 4) -> Shape:
    """Box on z = 0 with all edges rounded: a lathe of quarter circles pulled apart."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 2 * steps + 2)
    turn = np.linspace(0, 2 * np.pi, 4 * (steps + 1), endpoint=False) + np.pi / (4 * (steps + 1))
    level, about = np.meshgrid(angle, turn, indexing="ij")
    unit = np.stack(
        [np.cos(level) * np.cos(about), np.cos(level) * np.sin(about), np.sin(level)], -1
    )
    inner = np.array([x, y, z]) / 2 - radius
    points = unit * radius + np.sign(unit) * inner + [0, 0, z / 2]
    rim = len(turn)
    shell = _grid_faces(len(angle), rim)
    fans = [(0, i + 1, i) for i in range(1, rim - 1)]
    last = (len(angle) - 1) * rim
    fans += [(last, last + i, last + i + 1) for i in range(1, rim - 1)]
    return make_shape(points.reshape(-1, 3), np.vstack([shell, fans]))


def tube(path: ArrayLike, radius: ArrayLike, sections: int = 16, *, closed: bool = False) -> Shape:
    """Sweep a circle along a path.

    Parameters
    ----------
    path : (k, 3)
    radius : float or (k,)
        Radius at each point; an open tube gets flat ends.
    closed : bool
        Join the last point to the first: a ring.
    """
    centre = np.asarray(path, dtype=float)
    radii = np.broadcast_to(np.asarray(radius, dtype=float), len(centre))
    side, up = _frames(centre, closed)
    angle = np.linspace(0, 2 * np.pi, sections, endpoint=False)
    circle = np.cos(angle)[:, None] * side[:, None] + np.sin(angle)[:, None] * up[:, None]
    rings = centre[:, None] + radii[:, None, None] * circle
    if not closed:  # an end cap is a last ring of radius zero
        ends = np.repeat(centre[[0, -1]][:, None], sections, axis=1)
        rings = np.concatenate([ends[:1], rings, ends[1:]])
    return make_shape(rings.reshape(-1, 3), _grid_faces(len(rings), sections, wrap_rows=closed))


def _frames(path: NDArray[np.float64], closed: bool) -> tuple[NDArray, NDArray]:
    """Two axes (k, 3) across the path at each point, carried along without twist."""
    if closed:
        tangent = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0)
    else:
        tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = np.empty_like(path)
    current = np.eye(3)[np.argmin(np.abs(tangent[0]))]
    for i, t in enumerate(tangent):
        current = current - t * (current @ t)
        current /= np.linalg.norm(current)
        side[i] = current
    return side, np.cross(tangent, side)


def torus(major: float, minor: float, *, start: float = 0.0, end: float = 360.0) -> Shape:
    """Ring in the xy plane about the origin, or the arc of it between two angles in degrees."""
    full = abs(end - start) >= 360.0
    angle = np.radians(np.linspace(start, end, 41 if full else 25))
    path = major * np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], axis=1)
    return tube(path[:-1] if full else path, minor, closed=full)


def extrude(outline: ArrayLike, height: float) -> Shape:
    """Raise a closed outline (k, 2), which must not cross itself, from z = 0 to ``height``."""
    flat = np.asarray(outline, dtype=float)
    if _signed_area(flat) < 0:
        flat = flat[::-1]
    k = len(flat)
    levels = [np.c_[flat, np.full(k, z)] for z in (0.0, height)]
    cap = np.array(_clip_ears(flat))
    # Caps and walls have vertices of their own, so that the edge between them stays sharp.
    faces = np.vstack([cap[:, ::-1], cap + k, _grid_faces(2, k) + 2 * k])
    return make_shape(np.vstack(levels + levels), faces)


def _signed_area(p: NDArray[np.float64]) -> float:
    x, y = p.T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2


def _clip_ears(p: NDArray[np.float64]) -> list[tuple[int, int, int]]:
    """Triangulate a counter-clockwise simple polygon by cutting off one ear after another."""
    left = list(range(len(p)))
    triangles = []
    while len(left) > 3:
        ear = next((i for i in range(len(left)) if _is_ear(p, left, i)), 0)
        triangles.append((left[ear - 1], left[ear], left[(ear + 1) % len(left)]))
        del left[ear]
    return [*triangles, (left[0], left[1], left[2])]


def _is_ear(p: NDArray[np.float64], left: list[int], i: int) -> bool:
    corners = left[i - 1], left[i], left[(i + 1) % len(left)]
    a, b, c = p[list(corners)]
    if _cross(b - a, c - a) <= 1e-12:
        return False
    others = p[[k for k in left if k not in corners]]
    inside = np.ones(len(others), dtype=bool)
    for start, end in ((a, b), (b, c), (c, a)):
        inside &= _cross(end - start, others - start) >= 0
    return not inside.any()


def _cross(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
