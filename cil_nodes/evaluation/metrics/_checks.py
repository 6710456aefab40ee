"""Argument checks shared by the metrics."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def same_length(**arrays: ArrayLike) -> list[NDArray[Any]]:
    """Return the arguments as one-dimensional arrays; refuse unequal lengths by name."""
    made = {name: np.asarray(values) for name, values in arrays.items()}
    for name, array in made.items():
        if array.ndim != 1:
            raise ValueError(f"{name} must have one dimension, got shape {array.shape}.")
    if len({len(array) for array in made.values()}) > 1:
        sizes = ", ".join(f"{name}: {len(array)}" for name, array in made.items())
        raise ValueError(f"All arguments must have the same length, got {sizes}.")
    return list(made.values())


def finite_scores(scores: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return scores as float64 of one dimension; refuse NaN, infinity and emptiness by name."""
    array = np.asarray(scores, dtype=np.float64)
    if array.ndim != 1 or not len(array):
        raise ValueError(f"{name} must hold at least one score, got shape {array.shape}.")
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise ValueError(f"{name} must be finite, got {bad} NaN or infinite of {len(array)}.")
    return array
