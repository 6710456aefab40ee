"""One Gaussian for each class, one covariance for all: LDA scores and Mahalanobis distances.

Everything comes from `ClassSums`, so it adds, merges and forgets with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cil_nodes.learners.oracil.heads import inverse
from cil_nodes.learners.oracil.sums import ClassSums, oas_shrinkage


@dataclass(frozen=True)
class Precision:
    """The inverse of a shrunk covariance, and how it came about.

    Attributes
    ----------
    matrix : (d, d) float64 array
    rate : float
        How much one more outer product v v' adds to the covariance.
    """

    matrix: np.ndarray
    rate: float

    @classmethod
    def of(cls, scatter: np.ndarray, freedom: float) -> Precision:
        """Invert a scatter (d, d) over ``freedom``, shrunk by OAS towards a multiple of I."""
        freedom = max(freedom, 1.0)
        covariance = scatter / freedom
        rho = float(np.clip(oas_shrinkage(covariance, freedom), 1e-6, 1.0))
        level = max(float(np.trace(covariance)) / len(covariance), 1e-9)
        covariance *= 1 - rho
        covariance[np.diag_indices_from(covariance)] += rho * level
        return cls(inverse(covariance), (1 - rho) / freedom)

    def without(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Take outer products of rows V (r, d) out again, by Woodbury.

        Returns
        -------
        U : (r, d) array
            V P.
        B : (r, r) array
            The new inverse is P + U' B U. Shrinkage and degrees of freedom stay as they were.
        """
        U = rows @ self.matrix
        middle = -(rows @ U.T)
        middle[np.diag_indices_from(middle)] += 1.0 / max(self.rate, 1e-12)
        return U, np.linalg.inv(middle)


@dataclass(frozen=True)
class Gaussians:
    """Class means under a shared within-class precision, and the same for everything together.

    Attributes
    ----------
    means : (C, d) array
    within : Precision
    centre : (d,) array
        Mean over all samples.
    total : Precision
        Of the covariance around ``centre``.
    """

    means: np.ndarray
    within: Precision
    centre: np.ndarray
    total: Precision

    @classmethod
    def of(cls, sums: ClassSums) -> Gaussians:
        """Estimate from sums."""
        n, means = sums.samples, sums.means
        centre = sums.totals.sum(axis=0) / max(n, 1.0)
        offsets = np.sqrt(sums.counts)[:, None] * (means - centre)
        return cls(
            means,
            Precision.of(sums.scatter, n - len(means)),
            centre,
            Precision.of(sums.scatter + offsets.T @ offsets, n - 1),
        )

    @cached_property
    def linear(self) -> tuple[np.ndarray, np.ndarray]:
        """(d, C) coefficients and (C,) offsets of the LDA scores, without class priors."""
        coefficients = self.within.matrix @ self.means.T
        return coefficients, -0.5 * np.einsum("cd,dc->c", self.means, coefficients)

    def quadratic(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Return (d, d), (d,) and a number: relative distance less the part of the classes.

        The relative Mahalanobis distance (Ren et al., arXiv 2106.09022) of f is
        min_c (f - mu_c)' P (f - mu_c) - (f - m)' P0 (f - m)
        = f' (P - P0) f + 2 f' P0 m - m' P0 m - 2 max_c LDA_c(f).
        """
        pull = self.total.matrix @ self.centre
        matrix = self.within.matrix - self.total.matrix
        return matrix, 2 * pull, -float(self.centre @ pull)

    def held_out(
        self, f: np.ndarray, position: int, count: float, samples: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return LDA scores and relative distances of rows as if they had never been learned.

        Parameters
        ----------
        f : (m, d) array
            Rows of one class, among those learned.
        position : int
            Their class.
        count, samples : float
            Samples learned of that class, and of all.

        Returns
        -------
        scores : (m, C) array
            -inf for the class itself where nothing of it is left.
        distances : (m,) array
        """
        left = count - len(f)
        centred = f - self.means[position]
        shift = centred.sum(axis=0)
        if left > 0:
            centred = np.vstack([centred, shift / np.sqrt(left)])
        U, B = self.within.without(centred)
        scores = self._scores(f, position, shift / left if left > 0 else None, U, B)
        own = np.einsum("nd,nd->n", f @ self.within.matrix, f) + _form(f @ U.T, B)

        drift = (f - self.centre).sum(axis=0)
        remaining = max(samples - len(f), 1.0)
        U0, B0 = self.total.without(np.vstack([f - self.centre, drift / np.sqrt(remaining)]))
        offset = f - (self.centre - drift / remaining)
        background = np.einsum("nd,nd->n", offset @ self.total.matrix, offset)
        background += _form(offset @ U0.T, B0)
        return scores, own - 2 * scores.max(axis=1) - background

    def _scores(
        self, f: np.ndarray, position: int, move: np.ndarray | None, U: np.ndarray, B: np.ndarray
    ) -> np.ndarray:
        """LDA scores (m, C) under P + U' B U, with the mean at ``position`` moved back.

        ``move`` None: nothing is left of that class.
        """
        coefficients, offsets = self.linear
        straight, length = f @ coefficients, -2 * offsets
        means = self.means
        if move is not None:
            means = means.copy()
            means[position] -= move
            pulled = self.within.matrix @ means[position]
            straight[:, position] = f @ pulled
            length[position] = means[position] @ pulled
        side = means @ U.T
        straight += (f @ U.T) @ B @ side.T
        scores = straight - 0.5 * (length + _form(side, B))
        if move is None:
            scores[:, position] = -np.inf
        return scores


def _form(rows: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Return r' B r for every row r."""
    return np.einsum("nr,nr->n", rows @ B, rows)
