"""Fixed random features: drawn from a seed whenever needed, never stored with a model."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

WIDE = 2048
"""From this width on float32 is used: the sums it goes into are ridge-regularised."""


def precision(width: int) -> type[np.floating]:
    """Return the type that features of this width are computed in."""
    return np.float64 if width < WIDE else np.float32


@lru_cache(maxsize=8)
def normal_matrix(seed: int, rows: int, columns: int) -> NDArray[np.floating]:
    """Return standard normal draws (rows, columns), the same for ever.

    NumPy keeps the streams of RandomState frozen.
    """
    draws = np.random.RandomState(seed % 2**32).standard_normal((rows, columns))
    matrix = draws.astype(precision(max(rows, columns)))
    matrix.setflags(write=False)
    return matrix


@lru_cache(maxsize=8)
def _phases(seed: int, width: int) -> NDArray[np.floating]:
    """Return uniform draws (width,) in [0, 2 pi)."""
    draws = np.random.RandomState((seed + 1) % 2**32).uniform(0.0, 2.0 * np.pi, width)
    phases = draws.astype(precision(width))
    phases.setflags(write=False)
    return phases


def _projected(X: NDArray[np.floating], seed: int, width: int) -> NDArray[np.floating]:
    matrix = normal_matrix(seed, X.shape[1], width)
    return X.astype(matrix.dtype, copy=False) @ matrix


def relu_features(X: NDArray[np.floating], seed: int, width: int) -> NDArray[np.floating]:
    """Return ``max(X W, 0)`` (n, width) with standard normal W."""
    H = _projected(X, seed, width)
    return np.maximum(H, 0, out=H)


def gelu_features(X: NDArray[np.floating], seed: int, width: int) -> NDArray[np.floating]:
    """Return ``gelu(X W)`` (n, width) with standard normal W and gelu(a) = a Phi(a)."""
    H = _projected(X, seed, width)
    return H * (0.5 + 0.5 * erf(H / np.sqrt(2.0).astype(H.dtype)))


def fourier_features(
    X: NDArray[np.floating], seed: int, width: int, gamma: float
) -> NDArray[np.floating]:
    """Return random Fourier features (n, width) of the kernel ``exp(-gamma |x - x'|^2)``.

    ``sqrt(2 / width) cos(X W + b)`` with W normal of variance ``2 gamma`` and b uniform in
    [0, 2 pi) (Rahimi and Recht, NIPS 2007).
    """
    H = _projected(np.sqrt(2.0 * gamma) * X, seed, width)
    H += _phases(seed, width)
    np.cos(H, out=H)
    H *= H.dtype.type(np.sqrt(2.0 / width))
    return H
