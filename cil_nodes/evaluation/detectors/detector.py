"""What every detector of unknowns offers: fit on known samples, score anything."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Detector(ABC):
    """Base of the detectors; a subclass writes `_fit` and `_score`.

    A detector stands behind a closed classifier. It learns from the features of known samples,
    their classes, and the logits that the classifier gives them; no unknown is ever needed. A
    score has no unit: larger is more unknown, and only the order counts.
    """

    _features: int = 0
    _classes: int = 0

    def fit(self, features: ArrayLike, positions: ArrayLike, logits: ArrayLike) -> Detector:
        """Learn from known samples.

        Parameters
        ----------
        features : array-like of shape (n, d)
        positions : array-like of shape (n,)
            Class of each sample as the number of its column in ``logits``.
        logits : array-like of shape (n, C)
            What the closed classifier answers.

        Raises
        ------
        ValueError
            When shapes do not belong together, a value is not finite, or a class has no sample.
        """
        X, Z = _pair(features, logits)
        y = np.asarray(positions)
        if y.shape != (len(X),) or y.dtype.kind not in "iu":
            raise ValueError(
                f"positions must be {len(X)} whole numbers, got {y.dtype} {y.shape}: give the "
                "column of each sample's class, not its label."
            )
        missing = np.setdiff1d(np.arange(Z.shape[1]), y)
        if len(missing) or y.min() < 0 or y.max() >= Z.shape[1]:
            raise ValueError(
                f"logits has {Z.shape[1]} columns, positions go from {y.min()} to {y.max()} and "
                f"leave out {missing.tolist()[:5]}: every column needs at least one sample."
            )
        self._features, self._classes = X.shape[1], Z.shape[1]
        self._fit(X, y.astype(np.int64), Z)
        return self

    def score(self, features: ArrayLike, logits: ArrayLike) -> NDArray[np.float64]:
        """Return how unknown samples are (n,); larger is more unknown.

        Parameters
        ----------
        features : array-like of shape (n, d)
        logits : array-like of shape (n, C)

        Raises
        ------
        ValueError
            Before `fit`, or when shapes are other than there.
        """
        X, Z = _pair(features, logits)
        if not self._classes:
            raise ValueError(f"{type(self).__name__} was not fitted; call fit first.")
        if (X.shape[1], Z.shape[1]) != (self._features, self._classes):
            raise ValueError(
                f"{type(self).__name__} was fitted on {self._features} features and "
                f"{self._classes} logits, and is asked about {X.shape[1]} and {Z.shape[1]}."
            )
        return np.asarray(self._score(X, Z), dtype=np.float64)

    @abstractmethod
    def _fit(
        self, X: NDArray[np.floating], y: NDArray[np.int64], logits: NDArray[np.floating]
    ) -> None:
        """Learn from checked arrays."""

    @abstractmethod
    def _score(self, X: NDArray[np.floating], logits: NDArray[np.floating]) -> NDArray[np.floating]:
        """Score checked arrays."""


def _pair(
    features: ArrayLike, logits: ArrayLike
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return both as finite matrices of equal length."""
    X, Z = np.asarray(features), np.asarray(logits)
    if X.ndim != 2 or Z.ndim != 2 or len(X) != len(Z):
        raise ValueError(
            f"features {X.shape} and logits {Z.shape} do not belong together: expected (n, d) "
            "and (n, C)."
        )
    for name, array in (("features", X), ("logits", Z)):
        if not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite, but hold NaN or infinity.")
    return X, Z
