"""Features of a whole dataset, computed once and kept.

A file holds one row for each picture, float16: half the size, and an error (2^-11 relative) far
below what tells two pictures apart. Its name carries the encoder, and a hash of encoder,
preprocessing and data, so that features of something else are never taken. A run that was cut off
goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from cil_nodes.encoders.cache import cache_folder, is_sealed, locked, seal, write_atomically
from cil_nodes.encoders.onnx_encoder import Encoder

_ROWS_BETWEEN_NOTES = 1024


class Pictures(Protocol):
    """What `cached_features` needs of a dataset; `cil_nodes.datasets.ImageDataset` is one."""

    name: str
    split: str
    data_hash: str
    whole: bool
    images: Sequence[NDArray[np.uint8]]


def cached_features(
    encoder: Encoder,
    dataset: Pictures,
    *,
    cache: str | os.PathLike[str] | None = None,
    batch: int = 64,
    progress: bool = True,
) -> NDArray[np.float32]:
    """Return the features of every picture of a dataset, from the cache where they are there.

    Parameters
    ----------
    encoder
        What turns pictures into features.
    dataset
        Its `images` are read only where features are missing.
    cache
        Folder; default ``$CIL_CACHE``, else ``~/.cache/cil``.
    batch
        Pictures between two looks at the progress bar.
    progress
        Whether to show a bar on standard error while features are computed.

    Returns
    -------
    ndarray of shape (n, d), float32
        Rounded to float16, whether computed now or read.
    """
    path = features_path(encoder, dataset, cache)
    if not is_sealed(path):
        with locked(path):
            if not is_sealed(path):
                _compute(encoder, dataset, path, batch, progress)
    return np.asarray(np.load(path, allow_pickle=False), np.float32)


def features_path(
    encoder: Encoder, dataset: Pictures, cache: str | os.PathLike[str] | None = None
) -> Path:
    """Return where the features of a dataset are kept, whether or not they are there."""
    view = encoder.preprocessing.key() + ("" if dataset.whole else " cut-outs")
    told = "\0".join((encoder.encoder_id, view, dataset.data_hash))
    key = hashlib.sha256(told.encode()).hexdigest()[:16]
    name = f"{dataset.name}-{dataset.split}-{encoder.encoder_id}-{key}.npy"
    return cache_folder(cache) / "features" / name


def _compute(encoder: Encoder, dataset: Pictures, path: Path, batch: int, progress: bool) -> None:
    shape = (len(dataset.images), encoder.dimension)
    part, note = path.with_name(path.name + ".part"), path.with_name(path.name + ".done.json")
    rows, done = _resume(part, note, shape)
    title = f"features of {dataset.name} {dataset.split}"
    with tqdm(total=shape[0], initial=done, desc=title, disable=not progress, unit="") as bar:
        for start in range(done, shape[0], batch):
            images = list(dataset.images[start : start + batch])
            features = encoder.encode(images, [dataset.whole] * len(images))
            rows[start : start + len(images)] = _halved(features, encoder)
            bar.update(len(images))
            if (start // batch) % max(1, _ROWS_BETWEEN_NOTES // batch) == 0:
                _write_note(rows, note, start + len(images))
    rows.flush()
    del rows
    part.replace(path)
    seal(path)
    note.unlink(missing_ok=True)


def _halved(features: NDArray[np.float32], encoder: Encoder) -> NDArray[np.float16]:
    with np.errstate(over="ignore"):
        halved = features.astype(np.float16)
    if not np.isfinite(halved).all():
        raise ValueError(
            f"{encoder.encoder_id} answers numbers beyond 65504 or not finite, which the cache "
            f"cannot keep (largest: {np.abs(features).max()}). Check its preprocessing."
        )
    return halved


def _resume(part: Path, note: Path, shape: tuple[int, int]) -> tuple[np.memmap[Any, Any], int]:
    """Return the rows begun earlier and how many are done, or new ones."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        done = int(json.loads(note.read_text(encoding="ascii"))["done"])
        begun = np.lib.format.open_memmap(part, mode="r+")
        if begun.shape == shape and begun.dtype == np.float16 and 0 <= done <= shape[0]:
            return begun, done
    note.unlink(missing_ok=True)
    return np.lib.format.open_memmap(part, mode="w+", dtype=np.float16, shape=shape), 0


def _write_note(rows: np.memmap[Any, Any], note: Path, done: int) -> None:
    rows.flush()
    write_atomically(note, json.dumps({"done": done}).encode())
