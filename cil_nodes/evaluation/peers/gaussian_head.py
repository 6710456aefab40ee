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
    lengths = _lengths(head, centred)
    return scores, np.maximum(lengths - 2.0 * scores.max(axis=1), 0.0)


def _lengths(head: Discriminant, centred: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return ``x' S^-1 x`` (n,)."""
    half = solve_triangular(head.root, centred.T.astype(head.root.dtype), lower=True)
    return np.einsum("dn,dn->n", half, half, dtype=np.float64)


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
    scatter loses ``n / (n - 1) (x - mu)(x - mu)'``; by Sherman and Morrison the distance to the
    own mean becomes ``(n / (n - 1))^2 q / (1 - n / (n - 1) q / N)``, with q the distance now and
    N the samples of all classes. Distances to other classes are taken as they are.

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
    rows = np.arange(len(X))
    q = _lengths(head, X - means[positions])
    centred = X - head.centre
    others = _lengths(head, centred)[:, None] - 2.0 * (centred @ head.directions + head.offsets)
    others[rows, positions] = np.inf
    count = counts[positions]
    share = count / np.maximum(count - 1.0, 1.0)
    # A row that alone spans a direction would be infinitely far; it is capped instead.
    own = share**2 * q / np.maximum(1.0 - share * q / counts.sum(), 1e-3)
    return np.maximum(np.minimum(own, others.min(axis=1)), 0.0)
