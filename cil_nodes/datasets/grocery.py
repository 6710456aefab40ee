"""The Grocery Store dataset: photos from phones, 81 products in 43 coarse classes.

M. Klasson, C. Zhang, H. Kjellström, "A Hierarchical Grocery Store Image Dataset with Visual and
Semantic Labels", WACV 2019; MIT licence. (The paper counts 42 coarse classes, the published list
has 43.) Read in place from one zip file with the layout of the published repository.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import threading
import zipfile
from pathlib import Path

from cil_nodes.datasets.images import (
    DatasetError,
    DatasetMissingError,
    Image,
    ImageDataset,
    LazyImages,
    decode,
)

_SPLITS = ("train", "val", "test")


def read_grocery(split: str, root: Path) -> ImageDataset:
    """Return an official split from the zip file in ``<root>/grocery/``.

    Raises
    ------
    DatasetMissingError
        When no zip file is there.
    DatasetError
        When the split does not exist or the zip file is another.
    """
    if split not in _SPLITS:
        raise DatasetError(f"grocery has the splits {', '.join(_SPLITS)}; there is no {split!r}.")
    archive = _Archive(_find(root / "grocery"))
    classes, coarse = _read_classes(archive)
    names, labels = [], []
    for line in archive.read(f"dataset/{split}.txt").decode().splitlines():
        path, fine, _coarse = (part.strip() for part in line.split(","))
        names.append(f"dataset/{path}")
        labels.append(classes[int(fine)])
    return ImageDataset(
        name="grocery",
        images=LazyImages(len(names), lambda i: archive.image(names[i])),
        labels=labels,
        split=split,
        data_hash=archive.fingerprint(names),
        classes=tuple(classes),
        coarse=coarse,
    )


def _find(folder: Path) -> Path:
    found = sorted(folder.glob("*.zip"))
    if not found:
        raise DatasetMissingError(
            f"The Grocery Store dataset is missing: expected a zip file in {folder}. Get the "
            "repository marcusklasson/GroceryStoreDataset from GitHub as a zip file whose top "
            "folder is 'dataset', and put it there; or name another place by --data or CIL_DATA."
        )
    return found[0]


def _read_classes(archive: _Archive) -> tuple[list[str], dict[str, str]]:
    """Return the fine classes in order of their number, and the coarse class of each."""
    text = archive.read("dataset/classes.csv").decode("utf-8-sig")
    rows = sorted(csv.DictReader(io.StringIO(text)), key=lambda row: int(row["Class ID (int)"]))
    classes = [row["Class Name (str)"] for row in rows]
    return classes, {row["Class Name (str)"]: row["Coarse Class Name (str)"] for row in rows}


class _Archive:
    """A zip file, opened when first read; threads and forked processes may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._zip: zipfile.ZipFile | None = None
        self._owner = 0
        self._lock = threading.Lock()

    def opened(self) -> zipfile.ZipFile:
        # A forked process shares the position in the file with its parent: it opens its own.
        if self._zip is None or self._owner != os.getpid():
            try:
                self._zip = zipfile.ZipFile(self.path)
            except zipfile.BadZipFile as problem:
                raise DatasetError(f"{self.path} is no whole zip file: {problem}.") from problem
            self._owner = os.getpid()
        return self._zip

    def read(self, name: str) -> bytes:
        with self._lock:
            try:
                return self.opened().read(name)
            except (KeyError, zipfile.BadZipFile) as problem:
                raise DatasetError(f"{self.path}: cannot read {name}: {problem}.") from problem

    def image(self, name: str) -> Image:
        return decode(self.read(name), f"{self.path}:{name}")

    def fingerprint(self, names: list[str]) -> str:
        """Hash names, sizes and checksums, which the zip file's directory lists."""
        digest = hashlib.sha256()
        for name in names:
            info = self.opened().getinfo(name)
            digest.update(f"{name}\0{info.file_size}\0{info.CRC}\0".encode())
        return digest.hexdigest()[:16]
