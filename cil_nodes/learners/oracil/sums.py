"""Sums over classes: counts, prototypes (Eq. 3) and one shared scatter; they add, merge, forget."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ClassSums:
    """Sufficient statistics of unit features for everything Gaussian.

    Attributes
    ----------
    counts : (C,) float64 array
    totals : (C, d) float64 array
        Sum of f over each class.
    scatter : (d, d) float64 array
        Within-class scatter, sum of (f - mu_c)(f - mu_c)' over all samples.
    """

    counts: np.ndarray
    totals: np.ndarray
    scatter: np.ndarray

    @classmethod
    def empty(cls, dimension: int) -> ClassSums:
        """Return sums over nothing."""
        return cls(np.zeros(0), np.zeros((0, dimension)), np.zeros((dimension, dimension)))

    @property
    def means(self) -> np.ndarray:
        """(C, d) prototypes mu_c (Eq. 3)."""
        return self.totals / np.maximum(self.counts, 1)[:, None]

    @property
    def samples(self) -> float:
        """Samples summed up."""
        return float(self.counts.sum())

    def learn(self, f: np.ndarray, positions: np.ndarray, columns: int) -> ClassSums:
        """Add rows f (n, d) of the classes ``positions`` (n,)."""
        f = np.asarray(f, dtype=np.float64)
        counts = np.bincount(positions, minlength=columns).astype(np.float64)
        totals = np.zeros((columns, f.shape[1]))
        np.add.at(totals, positions, f)
        batch = totals / np.maximum(counts, 1)[:, None]
        centred = f - batch[positions]
        return self.merged(ClassSums(counts, totals, centred.T @ centred))

    def merged(self, other: ClassSums) -> ClassSums:
        """Add sums over other samples; exact (Chan, Golub and LeVeque 1979 for the scatter)."""
        columns = max(len(self.counts), len(other.counts))
        a, b = self._widened(columns), other._widened(columns)
        both = a.counts + b.counts
        gap = np.sqrt(a.counts * b.counts / np.maximum(both, 1))[:, None] * (a.means - b.means)
        touched = gap[(a.counts > 0) & (b.counts > 0)]
        scatter = a.scatter + b.scatter + touched.T @ touched
        return ClassSums(both, a.totals + b.totals, scatter)

    def without(self, position: int, f: np.ndarray | None) -> ClassSums:
        """Drop a class; with its rows f (k, d) its share of the scatter goes too."""
        scatter = self.scatter
        if f is not None:
            centred = np.asarray(f, dtype=np.float64) - self.means[position]
            scatter = scatter - centred.T @ centred
        return ClassSums(
            np.delete(self.counts, position), np.delete(self.totals, position, axis=0), scatter
        )

    def _widened(self, columns: int) -> ClassSums:
        """Append classes without samples."""
        missing = columns - len(self.counts)
        if not missing:
            return self
        return ClassSums(
            np.pad(self.counts, (0, missing)),
            np.pad(self.totals, ((0, missing), (0, 0))),
            self.scatter,
        )


def oas_shrinkage(covariance: np.ndarray, samples: float) -> float:
    """Return how far to shrink a covariance (d, d) of n samples towards a multiple of I.

    Oracle approximating shrinkage (Chen, Wiesel, Eldar and Hero, IEEE Trans. Signal Processing
    2010, Eq. 23): min(1, ((1 - 2/d) tr(S^2) + tr(S)^2) / ((n + 1 - 2/d)(tr(S^2) - tr(S)^2 / d))).
    """
    d = len(covariance)
    trace = float(np.trace(covariance))
    square = float(np.sum(covariance * covariance))
    spread = (samples + 1 - 2 / d) * (square - trace**2 / d)
    if spread <= 0:
        return 1.0
    return float(min(1.0, ((1 - 2 / d) * square + trace**2) / spread))
