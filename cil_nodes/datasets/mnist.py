"""MNIST in its published form: four gzipped IDX files.

Y. LeCun, C. Cortes, C. Burges. The IDX format: two zero bytes, the type of the values, the number
of dimensions, each length as a big-endian 32-bit number, then the values row by row.
"""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cil_nodes.datasets.images import (
    DatasetError,
    DatasetMissingError,
    Image,
    ImageDataset,
    LazyImages,
    fingerprint,
)

_PREFIX = {"train": "train", "test": "t10k"}
_UNSIGNED_BYTE = 8


def read_mnist(split: str, root: Path) -> ImageDataset:
    """Return a split as pictures (28, 28, 3); the digits are the labels, as text.

    Raises
    ------
    DatasetMissingError
        When ``<root>/mnist`` lacks a file.
    DatasetError
        When the split does not exist or a file is not IDX.
    """
    grey, digits = read_mnist_arrays(split, root)

    def picture(position: int) -> Image:
        return np.repeat(grey[position][..., None], 3, axis=2)

    return ImageDataset(
        name="mnist",
        images=LazyImages(len(grey), picture),
        labels=[str(digit) for digit in digits],
        split=split,
        data_hash=fingerprint(_files(split, root), root, split),
        classes=tuple("0123456789"),
        whole=False,
    )


def read_mnist_arrays(split: str, root: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the grey pictures (n, 28, 28) and the digits (n,) of a split."""
    images, labels = (_read_idx(path) for path in _files(split, root))
    if images.ndim != 3 or len(images) != len(labels):
        raise DatasetError(f"mnist: {images.shape} pictures and {labels.shape} labels do not fit.")
    return images, labels


def _files(split: str, root: Path) -> list[Path]:
    if split not in _PREFIX:
        raise DatasetError(f"mnist has the splits train and test; there is no {split!r}.")
    start = root / "mnist" / _PREFIX[split]
    files = [Path(f"{start}-images-idx3-ubyte.gz"), Path(f"{start}-labels-idx1-ubyte.gz")]
    for path in files:
        if not path.is_file():
            raise DatasetMissingError(
                f"MNIST is missing: expected {path}. Put the four published .gz files there, "
                "or name another place by --data or CIL_DATA."
            )
    return files


def _read_idx(path: Path) -> NDArray[Any]:
    try:
        with gzip.open(path, "rb") as file:
            zero, kind, dimensions = struct.unpack(">HBB", file.read(4))
            shape = struct.unpack(f">{dimensions}I", file.read(4 * dimensions))
            values = np.frombuffer(file.read(), np.uint8)
    except (OSError, EOFError, struct.error) as problem:
        raise DatasetError(f"{path} is no whole gzipped IDX file: {problem}.") from problem
    if zero != 0 or kind != _UNSIGNED_BYTE or len(values) != np.prod(shape):
        raise DatasetError(f"{path} is not an IDX file of bytes, or it is cut short.")
    return values.reshape(shape)
