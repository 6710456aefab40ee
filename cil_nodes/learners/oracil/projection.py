"""W_rand, the fixed random projection of the analytic features (ORACIL, section 3.2, Eq. 2).

"gaussian" draws a matrix of normal numbers, as the paper does. "structured" multiplies by one of
the same kind that is never written down: W = sqrt(n) H D3 H D2 H D1 up to a factor, with a
Walsh-Hadamard matrix H (n, n) and random signs D on its diagonals (Yu, Suresh, Choromanski,
Holtmann-Rice and Kumar, "Orthogonal Random Features", NeurIPS 2016, section 4). Its rows are
orthogonal where M is a power of two, and a vector of 1,280 takes a tenth of the operations and a
few KB rather than 21 MB.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.linalg import hadamard

PROJECTIONS = ("structured", "gaussian")

ROUNDS = 3
"""Factors H D: with one, few-dimensional inputs would meet only a few sign patterns."""

_STRETCH = 32
"""Rows that are transformed together, so that they stay in a processor's cache."""


def project(f: np.ndarray, width: int, seed: int, kind: str) -> np.ndarray:
    """Return f W_rand (n, M) for rows f (n, d), in f's precision.

    Scaled by sqrt(2 / M), so that the ReLU of it is about as long as f; the paper does not scale,
    which only changes the unit that the ridge strength is measured in.
    """
    if kind == "gaussian":
        return f @ _gaussian(seed, f.shape[1], width, f.dtype.str)
    size = 1 << (max(width, f.shape[1]) - 1).bit_length()
    signs = _signs(seed, size, f.dtype.str)
    scale = f.dtype.type(np.sqrt(2.0 * size / width))
    answer = np.empty((len(f), width), f.dtype)
    for start in range(0, len(f), _STRETCH):
        rows = slice(start, start + _STRETCH)
        answer[rows] = _structured(f[rows], signs)[:, :width] * scale
    return answer


@lru_cache(maxsize=4)
def _gaussian(seed: int, dimension: int, width: int, dtype: str) -> np.ndarray:
    """Return W_rand (d, M), the same for ever: NumPy keeps RandomState's streams frozen."""
    draws = np.random.RandomState(seed % 2**32).standard_normal((dimension, width))
    matrix = (draws * np.sqrt(2.0 / width)).astype(dtype)
    matrix.setflags(write=False)
    return matrix


@lru_cache(maxsize=8)
def _signs(seed: int, size: int, dtype: str) -> np.ndarray:
    """Return the diagonals D1, D2, D3 (3, n) of random signs, the same for ever."""
    draws = np.random.RandomState([seed % 2**32, size]).randint(0, 2, (ROUNDS, size))
    signs = (2 * draws - 1).astype(dtype)
    signs.setflags(write=False)
    return signs


@lru_cache(maxsize=16)
def _hadamard(size: int, dtype: str) -> np.ndarray:
    """Return the orthonormal Walsh-Hadamard matrix (n, n), n a power of two."""
    matrix = (hadamard(size) / np.sqrt(size)).astype(dtype)
    matrix.setflags(write=False)
    return matrix


def _structured(f: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Return H D3 H D2 H D1 f (n, size) for rows f (n, d), padded with zeros.

    H of size a b is the Kronecker product of those of sizes a and b: two small products in place
    of a large one.
    """
    size = signs.shape[1]
    a = 1 << (size.bit_length() // 2)
    left, right = _hadamard(a, f.dtype.str), _hadamard(size // a, f.dtype.str)
    z = np.zeros((len(f), size), f.dtype)
    z[:, : f.shape[1]] = f
    for diagonal in signs:
        squares = (z * diagonal).reshape(len(f), a, size // a)
        z = (left @ (squares @ right)).reshape(len(f), size)
    return z
