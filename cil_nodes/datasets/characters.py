"""The part of Chars74K that is read here: digits and capitals, in fonts and in photographs.

de Campos, Babu and Varma, "Character Recognition in Natural Images", VISAPP 2009. As INNAMP's
paper does: photographs are made black and white, every character is cut out and resized.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cil_nodes.datasets.images import DatasetError, DatasetMissingError
from cil_nodes.datasets.reading import data_folder
from cil_nodes.datasets.tables import Table

SIDE = 20
"""Pixels; the paper's own size is not legible in its text."""

NAMES = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FONT = re.compile(r"img0*(\d+)-0*(\d+)\.png$")


def read_characters(
    fonts_each: int = 100, photos_each: int = 60, data_dir: str | Path | None = None
) -> Table:
    """Return characters of SIDE x SIDE pixels in [0, 1], ink 1, flattened.

    Parameters
    ----------
    fonts_each, photos_each : int
        At most so many of each class, evenly spread over the files; photographs that the data set
        itself calls bad are left out.
    data_dir : path, optional
        Folder of the data sets; default ``$CIL_DATA``.

    Raises
    ------
    DatasetMissingError
        When a file is not there.
    DatasetError
        When a file is not what it should be.
    """
    folder = data_folder(data_dir) / "chars74k"
    rows: list[NDArray[np.float32]] = []
    labels: list[str] = []
    fonts = list(_fonts(_there(folder / "English_Fnt_png.zip"), fonts_each))
    known = {name for name, _ in fonts}
    photos = _photographs(_there(folder / "English_Img_36cls_32gray.npz"), photos_each)
    for name, picture in [*fonts, *((n, p) for n, p in photos if n in known)]:
        rows.append(cut_out(picture).ravel())
        labels.append(name)
    return Table("chars74k", np.array(rows, dtype=np.float32), np.array(labels))


def _there(path: Path) -> Path:
    if not path.is_file():
        raise DatasetMissingError(
            f"chars74k is missing: expected {path}. Put the file there, or name another place by "
            "--data or CIL_DATA."
        )
    return path


def _fonts(path: Path, each: int) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    try:
        with zipfile.ZipFile(path) as archive:
            by_class: dict[int, list[str]] = {}
            for name in sorted(archive.namelist()):
                found = _FONT.search(name)
                if found:
                    by_class.setdefault(int(found.group(1)), []).append(name)
            for number, files in by_class.items():
                for name in _spread(files, each):
                    code = np.frombuffer(archive.read(name), np.uint8)
                    picture = np.asarray(cv2.imdecode(code, cv2.IMREAD_GRAYSCALE), np.uint8)
                    yield NAMES[number - 1], picture
    except (zipfile.BadZipFile, IndexError, TypeError, cv2.error) as problem:
        raise DatasetError(f"{path} does not hold the fonts of Chars74K: {problem}.") from problem


def _photographs(path: Path, each: int) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    with np.load(path, allow_pickle=False) as stored:
        pictures, classes, good = stored["x"], stored["y"], stored["good"]
    for number in np.unique(classes):
        for row in _spread(np.flatnonzero((classes == number) & good).tolist(), each):
            yield NAMES[number], pictures[row]


def _spread(items: list[Any], most: int) -> list[Any]:
    """Return at most ``most`` of them, evenly spread."""
    chosen = np.unique(np.linspace(0, len(items) - 1, min(len(items), most)).astype(int))
    return [items[i] for i in chosen]


def cut_out(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Make a grey picture black and white (Otsu), cut to the ink, resize; ink is 1.

    The ink is whichever of the two tones is rarer along the edge of the picture.
    """
    _, binary = cv2.threshold(picture, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    edge = np.concatenate([binary[0], binary[-1], binary[:, 0], binary[:, -1]])
    ink = 1 - binary if edge.mean() > 0.5 else binary
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if len(rows) and len(columns):
        ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    small = cv2.resize(ink.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)
