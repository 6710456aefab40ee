"""Detectors that measure how far features lie from what is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.detectors.detector import Detector
from cil_nodes.evaluation.peers.gaussian_head import (
    Discriminant,
    discriminant,
    scores_and_distances,
)
from cil_nodes.evaluation.protocols import unit_rows
from cil_nodes.learners.oracil.sums import ClassSums

BLOCK = 512


class KNearest(Detector):
    """Distance to the k-th nearest known sample, features scaled to length 1.

    Sun et al., Out-of-Distribution Detection with Deep Nearest Neighbors, ICML 2022, section 3:
    ``|f - f_(k)|`` with k = 50 for CIFAR-10 and 200 for CIFAR-100, chosen there by validation. It
    keeps every sample, in float32.

    Parameters
    ----------
    k : int
        At least 1; where there are fewer samples, the farthest counts.
    """

    def __init__(self, k: int = 50) -> None:
        self.k = k

    def _fit(
        self, X: NDArray[np.floating], y: NDArray[np.int64], logits: NDArray[np.floating]
    ) -> None:
        self._rows = unit_rows(X).astype(np.float32)

    def _score(self, X: NDArray[np.floating], logits: NDArray[np.floating]) -> NDArray[np.floating]:
        rows = unit_rows(X).astype(np.float32)
        nth = min(self.k, len(self._rows)) - 1
        least = [
            # Of unit vectors the nearest has the largest product: |a - b|^2 = 2 - 2 a'b.
            np.partition(-(rows[start : start + BLOCK] @ self._rows.T), nth, axis=1)[:, nth]
            for start in range(0, len(rows), BLOCK)
        ]
        products = -np.concatenate(least).astype(np.float64)
        return np.sqrt(np.maximum(2.0 - 2.0 * products, 0.0))


class Mahalanobis(Detector):
    """Squared Mahalanobis distance to the nearest class, one covariance for all classes.

    Lee et al., A Simple Unified Framework for Detecting Out-of-Distribution Samples and
    Adversarial Attacks, NeurIPS 2018, Eq. 1 and 2, on the last features alone:
    ``min_c (f - mu_c)' S^-1 (f - mu_c)`` with S the covariance within classes.

    Parameters
    ----------
    shrinkage : float
        Share of the mean variance that is added to every variance, so that S can be inverted
        where samples are fewer than dimensions.
    """

    def __init__(self, shrinkage: float = 1e-6) -> None:
        self.shrinkage = shrinkage

    def _fit(
        self, X: NDArray[np.floating], y: NDArray[np.int64], logits: NDArray[np.floating]
    ) -> None:
        sums = ClassSums.empty(X.shape[1]).learn(X, y, logits.shape[1])
        self._within = self._gaussians(sums)

    def _gaussians(self, sums: ClassSums) -> Discriminant:
        """Return class means under the covariance within classes."""
        covariance = sums.scatter / sums.samples
        level = self.shrinkage * float(np.trace(covariance)) / len(covariance)
        covariance[np.diag_indices_from(covariance)] += max(level, 1e-12)
        return discriminant(sums.means, covariance, np.float64)

    def _score(self, X: NDArray[np.floating], logits: NDArray[np.floating]) -> NDArray[np.floating]:
        return scores_and_distances(self._within, X)[1]


class RelativeMahalanobis(Mahalanobis):
    """Mahalanobis distance to the nearest class, less that to everything together.

    Ren et al., A Simple Fix to Mahalanobis Distance for Improving Near-OOD Detection, arXiv
    2106.09022, section 3: ``min_c d_c(f) - d_0(f)`` with ``d_0`` from the mean and covariance of
    all samples.

    Parameters
    ----------
    shrinkage : float
        As in `Mahalanobis`, for both covariances.
    """

    def _fit(
        self, X: NDArray[np.floating], y: NDArray[np.int64], logits: NDArray[np.floating]
    ) -> None:
        super()._fit(X, y, logits)
        everything = ClassSums.empty(X.shape[1]).learn(X, np.zeros(len(X), np.int64), 1)
        self._background = self._gaussians(everything)

    def _score(self, X: NDArray[np.floating], logits: NDArray[np.floating]) -> NDArray[np.floating]:
        nearest = super()._score(X, logits)
        return nearest - scores_and_distances(self._background, X)[1]
