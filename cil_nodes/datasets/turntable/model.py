"""One simulated thing, ready for rays: triangles, smooth normals, paint, and the ray tracer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from cil_nodes.datasets.frames import MissingPackageError

from .paint import Paint
from .shapes import Shape

FloatArray = NDArray[np.floating]

CREASE_DEGREES = 40.0
"""Faces that meet at a sharper angle keep their edge; flatter ones are shaded as round."""

FOOTPRINT_RADIUS = 0.80
HEIGHT = 1.38
"""What a model is scaled to fit into, in radii of the turntable's disc."""


@dataclass(frozen=True)
class Part:
    """One shape with one paint.

    Attributes
    ----------
    gloss : float
        Strength of the highlight, 0 (chalk) to 1 (polished).
    shininess : float
        Exponent of the highlight: 10 is broad, 100 a point.
    """

    shape: Shape
    paint: Paint
    gloss: float = 0.2
    shininess: float = 30.0


@dataclass(frozen=True)
class Hits:
    """Where rays met a model; rays that missed are left out.

    Attributes
    ----------
    ray : (h,) int
        Number of the ray.
    distance : (h,) float32
    normal : (h, 3) float32
        Smooth, of unit length; it may point away from the ray.
    rest : (h, 3) float32
        Painted coordinates.
    part : (h,) int
        Number of the part.
    """

    ray: NDArray[np.intp]
    distance: FloatArray
    normal: FloatArray
    rest: FloatArray
    part: NDArray[np.intp]

    def take(self, keep: NDArray[np.bool_]) -> Hits:
        """Return the hits that a mask (h,) keeps."""
        return Hits(
            self.ray[keep], self.distance[keep], self.normal[keep], self.rest[keep], self.part[keep]
        )


class Model:
    """Parts joined, brought to the size of the turntable, and handed to the ray tracer.

    It stands on z = 0, centred over the origin.

    Parameters
    ----------
    parts : sequence of Part
    size : float
        1 fills the turntable's space, smaller is a smaller thing.
    """

    def __init__(self, parts: Sequence[Part], size: float = 1.0) -> None:
        self.parts = tuple(parts)
        corners = np.concatenate([p.shape.vertices[p.shape.faces] for p in parts])
        self.triangles = _fit(corners, size)
        self.points = np.unique(self.triangles.reshape(-1, 3), axis=0)
        self._rest = np.concatenate([p.shape.rest[p.shape.faces] for p in parts])
        self._normals = np.concatenate([corner_normals(p.shape) for p in parts])
        self._part = np.repeat(np.arange(len(parts)), [len(p.shape.faces) for p in parts])
        self.gloss = np.array([p.gloss for p in parts], dtype=np.float32)
        self.shininess = np.array([p.shininess for p in parts], dtype=np.float32)
        self._scene, self._mesh = _ray_scene(self.triangles)

    def trace(self, origins: FloatArray, directions: FloatArray) -> Hits:
        """First hit of each ray; origins and directions are (n, 3) float32."""
        found = self._scene.run(origins, directions, output=True)
        ray = np.flatnonzero(found["primID"] >= 0)
        face = found["primID"][ray]
        u, v = found["u"][ray], found["v"][ray]
        weights = np.stack([1 - u - v, u, v], axis=1)
        normal = np.einsum("nk,nkj->nj", weights, self._normals[face])
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        rest = np.einsum("nk,nkj->nj", weights, self._rest[face])
        return Hits(ray, found["tfar"][ray], normal, rest, self._part[face])

    def parts_hit(self, origins: FloatArray, directions: FloatArray) -> NDArray[np.int32]:
        """Number of the part that each ray meets first, -1 for none: (n,)."""
        face = self._scene.run(origins, directions)
        return np.where(face >= 0, self._part[face], -1).astype(np.int32)

    def blocks(self, origins: FloatArray, directions: FloatArray) -> NDArray[np.bool_]:
        """Whether anything lies along each ray: (n,)."""
        return self._scene.run(origins, directions, query="OCCLUDED") == 0

    def colours(self, hits: Hits) -> FloatArray:
        """Linear RGB (h, 3) of the paint at each hit."""
        colours = np.empty((len(hits.ray), 3), dtype=np.float32)
        for number, part in enumerate(self.parts):
            here = np.flatnonzero(hits.part == number)
            if len(here):
                colours[here] = part.paint(hits.rest[here])
        return colours


def _fit(corners: FloatArray, size: float) -> FloatArray:
    """Scale and place triangles (f, 3, 3) to stand on the middle of the disc."""
    flat = corners.reshape(-1, 3)
    low, high = flat.min(axis=0), flat.max(axis=0)
    centre = (low + high) / 2
    centre[2] = low[2]
    radius = np.linalg.norm(flat[:, :2] - centre[:2], axis=1).max()
    factor = size * min(FOOTPRINT_RADIUS / radius, HEIGHT / (high[2] - low[2]))
    return np.ascontiguousarray((corners - centre) * factor, dtype=np.float32)


def corner_normals(shape: Shape) -> FloatArray:
    """Unit normal at each corner of each face: (f, 3, 3).

    A corner takes the area-weighted mean over the faces round its vertex that lie within
    ``CREASE_DEGREES`` of its own face.
    """
    corners = shape.vertices[shape.faces]
    weighted = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    unit = weighted / np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-12)

    place = np.unique(np.round(corners.reshape(-1, 3), 5), axis=0, return_inverse=True)[1].ravel()
    face = np.repeat(np.arange(len(corners)), 3)
    at_vertex = sparse.csr_matrix((np.ones(len(place)), (np.arange(len(place)), place)))
    pairs = (at_vertex @ at_vertex.T).tocoo()

    cosine = np.einsum("pi,pi->p", unit[face[pairs.row]], unit[face[pairs.col]])
    near = (cosine > np.cos(np.radians(CREASE_DEGREES))).astype(float)
    total = sparse.csr_matrix((near, (pairs.row, pairs.col))) @ weighted[face]
    total /= np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
    return total.reshape(-1, 3, 3).astype(np.float32)


def _ray_scene(triangles: FloatArray):  # type: ignore[no-untyped-def]
    """Embree's scene and mesh; both must be kept alive while rays are traced."""
    try:
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene
    except ImportError as error:
        raise MissingPackageError(
            "The simulated turntable traces rays with the package 'embreex', which is not "
            "installed. Remedy: pip install 'cil-nodes[sim]', or choose another camera source "
            "(device:N, file:PATH, folder:PATH, classes:PATH)."
        ) from error
    scene = EmbreeScene()
    return scene, TriangleMesh(scene, triangles)
