"""Internal features of a data set, computed once and then read from the cache."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cil_nodes.learners.networks import load_torch

if TYPE_CHECKING:
    from cil_nodes.datasets import ImageDataset

WEIGHTS = Path(__file__).with_name("weights.safetensors")
_AT_ONCE = 1000


class MissingWeightsError(FileNotFoundError):
    """The trained convolutions are not there."""


def internal_features(dataset: ImageDataset, weights: Path = WEIGHTS) -> NDArray[np.float32]:
    """Return the internal features (n, 1,024) of a data set of 32 x 32 pictures.

    Parameters
    ----------
    dataset : ImageDataset
    weights : Path
        Trained convolutions; by default those of this package.

    Raises
    ------
    MissingWeightsError
        When there are no weights there.
    MissingTorchError
        When torch is not installed and the features are not in the cache.
    """
    from cil_nodes.encoders.cache import cache_folder

    if not weights.is_file():
        raise MissingWeightsError(
            f"The trained convolutions {weights} are missing. Train them: "
            "python -m cil_nodes.evaluation.convolutions (CIFAR-10 below CIL_DATA; about 20 "
            "minutes on one core)."
        )
    whole = hashlib.sha256(weights.read_bytes() + str(dataset.data_hash).encode()).hexdigest()
    kept = cache_folder() / "internal" / f"{whole[:24]}.npy"
    if kept.is_file():
        return np.load(kept, allow_pickle=False)
    features = _computed(dataset, weights)
    kept.parent.mkdir(parents=True, exist_ok=True)
    beside = kept.with_suffix(".part.npy")
    np.save(beside, features)
    beside.replace(kept)
    return features


def _computed(dataset: ImageDataset, weights: Path) -> NDArray[np.float32]:
    """Send the pictures through the convolutions."""
    torch = load_torch("repulsion_replay")
    from safetensors.numpy import load_file

    from cil_nodes.evaluation.convolutions.network import pixels
    from cil_nodes.evaluation.convolutions.pretraining import frozen

    body = frozen(load_file(weights), torch.device("cpu"))
    parts = []
    with torch.no_grad():
        for start in range(0, len(dataset.labels), _AT_ONCE):
            rows = range(start, min(start + _AT_ONCE, len(dataset.labels)))
            pictures = np.stack([np.asarray(dataset.images[i]) for i in rows])
            parts.append(body(pixels(pictures)).numpy())
    return np.concatenate(parts)
