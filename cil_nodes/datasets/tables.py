"""Tables of attributes with one class a row: Car Evaluation, CNAE-9, WebKB-4.

Unlike pictures they are small, so they come as arrays at once.
"""

from __future__ import annotations

import html
import re
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cil_nodes.datasets.images import DatasetError, DatasetMissingError
from cil_nodes.datasets.reading import data_folder

CAR_VALUES = (
    ("low", "med", "high", "vhigh"),
    ("low", "med", "high", "vhigh"),
    ("2", "3", "4", "5more"),
    ("2", "4", "more"),
    ("small", "med", "big"),
    ("low", "med", "high"),
)
"""Values of each attribute of Car Evaluation, from little to much."""

WEBKB_CLASSES = ("course", "faculty", "project", "student")
TERMS = 3000
"""Terms kept of WebKB-4, as many as the paper keeps."""

_WORD = re.compile(r"[a-z]{2,}")
_MARKUP = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->|<[^>]*>", re.I | re.S)


@dataclass(frozen=True)
class Table:
    """Rows of attributes.

    Attributes
    ----------
    name : str
    X : (n, d) float32 array
        Attributes.
    y : (n,) array of str
        Class of each row.
    """

    name: str
    X: NDArray[np.float32]
    y: NDArray[np.str_]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, sorted."""
        return tuple(np.unique(self.y).tolist())


def available_tables() -> list[str]:
    """Return the names that `read_table` knows."""
    return list(_READERS)


def read_table(name: str, data_dir: str | Path | None = None) -> Table:
    """Read one of the tables.

    Parameters
    ----------
    name : {"car", "cnae9", "webkb4"}
    data_dir : path, optional
        Folder of the data sets; default ``$CIL_DATA``.

    Raises
    ------
    DatasetMissingError
        When its file is not there: says which.
    DatasetError
        When the file is not what it should be.
    ValueError
        For another name.
    """
    if name not in _READERS:
        raise ValueError(f"There is no table {name!r}. Known: {', '.join(_READERS)}.")
    return _READERS[name](data_folder(data_dir))


def _file(root: Path, folder: str, name: str) -> Path:
    path = root / folder / name
    if not path.is_file():
        raise DatasetMissingError(
            f"{folder} is missing: expected {path}. Put the published file there, or name another "
            "place by --data or CIL_DATA."
        )
    return path


def _car(root: Path) -> Table:
    """Car Evaluation (UCI): six ordered attributes, written as 0, 1, 2, ... ; four classes."""
    path = _file(root, "uci_car", "car.data")
    rows = [line.split(",") for line in path.read_text(encoding="ascii").split()]
    try:
        X = [[v.index(x) for v, x in zip(CAR_VALUES, row[:-1], strict=True)] for row in rows]
    except ValueError as problem:
        raise DatasetError(f"{path} is not Car Evaluation: {problem}.") from problem
    return Table("car", np.array(X, dtype=np.float32), np.array([row[-1] for row in rows]))


def _cnae9(root: Path) -> Table:
    """CNAE-9 (UCI): counts of 856 terms; nine classes, which stand first in each row."""
    path = _file(root, "cnae9", "CNAE-9.data")
    try:
        rows = np.loadtxt(path, delimiter=",", dtype=np.float32, ndmin=2)
    except ValueError as problem:
        raise DatasetError(f"{path} is not CNAE-9: {problem}.") from problem
    return Table("cnae9", rows[:, 1:], rows[:, 0].astype(np.int64).astype(str))


def _webkb4(root: Path) -> Table:
    """WebKB-4: counts of the terms that stand in most pages; four classes.

    The terms are chosen without looking at the classes: English stop words are left out, and of
    the rest those in the most pages are kept, ties in the order of the alphabet.
    """
    path = _file(root, "webkb4", "webkb4-raw-html.tar.xz")
    pages = sorted(_pages(path))
    counts = [Counter(words_of(text)) for _, _, text in pages]
    terms = most_common_terms(counts, TERMS)
    place = {term: column for column, term in enumerate(terms)}
    X = np.zeros((len(pages), len(terms)), dtype=np.float32)
    for row, count in enumerate(counts):
        for word, times in count.items():
            if word in place:
                X[row, place[word]] = times
    return Table("webkb4", X, np.array([label for label, _, _ in pages]))


def _pages(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield class, name and text of each page."""
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                parts = member.name.split("/")
                file = archive.extractfile(member) if member.isfile() else None
                if file is not None and len(parts) > 2 and parts[1] in WEBKB_CLASSES:
                    yield parts[1], member.name, file.read().decode("latin-1")
    except (tarfile.TarError, OSError, EOFError) as problem:
        raise DatasetError(f"{path} is no whole archive: {problem}.") from problem


def words_of(page: str) -> list[str]:
    """Return the words of a page as it was fetched: header lines, an empty line, HTML."""
    page = page.replace("\r\n", "\n")
    _, _, body = page.partition("\n\n")
    return _WORD.findall(html.unescape(_MARKUP.sub(" ", body or page)).lower())


def most_common_terms(counts: list[Counter[str]], most: int) -> list[str]:
    """Return the terms that stand in most pages, without English stop words."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    pages = Counter(word for count in counts for word in count)
    terms = sorted(set(pages) - ENGLISH_STOP_WORDS, key=lambda word: (-pages[word], word))
    return terms[:most]


_READERS: dict[str, Callable[[Path], Table]] = {"car": _car, "cnae9": _cnae9, "webkb4": _webkb4}
