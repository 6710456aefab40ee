"""Cached features of data sets, from one encoder or from several put side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.protocols import Labelled, unit_rows

if TYPE_CHECKING:
    from cil_nodes.datasets import ImageDataset

DEFAULT_ENCODER = "efficientnet_lite0"


def encoder_names(encoder: str) -> tuple[str, ...]:
    """Take ``a+b`` apart; a path of an ONNX file may hold a plus sign of its own.

    Parameters
    ----------
    encoder : str
        A name of the catalogue, a path of an ONNX file, or several joined by ``+``.
    """
    if Path(encoder).expanduser().is_file():
        return (encoder,)
    return tuple(name.strip() for name in encoder.split("+"))


def features_of(
    dataset: str, split: str, encoder: str = DEFAULT_ENCODER
) -> tuple[Labelled, ImageDataset]:
    """Return the features of a split and its data set; computed once, then read from the cache.

    Parameters
    ----------
    dataset, split : str
        As :func:`cil_nodes.datasets.open_dataset` takes them.
    encoder : str
        As :func:`encoder_names` takes it. Of several, each one's features are scaled to length 1,
        so that none outweighs another, and put side by side.
    """
    from cil_nodes.datasets import open_dataset

    opened = open_dataset(dataset, split)
    names = encoder_names(encoder)
    blocks = [_block(opened, name) for name in names]
    features = blocks[0] if len(blocks) == 1 else side_by_side(blocks)
    return Labelled(features, np.array(opened.labels)), opened


def side_by_side(blocks: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Put features (n, d1), (n, d2), ... side by side, each scaled to length 1."""
    return np.concatenate([unit_rows(block).astype(np.float32) for block in blocks], axis=1)


def _block(dataset: ImageDataset, encoder: str) -> NDArray[np.float32]:
    from cil_nodes.encoders import open_encoder
    from cil_nodes.encoders.features import cached_features

    return cached_features(open_encoder(encoder, threads=2), dataset)  # type: ignore[arg-type]
