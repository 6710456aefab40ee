"""Labelled pictures, read when they are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""A picture of shape (height, width, 3), RGB."""

_EDGE = 4096


class DatasetMissingError(FileNotFoundError):
    """The files of a dataset are not where they are looked for; says what to get, and where."""


class DatasetError(ValueError):
    """The files of a dataset are there, but are not what they should be."""


class LazyImages(Sequence[Image]):
    """A sequence of pictures that are read at the moment they are asked for.

    Parameters
    ----------
    count
        How many there are.
    read
        Returns the picture of a position in [0, count).
    """

    def __init__(self, count: int, read: Callable[[int], Image]) -> None:
        self._count, self._read = count, read

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Image: ...

    @overload
    def __getitem__(self, index: slice) -> LazyImages: ...

    def __getitem__(self, index: int | slice) -> Image | LazyImages:
        if isinstance(index, slice):
            return self.take(range(*index.indices(self._count)))
        if not -self._count <= index < self._count:
            raise IndexError(f"There is no picture {index}; there are {self._count}.")
        return self._read(index % self._count)

    def take(self, positions: Iterable[int]) -> LazyImages:
        """Return the pictures of the given positions, in that order, still unread."""
        chosen = [int(position) for position in positions]
        return LazyImages(len(chosen), lambda i: self[chosen[i]])


@dataclass(frozen=True)
class ImageDataset:
    """Labelled pictures.

    Attributes
    ----------
    name
        What is read, for example ``grocery``.
    images
        Pictures (h, w, 3), uint8, RGB, read on demand.
    labels
        One for each picture.
    split
        ``train``, ``val``, ``test`` or ``all``.
    data_hash
        16 hexadecimal digits that change with the files, the split or the choice of pictures.
    classes
        Every class of the dataset, in its published order.
    coarse
        The coarser class of each class, where the dataset has one.
    whole
        Whether these are whole pictures, of which an encoder may look at the middle only; False
        for cut-outs that one thing fills.
    """

    name: str
    images: Sequence[Image]
    labels: list[str]
    split: str
    data_hash: str
    classes: tuple[str, ...]
    coarse: dict[str, str] | None = None
    whole: bool = True

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise DatasetError(
                f"{self.name}: {len(self.images)} pictures but {len(self.labels)} labels."
            )

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, positions: Iterable[int]) -> ImageDataset:
        """Return the dataset of the given positions, in that order."""
        chosen = [int(position) for position in positions]
        digest = hashlib.sha256(self.data_hash.encode())
        digest.update(np.asarray(chosen, "<i8").tobytes())
        images = LazyImages(len(chosen), lambda i: self.images[chosen[i]])
        labels = [self.labels[i] for i in chosen]
        return replace(self, images=images, labels=labels, data_hash=digest.hexdigest()[:16])

    def stack(self) -> NDArray[np.uint8]:
        """Return all pictures as one array (n, h, w, 3); they must be of one size."""
        sizes = {image.shape for image in self.images}
        if len(sizes) > 1:
            raise DatasetError(f"{self.name}: pictures of several sizes cannot be stacked.")
        return np.stack(list(self.images)) if len(self) else np.empty((0, 0, 0, 3), np.uint8)


def decode(data: bytes, where: object) -> Image:
    """Return the picture in the bytes of a JPEG, PNG or WebP file.

    Raises
    ------
    DatasetError
        When the bytes are no picture; `where` is named.
    """
    raw = np.frombuffer(data, np.uint8)
    image: Any = cv2.imdecode(raw, cv2.IMREAD_COLOR) if len(raw) else None
    if image is None:
        raise DatasetError(f"{where} is not a picture that OpenCV can read.")
    return np.ascontiguousarray(image[..., ::-1])


def fingerprint(files: Iterable[Path], root: Path, *extra: str) -> str:
    """Return 16 hexadecimal digits for a set of files, without reading them whole.

    Path below `root`, size, first and last 4 KiB of each count; times do not, so that a copy has
    the same fingerprint.
    """
    digest = hashlib.sha256("\0".join(extra).encode())
    for path in sorted(files):
        size = path.stat().st_size
        digest.update(f"\0{path.relative_to(root).as_posix()}\0{size}\0".encode())
        with path.open("rb") as file:
            digest.update(file.read(_EDGE))
            file.seek(max(0, size - _EDGE))
            digest.update(file.read(_EDGE))
    return digest.hexdigest()[:16]
