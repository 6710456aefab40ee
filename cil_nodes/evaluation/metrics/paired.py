"""Is one learner better than another? Paired intervals over samples and class orders.

Two learners that are shown the same samples in the same orders differ less by chance than their
accuracies do one by one, so intervals are taken of the difference. A gain whose interval holds zero
is called none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats


@dataclass(frozen=True)
class Gain:
    """A difference of means, ours less theirs, with its interval.

    Attributes
    ----------
    value : float
        The difference, in the unit of what was compared.
    low, high : float
        Ends of the interval.
    confidence : float
        Such as 0.95.
    """

    value: float
    low: float
    high: float
    confidence: float

    @property
    def verdict(self) -> str:
        """``gain`` or ``loss`` where the interval lies on one side of zero, else ``none``."""
        if self.low > 0:
            return "gain"
        return "loss" if self.high < 0 else "none"

    def text(self, scale: float = 100.0, unit: str = "points") -> str:
        """Spell it: ``+1.20 points (+0.50 to +1.90, gain)``."""
        value, low, high = (f"{scale * v + 0.0:+.2f}" for v in (self.value, self.low, self.high))
        return f"{value} {unit} ({low} to {high}, {self.verdict})"


def paired_gain(
    ours: ArrayLike,
    theirs: ArrayLike,
    confidence: float = 0.95,
    rounds: int = 2000,
    seed: int = 0,
) -> Gain:
    """Bootstrap the mean of ``ours - theirs`` over samples, and over orders where there are some.

    Percentile bootstrap of pairs (Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
    chapter 13); with several orders rows and columns are drawn independently, since every order
    meets the same samples (Owen, The pigeonhole bootstrap, Annals of Applied Statistics 2007).
    Higher is better for ours.

    Parameters
    ----------
    ours, theirs : array-like of shape (n,) or (orders, n)
        Figures of the same samples, such as 1 for a right answer and 0 for a wrong one.
    confidence : float
        In (0, 1).
    rounds : int
        Times to draw anew.
    seed : int
        Equal seeds give equal intervals.

    Raises
    ------
    ValueError
        For shapes that differ, or nothing to compare.
    """
    difference = np.atleast_2d(_paired(ours, theirs))
    if difference.ndim != 2:
        raise ValueError(f"Expected shape (n,) or (orders, n), got {difference.shape}.")
    means = _resampled(difference, rounds, np.random.default_rng(seed))
    tail = (1 - _checked(confidence)) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Gain(float(difference.mean()), float(low), float(high), confidence)


def _resampled(
    difference: NDArray[np.float64], rounds: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the mean of each draw: shape (rounds,)."""
    orders, samples = difference.shape
    means = np.empty(rounds)
    for draw in range(rounds):
        times = np.bincount(rng.integers(samples, size=samples), minlength=samples)
        of_orders = difference @ times / samples
        means[draw] = of_orders[rng.integers(orders, size=orders)].mean()
    return means


def paired_interval(ours: ArrayLike, theirs: ArrayLike, confidence: float = 0.95) -> Gain:
    """Student's interval of the mean difference of a few runs, such as one a class order.

    ``mean(d) +- t_(n-1) std(d) / sqrt(n)`` with d = ours - theirs (Student 1908). It assumes
    differences that scatter normally; where single answers are at hand :func:`paired_gain` assumes
    less. Higher is better for ours.

    Parameters
    ----------
    ours, theirs : array-like of shape (n,)
        One figure a run, in the same order; n at least 2.
    confidence : float
        In (0, 1).

    Raises
    ------
    ValueError
        For shapes that differ, or fewer than two runs.
    """
    difference = _paired(ours, theirs)
    if difference.ndim != 1 or len(difference) < 2:
        raise ValueError(f"An interval needs two runs or more, got shape {difference.shape}.")
    wide = float(stats.t.ppf((1 + _checked(confidence)) / 2, len(difference) - 1))
    value = float(difference.mean())
    reach = wide * float(difference.std(ddof=1)) / np.sqrt(len(difference))
    return Gain(value, value - float(reach), value + float(reach), confidence)


def _paired(ours: ArrayLike, theirs: ArrayLike) -> NDArray[np.float64]:
    mine, other = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if mine.shape != other.shape or not mine.size:
        raise ValueError(f"Only equal shapes can be paired, got {mine.shape} and {other.shape}.")
    return mine - other


def _checked(confidence: float) -> float:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}.")
    return confidence
