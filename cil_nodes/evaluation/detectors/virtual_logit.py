"""Virtual-logit matching (ViM): what the principal space misses, beside the logits."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import lstsq
from scipy.special import logsumexp

from cil_nodes.evaluation.detectors.detector import Detector


def principal_dimension(features: int) -> int:
    """Return the dimension of the principal space that the paper uses (section 5.1)."""
    if features >= 1500:
        return 1000
    return 512 if features >= 768 else features // 2


class VirtualLogit(Detector):
    """ViM: ``alpha |R (f - o)| - log sum_c exp(z_c)``.

    Wang et al., ViM: Out-Of-Distribution with Virtual-logit Matching, CVPR 2022, section 4. R
    projects onto what the principal space of the known features leaves over, and alpha makes the
    mean residual as large as the mean of the largest logit (Eq. 5). The origin is
    ``o = -(W')^+ b`` of the classifier ``z = W' f + b``. Here W and b are fitted to the logits by
    least squares, which gives back those of a linear classifier exactly, and is the nearest linear
    one otherwise.

    Parameters
    ----------
    dimension : int or None
        Of the principal space; None takes the paper's for this many features.
    """

    def __init__(self, dimension: int | None = None) -> None:
        self.dimension = dimension

    def _fit(
        self, X: NDArray[np.floating], y: NDArray[np.int64], logits: NDArray[np.floating]
    ) -> None:
        X = X.astype(np.float64)
        self._origin = origin(X, logits)
        offsets = X - self._origin
        kept = self.dimension
        if kept is None:
            kept = principal_dimension(X.shape[1])
        _, vectors = np.linalg.eigh(offsets.T @ offsets)
        self._residual = vectors[:, : X.shape[1] - kept]
        lengths = np.linalg.norm(offsets @ self._residual, axis=1)
        self.alpha = float(logits.max(axis=1).mean() / max(float(lengths.mean()), 1e-12))

    def _score(self, X: NDArray[np.floating], logits: NDArray[np.floating]) -> NDArray[np.floating]:
        lengths = np.linalg.norm((X - self._origin) @ self._residual, axis=1)
        return self.alpha * lengths - logsumexp(logits, axis=1)


def origin(features: ArrayLike, logits: ArrayLike) -> NDArray[np.float64]:
    """Return the point (d,) nearest to 0 where the best linear fit to the logits is 0.

    Parameters
    ----------
    features, logits : array-like of shape (n, d), (n, C)
    """
    X, Z = np.asarray(features, dtype=np.float64), np.asarray(logits, dtype=np.float64)
    centre, level = X.mean(axis=0), Z.mean(axis=0)
    moments = X - centre
    W = lstsq(moments.T @ moments, moments.T @ (Z - level))[0]
    return -np.linalg.pinv(W.T) @ (level - centre @ W)
