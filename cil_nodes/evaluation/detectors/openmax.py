"""OpenMax: logits revised by how extreme their distance to the class mean is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import softmax
from scipy.stats import weibull_min

from cil_nodes.evaluation.detectors.detector import Detector

TRANSLATION = 10_000.0
"""Added to a tail that starts at 0, as the authors' library does."""


@dataclass(frozen=True)
class Tail:
    """A Weibull distribution of the largest distances of a class.

    Attributes
    ----------
    start : float
        The least distance of the tail.
    shape, scale : float
        Of the translated distances; NaN where they are all the same.
    """

    start: float
    shape: float
    scale: float

    @classmethod
    def of(cls, distances: NDArray[np.floating], size: int) -> Tail:
        """Fit to the ``size`` largest distances (n,) by maximum likelihood.

        The shape k solves ``sum x^k log x / sum x^k - 1 / k = mean log x``, and the scale is
        ``(mean x^k)^(1/k)``.
        """
        largest = np.sort(distances)[-size:]
        start = float(largest[0])
        logs = np.log(largest - start + TRANSLATION)
        below = logs - logs.max()
        if below.min() > -1e-12:
            return cls(start, float("nan"), float("nan"))

        def slope(k: float) -> float:
            powers = np.exp(k * below)
            return float(powers @ below / powers.sum() - 1.0 / k - below.mean())

        # The shape is about 1 / the spread of the logarithms.
        guess = 1.0 / float(below.std())
        shape = float(brentq(slope, 1e-2 * guess, 1e3 * guess))
        scale = float(np.exp(logs.max() + np.log(np.mean(np.exp(shape * below))) / shape))
        return cls(start, shape, scale)

    def probability(self, distances: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return how probable it is (n,) that a known sample lies nearer than this."""
        if np.isnan(self.shape):
            return (distances > self.start).astype(np.float64)
        moved = distances - self.start + TRANSLATION
        return weibull_min.cdf(moved, self.shape, scale=self.scale)


class OpenMax(Detector):
    """OpenMax: the probability of an unknown class, made from the logits of the known ones.

    Bendale and Boult, Towards Open Set Deep Networks, CVPR 2016, algorithms 1 and 2. Of each
    class the mean logit vector of rightly classified samples, and a Weibull fitted to the largest
    Euclidean distances to it. The ``alpha`` largest logits are multiplied by
    ``1 - w_c (alpha + 1 - i) / alpha`` for rank i, with ``w_c`` the Weibull's probability; what
    is taken away is the unknown's logit; the score is its softmax. The rank's weight is that of
    the authors' code (the text has ``(alpha - i) / alpha``).

    Parameters
    ----------
    tail : int
        Distances that a Weibull is fitted to; 20 in the paper.
    alpha : int
        Logits revised; 10 in the paper.
    """

    def __init__(self, tail: int = 20, alpha: int = 10) -> None:
        self.tail = tail
        self.alpha = alpha

    def _fit(
        self, X: NDArray[np.floating], y: NDArray[np.int64], logits: NDArray[np.floating]
    ) -> None:
        right = logits.argmax(axis=1) == y
        means, tails = [], []
        for position in range(logits.shape[1]):
            own = y == position
            # A class that is never answered rightly still needs a mean.
            rows = logits[own & right] if (own & right).any() else logits[own]
            means.append(rows.mean(axis=0))
            tails.append(Tail.of(np.linalg.norm(rows - means[-1], axis=1), self.tail))
        self._means, self._tails = np.stack(means), tails

    def _score(self, X: NDArray[np.floating], logits: NDArray[np.floating]) -> NDArray[np.floating]:
        alpha = min(self.alpha, logits.shape[1])
        order = np.argsort(-logits, axis=1, kind="stable")[:, :alpha]
        weights = np.zeros(logits.shape)
        ranks = (alpha + 1.0 - np.arange(1, alpha + 1)) / alpha
        np.put_along_axis(weights, order, ranks[None], axis=1)
        for position, (mean, tail) in enumerate(zip(self._means, self._tails, strict=True)):
            distances = np.linalg.norm(logits - mean, axis=1)
            weights[:, position] *= tail.probability(distances)
        taken = logits * weights
        revised = np.column_stack([taken.sum(axis=1), logits - taken])
        return softmax(revised, axis=1)[:, 0]
