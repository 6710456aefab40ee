"""Rendered faces: people who do not exist, with expressions, from the ICT morphable face model.

ICT-FaceKit Light (USC Institute for Creative Technologies, MIT licence). Read in place from one
zip file ``ict_faces_*.zip`` in ``<data>/ict_faces``, with pictures
``s<subject>/<expression>/<view>.jpg`` and a table ``labels.csv`` (file, subject, expression,
intensity).
"""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cil_nodes.datasets.images import DatasetError, DatasetMissingError, Image, decode

_APART, _NARROWER, _LOWER = 30, 0.85, 0.13


@dataclass(frozen=True)
class Face:
    """Where one picture of a face stands, and what it shows.

    Attributes
    ----------
    file : str
    subject : str
        Whose face it is.
    expression : str
    view : int
        Number among the pictures of this person and expression.
    """

    file: str
    subject: str
    expression: str
    view: int


@dataclass(frozen=True)
class FaceSet:
    """Faces by person and expression, of one size.

    Attributes
    ----------
    pictures : (n, s, s, 3) uint8 array
    faces : tuple of Face
    data_hash : str
    """

    pictures: np.ndarray
    faces: tuple[Face, ...]
    data_hash: str

    @property
    def subjects(self) -> tuple[str, ...]:
        """Everybody, sorted."""
        return tuple(sorted({face.subject for face in self.faces}))

    def of(self, subjects: tuple[str, ...], expressions: tuple[str, ...]) -> FaceSet:
        """Return the faces of some people with some expressions."""
        keep = [
            i
            for i, face in enumerate(self.faces)
            if face.subject in subjects and face.expression in expressions
        ]
        faces = tuple(self.faces[i] for i in keep)
        digest = hashlib.sha256(self.data_hash.encode())
        digest.update("\0".join(face.file for face in faces).encode())
        return FaceSet(self.pictures[keep], faces, digest.hexdigest()[:16])

    def labels(self, expressions: tuple[str, ...]) -> np.ndarray:
        """Return the position (n,) of each face's expression in a list."""
        return np.array([expressions.index(face.expression) for face in self.faces], np.int64)


def middle(picture: Image, share: float, size: int) -> Image:
    """Return the middle of a picture, ``share`` of its edges, scaled to ``size`` pixels."""
    height, width = picture.shape[:2]
    edge = round(min(height, width) * share)
    top, left = (height - edge) // 2, (width - edge) // 2
    cut = picture[top : top + edge, left : left + edge]
    return np.asarray(cv2.resize(cut, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def face_of(picture: Image) -> Image:
    """Cut the face out of a rendering, as a face detector would.

    The background has one colour, which the upper corners show; what differs from it is a head.
    The square begins a little below its top and is a little narrower than it is.
    """
    corners = np.concatenate([picture[:8, :8].reshape(-1, 3), picture[:8, -8:].reshape(-1, 3)])
    apart = np.abs(picture.astype(int) - np.median(corners, axis=0)).max(axis=2)
    head = cv2.medianBlur((apart > _APART).astype(np.uint8), 5)
    rows = np.flatnonzero(head.sum(axis=1) >= 8)
    top = int(rows[0]) if len(rows) else 0
    columns = np.flatnonzero(head[top + 8 : top + 48].sum(axis=0) >= 8)
    left, right = (columns[0], columns[-1] + 1) if len(columns) else (0, picture.shape[1])
    width = float(right - left)
    edge = max(8, int(_NARROWER * width))
    centre = ((left + right) / 2, top + _LOWER * width + edge / 2)
    return np.asarray(cv2.getRectSubPix(picture, (edge, edge), centre), np.uint8)


def read_ict_faces(root: Path, size: int) -> FaceSet:
    """Return all faces.

    Parameters
    ----------
    root : path
        Folder of the datasets.
    size : int
        Edge of the pictures returned, in pixels; each is cut by `face_of`.

    Raises
    ------
    DatasetMissingError
        When no zip file is there.
    DatasetError
        When it is not what it should be.
    """
    path = _find(root / "ict_faces")
    try:
        with zipfile.ZipFile(path) as archive:
            faces = _listed(archive.read("labels.csv").decode())
            pictures = [
                middle(face_of(decode(archive.read(face.file), f"{path}:{face.file}")), 1.0, size)
                for face in faces
            ]
    except (KeyError, zipfile.BadZipFile) as problem:
        raise DatasetError(f"{path} is not a zip file of rendered faces: {problem}.") from problem
    data_hash = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return FaceSet(np.stack(pictures), faces, f"{data_hash}-{size}")


def _listed(table: str) -> tuple[Face, ...]:
    rows = csv.DictReader(io.StringIO(table))
    return tuple(
        Face(
            row["file"],
            f"s{int(row['subject']):02d}",
            row["expression"],
            int(Path(row["file"]).stem),
        )
        for row in rows
    )


def _find(folder: Path) -> Path:
    found = sorted(folder.glob("ict_faces_*.zip"))
    if not found:
        raise DatasetMissingError(
            f"The rendered faces are missing: expected ict_faces_*.zip in {folder}, with "
            "s<subject>/<expression>/<view>.jpg and labels.csv. Name another folder of datasets by "
            "--data or CIL_DATA."
        )
    return found[0]
