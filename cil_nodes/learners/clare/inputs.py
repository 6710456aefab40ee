"""What networks are given: inputs brought to one scale, without looking at any other sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LIKELIHOODS = ("gaussian", "bernoulli")


def prepared(X: NDArray[Any], likelihood: str) -> NDArray[np.float32]:
    """Scale inputs (n, d).

    Gaussian: entries by their square root, sign kept, rows to length sqrt(d), so that an entry is
    about 1. A ReLU's features are skewed, and their mean and variance from the first few looks at
    one thing would not fit the next thing, so nothing is standardised by statistics. Bernoulli:
    clipped to [0, 1].
    """
    X = np.asarray(X)
    if likelihood == "bernoulli":
        return np.clip(X, 0.0, 1.0).astype(np.float32)
    levelled = np.sign(X) * np.sqrt(np.abs(X.astype(np.float64)))
    lengths = np.linalg.norm(levelled, axis=1, keepdims=True)
    scaled = levelled * (np.sqrt(X.shape[1]) / np.where(lengths > 0, lengths, 1.0))
    return scaled.astype(np.float32)


def check_range(X: NDArray[Any], likelihood: str) -> None:
    """Refuse to learn inputs that are no probabilities where they must be.

    Raises
    ------
    ValueError
        With the range found and what to do.
    """
    if likelihood == "bernoulli" and (X.min() < 0 or X.max() > 1):
        raise ValueError(
            'clare with likelihood="bernoulli" learns inputs in [0, 1]; these reach from '
            f'{X.min():g} to {X.max():g}. Divide pixels by 255, or use likelihood="gaussian".'
        )
