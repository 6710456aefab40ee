"""Linear discriminant analysis from sums: one mean a class, one covariance for all."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

FAR = 2.0
"""Squared Mahalanobis distance, in units of its dimension, that counts as half doubtful.

Known samples lie around 1.
"""


class Discriminant(NamedTuple):
    """What LDA answers with.

    Attributes
    ----------
    root : ndarray of shape (D, D)
        Lower triangle L of the regularised covariance ``L L'``.
    centre : ndarray of shape (D,)
        Mean over classes; subtracted first, for the sake of rounding.
    directions : ndarray of shape (D, C)
        ``Sigma^-1 (mu_c - centre)``.
    offsets : ndarray of shape (C,)
        ``-(mu_c - centre)' Sigma^-1 (mu_c - centre) / 2``.
    """

    root: NDArray[np.floating]
    centre: NDArray[np.float64]
    directions: NDArray[np.float64]
    offsets: NDArray[np.float64]


def discriminant(
    means: NDArray[np.float64], covariance: NDArray[np.float64], dtype: type[np.floating]
) -> Discriminant:
    """Solve for the directions of classes with equal priors.

    Parameters
    ----------
    means : ndarray of shape (C, D)
    covariance : ndarray of shape (D, D)
        Regularised; overwritten.
    dtype : type
        Of the root that is kept, from which only distances come.
    """
    root = cholesky(covariance, lower=True, overwrite_a=True)
    centre = means.mean(axis=0)
    half = solve_triangular(root, (means - centre).T, lower=True)
    directions = solve_triangular(root, half, lower=True, trans="T")
    return Discriminant(root.astype(dtype), centre, directions, -0.5 * np.sum(half**2, axis=0))


def scores_and_distances(
    head: Discriminant, X: NDArray[np.floating]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return LDA scores (n, C) and squared Mahalanobis distances (n,) to the nearest class.

    ``score_c = x' S^-1 mu_c - mu_c' S^-1 mu_c / 2`` and ``d^2 = x' S^-1 x - 2 max_c score_c``.
    """
    centred = X - head.centre
    scores = centred @ head.directions + head.offsets
    half = _halved(head, centred)
    lengths = np.einsum("dn,dn->n", half, half, dtype=np.float64)
    return scores, np.maximum(lengths - 2.0 * scores.max(axis=1), 0.0)


def _halved(head: Discriminant, centred: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return ``L^-1 x`` (D, n) for rows x (n, D)."""
    return solve_triangular(head.root, centred.T.astype(head.root.dtype), lower=True)


def doubts(distances: NDArray[np.floating], dimension: int) -> NDArray[np.floating]:
    """Map squared distances (n,) to [0, 1): ``m / (m + FAR)`` with ``m = d^2 / D``."""
    relative = distances / dimension
    return relative / (relative + FAR)


def left_out_distances(
    head: Discriminant,
    X: NDArray[np.floating],
    positions: NDArray[np.int64],
    means: NDArray[np.float64],
    counts: NDArray[np.floating],
) -> NDArray[np.floating]:
    """Return squared distances (n,) to the nearest class as if each row had not been learned.

    Without row x of a class of n samples its mean moves away by ``(x - mu) / (n - 1)`` and the
    scatter loses ``n / (n - 1) v v'`` with ``v = x - mu``; N, the samples of all classes that the
    scatter is divided by, stays. By Sherman and Morrison, with ``q = v' S^-1 v`` and
    ``s = n / (n - 1)``, the distance to the own mean becomes ``s^2 q / (1 - s q / N)``, and that
    to another, ``u' S^-1 u``, grows by ``s / N (u' S^-1 v)^2 / (1 - s q / N)``.

    Parameters
    ----------
    head : Discriminant
    X : ndarray of shape (n, D)
        Rows that were learned.
    positions : ndarray of shape (n,)
        Their classes.
    means, counts : ndarrays of shape (C, D) and (C,)
        Of all classes.
    """
    rows, centred = np.arange(len(X)), X - head.centre
    away = X - means[positions]
    half, half_away = _halved(head, centred), _halved(head, away)
    q = np.einsum("dn,dn->n", half_away, half_away, dtype=np.float64)
    crossed = np.einsum("dn,dn->n", half, half_away, dtype=np.float64)
    lengths = np.einsum("dn,dn->n", half, half, dtype=np.float64)
    count = counts[positions]
    share = count / np.maximum(count - 1.0, 1.0)
    # A row that alone spans a direction would be infinitely far; it is capped instead.
    room = np.maximum(1.0 - share * q / counts.sum(), 1e-3)
    grown = share / counts.sum() / room
    cross = crossed[:, None] - away @ head.directions
    distances = lengths[:, None] - 2.0 * (centred @ head.directions + head.offsets)
    distances += grown[:, None] * cross**2
    distances[rows, positions] = share**2 * q / room
    return np.maximum(distances.min(axis=1), 0.0)
