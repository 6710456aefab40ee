"""One covariance a class, kept as its axes: as exact as the matrix, and no larger than its rank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

KEPT = 1e-7
"""Axes whose scatter is below this share of the largest are rounding."""


@dataclass(frozen=True)
class ClassGaussian:
    """Mean and scatter ``Q' diag(v) Q`` of the samples of one class.

    Attributes
    ----------
    count : float
        Samples.
    mean : ndarray of shape (d,)
    axes : ndarray of shape (r, d)
        Orthonormal rows Q; r is at most d, and below the number of samples.
    scatter : ndarray of shape (r,)
        v, sums of squares along the axes.
    """

    count: float
    mean: NDArray[np.float64]
    axes: NDArray[np.floating]
    scatter: NDArray[np.float64]

    @classmethod
    def empty(cls, dimension: int) -> ClassGaussian:
        """Return a class without samples."""
        return cls(0.0, np.zeros(dimension), np.zeros((0, dimension)), np.zeros(0))

    def learn(self, rows: NDArray[np.floating]) -> ClassGaussian:
        """Add samples (n, d); exact but for the rounding of what is kept in float32."""
        if not len(rows):
            return self
        n, mean = len(rows), rows.mean(axis=0)
        total = self.count + n
        gap = np.sqrt(self.count * n / total) * (mean - self.mean)
        factor = np.vstack([np.sqrt(self.scatter)[:, None] * self.axes, rows - mean, gap])
        axes, scatter = _axes(factor)
        merged = (self.count * self.mean + n * mean) / total
        return ClassGaussian(total, merged, axes.astype(np.float32), scatter)


def _axes(
    factor: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return orthonormal rows Q and v with ``F' F = Q' diag(v) Q``, from the smaller product."""
    if len(factor) > factor.shape[1]:
        values, V = np.linalg.eigh(factor.T @ factor)
        kept = values > KEPT * max(values[-1], 1e-300)
        return V[:, kept].T, values[kept]
    values, U = np.linalg.eigh(factor @ factor.T)
    kept = values > KEPT * max(values[-1], 1e-300)
    return (U[:, kept].T @ factor) / np.sqrt(values[kept])[:, None], values[kept]


@dataclass(frozen=True)
class ShrunkForm:
    """The form ``z' R^-1 z`` of a shrunk, correlation-normalised covariance, ready to be applied.

    With ``K = Q' diag(l) Q`` the covariance, a and b the means of its diagonal and of the rest,
    ``K' = K + a1 a I + a2 b (1 1' - I)`` and ``R = D^-1/2 K' D^-1/2`` with ``D = diag(K')``.
    Since ``K' = (K + s I) + u 1 1'`` with ``s = a1 a - a2 b`` and ``u = a2 b``, the inverse
    follows from the axes of K and one rank-one correction.

    Attributes
    ----------
    roots : ndarray of shape (d,)
        ``sqrt(D)``.
    axes : ndarray of shape (r, d)
    ratios : ndarray of shape (r,)
        ``l / (l + s)``.
    level : float
        s; kept above 0, which it is by itself wherever a2 is at most a1.
    pull : ndarray of shape (d,)
        ``(K + s I)^-1 1``.
    correction : float
        ``u / (1 + u 1' pull)``.
    """

    roots: NDArray[np.float64]
    axes: NDArray[np.floating]
    ratios: NDArray[np.float64]
    level: float
    pull: NDArray[np.float64]
    correction: float

    def __call__(self, Z: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the form (n,) of offsets Z (n, d)."""
        W = Z * self.roots.astype(Z.dtype)
        along = W @ self.axes.T.astype(Z.dtype, copy=False)
        base = np.einsum("nd,nd->n", W, W) - (along**2) @ self.ratios.astype(Z.dtype)
        return base / self.level - self.correction * (W @ self.pull.astype(Z.dtype)) ** 2


def shrunk_form(gaussian: ClassGaussian, alpha1: float, alpha2: float) -> ShrunkForm:
    """Shrink and normalise the covariance of a class.

    A class without spread gets the identity, which is what a correlation matrix is by default.
    """
    d = len(gaussian.mean)
    spread = gaussian.scatter / max(gaussian.count - 1.0, 1.0)
    trace = float(spread.sum())
    if trace <= 0.0:
        ones = np.ones(d)
        return ShrunkForm(ones, gaussian.axes[:0], spread[:0], 1.0, ones, 0.0)
    sums = gaussian.axes.sum(axis=1, dtype=np.float64)
    a = trace / d
    b = float(spread @ sums**2 - trace) / max(d * (d - 1), 1)
    level, u = max(alpha1 * a - alpha2 * b, 1e-9 * a), alpha2 * b
    ratios = spread / (spread + level)
    pull = (1.0 - (ratios * sums) @ gaussian.axes) / level
    diagonal = spread @ gaussian.axes.astype(np.float64) ** 2 + alpha1 * a
    correction = u / max(1.0 + u * float(pull.sum()), 1e-9)
    return ShrunkForm(np.sqrt(diagonal), gaussian.axes, ratios, level, pull, correction)
