"""Readers for four collections of facial expressions, for those who hold them.

None may be passed on, so each is read from a folder with the layout below; the names are those
under which the collections are given out, or, where there are none, plain ones to sort files into.

``ravdess``  ``Actor_07/01-01-03-02-01-01-07.mp4``: the published names, whose third number is the
             expression. Speech and song, with sound or without; files of sound alone are skipped.
``mmi``      ``<person>/<expression>/<clip>``: a video, or a folder of its frames.
``baum1``    ``<person>/<expression>/<clip>``: the same.
``icv_mefed`` ``<person>/<dominant>_<complementary>/<picture>.jpg``; the part behind the first
             underscore may be missing.

Which frames of a clip are taken is what CLIFER's paper says (section V-C).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cil_nodes.datasets.folders import PICTURE_ENDINGS
from cil_nodes.datasets.ict_faces import Face, FaceSet, middle
from cil_nodes.datasets.images import (
    DatasetError,
    DatasetMissingError,
    Image,
    decode,
    fingerprint,
)

SIX = ("neutral", "happy", "surprised", "angry", "fearful", "sad")
"""The expressions that CLIFER learns; everything else is left out."""

_VIDEO_ENDINGS = frozenset({".mp4", ".avi", ".mov", ".mkv", ".mpg", ".mpeg"})
_RAVDESS = {"01": "neutral", "03": "happy", "04": "sad", "05": "angry", "06": "fearful"}
_RAVDESS["08"] = "surprised"
_SOUND_ALONE = "03"
_SPELLINGS = {
    "happiness": "happy",
    "surprise": "surprised",
    "anger": "angry",
    "fear": "fearful",
    "sadness": "sad",
}
_CHUNK = 15

Cut = Callable[[Image], Image]


@dataclass(frozen=True)
class Clip:
    """One recording: whose, of what, and where.

    Attributes
    ----------
    path : Path
        A video, a folder of frames, or one picture.
    subject : str
    expression : str
    """

    path: Path
    subject: str
    expression: str


def chunk_frames(count: int, chunk: int = _CHUNK) -> list[int]:
    """Return the two frames before the last of every whole chunk of 500 ms (RAVDESS, BAUM-1).

    Parameters
    ----------
    count : int
        Frames of the clip.
    chunk : int
        Frames of 500 ms: 15 at 30 a second.
    """
    return [
        at for end in range(chunk, count + 1, chunk) for at in (end - 3, end - 2) if 0 <= at < end
    ]


def middle_frames(count: int) -> list[int]:
    """Return the three middle frames, where a posed expression is strongest (MMI)."""
    first = max((count - 3) // 2, 0)
    return list(range(first, min(first + 3, count)))


def read_expressions(name: str, root: Path, size: int, cut: Cut | None = None) -> FaceSet:
    """Return the frames of a collection with the six expressions.

    Parameters
    ----------
    name : {"ravdess", "mmi", "baum1", "icv_mefed"}
    root : path
        Folder with the layout described above.
    size : int
        Edge of the pictures returned, in pixels.
    cut : callable, optional
        Finds the face in a frame (h, w, 3) and returns it; by default the largest square in the
        middle.

    Raises
    ------
    DatasetMissingError
        When the folder does not exist.
    DatasetError
        When it holds nothing of the layout, or a clip cannot be read.
    ValueError
        For another name.
    """
    if name not in _LISTED:
        raise ValueError(f"name must be one of {', '.join(map(repr, _LISTED))}; got {name!r}.")
    if not root.is_dir():
        raise DatasetMissingError(f"There is no folder {root} with the collection {name}.")
    clips = sorted(_LISTED[name](root), key=lambda clip: clip.path)
    if not clips:
        raise DatasetError(f"{root} holds nothing of {name}: expected {_LAYOUTS[name]}.")
    pictures: list[Image] = []
    faces: list[Face] = []
    views: dict[tuple[str, str], int] = {}
    for clip in clips:
        for expression, frame in _frames(name, clip):
            view = views[clip.subject, expression] = views.get((clip.subject, expression), -1) + 1
            where = clip.path.relative_to(root).as_posix()
            faces.append(Face(f"{where}#{view}", clip.subject, expression, view))
            pictures.append(middle(frame if cut is None else cut(frame), 1.0, size))
    if not faces:
        raise DatasetError(f"The clips of {name} in {root} are too short: no frame was taken.")
    files = [file for clip in clips for file in _files(clip.path)]
    data_hash = fingerprint(files, root, name, str(size))
    return FaceSet(np.stack(pictures), tuple(faces), data_hash)


def _frames(name: str, clip: Clip) -> Iterator[tuple[str, Image]]:
    """Yield (expression, frame) of what the paper takes from a clip."""
    if name == "icv_mefed":
        yield clip.expression, decode(clip.path.read_bytes(), clip.path)
        return
    frames = _read_clip(clip.path)
    if name != "mmi":
        yield from ((clip.expression, frames[at]) for at in chunk_frames(len(frames)))
        return
    if frames:
        yield "neutral", frames[0]
    if clip.expression != "neutral":
        yield from ((clip.expression, frames[at]) for at in middle_frames(len(frames)))


def _read_clip(path: Path) -> list[Image]:
    """Return all frames of a video or of a folder of pictures."""
    if path.is_dir():
        return [decode(file.read_bytes(), file) for file in _files(path)]
    video = cv2.VideoCapture(str(path))
    frames: list[Image] = []
    try:
        while True:
            there, frame = video.read()
            if not there:
                break
            frames.append(np.ascontiguousarray(frame[..., ::-1], dtype=np.uint8))
    finally:
        video.release()
    if not frames:
        raise DatasetError(f"{path} is not a video that OpenCV can read.")
    return frames


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(file for file in path.iterdir() if file.suffix.lower() in PICTURE_ENDINGS)


def _plain(expression: str) -> str:
    """Return an expression as it is called here."""
    lowered = expression.strip().lower()
    return _SPELLINGS.get(lowered, lowered)


def _ravdess(root: Path) -> Iterator[Clip]:
    for path in root.glob("Actor_*/*"):
        parts = path.stem.split("-")
        if path.suffix.lower() not in _VIDEO_ENDINGS or len(parts) != 7:
            continue
        if parts[0] != _SOUND_ALONE and parts[2] in _RAVDESS:
            yield Clip(path, path.parent.name, _RAVDESS[parts[2]])


def _by_folder(root: Path) -> Iterator[Clip]:
    for path in root.glob("*/*/*"):
        there = path.is_dir() or path.suffix.lower() in _VIDEO_ENDINGS
        expression = _plain(path.parent.name)
        if there and expression in SIX:
            yield Clip(path, path.parent.parent.name, expression)


def _icv_mefed(root: Path) -> Iterator[Clip]:
    for path in root.glob("*/*/*"):
        dominant = _plain(path.parent.name.split("_")[0])
        if path.suffix.lower() in PICTURE_ENDINGS and dominant in SIX:
            yield Clip(path, path.parent.parent.name, dominant)


_LISTED: dict[str, Callable[[Path], Iterator[Clip]]] = {
    "ravdess": _ravdess,
    "mmi": _by_folder,
    "baum1": _by_folder,
    "icv_mefed": _icv_mefed,
}
_LAYOUTS = {
    "ravdess": "Actor_07/01-01-03-02-01-01-07.mp4 and so on",
    "mmi": "<person>/<expression>/<clip>, a video or a folder of frames",
    "baum1": "<person>/<expression>/<clip>, a video or a folder of frames",
    "icv_mefed": "<person>/<dominant>_<complementary>/<picture>.jpg",
}
