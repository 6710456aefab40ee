"""The extreme-value machine's boundary: a Weibull on every exemplar's margin.

Rudd, Jain, Scheirer and Boult, "The Extreme Value Machine", TPAMI 2018. Section 3, Eq. 4: the
probability that x is within the margin of exemplar i is exp(-(|x_i - x| / lambda_i)^kappa_i),
fitted to half the distances to the nearest samples of other classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from cil_nodes.learners.innamp.boundaries import FAR, distances_to, squared_lengths

TAIL = 50
"""Nearest samples of other classes that a margin is fitted to."""

MARGIN_SCALE = 0.5
COVER = 0.5
"""An exemplar is left out where another one of its class covers it with this probability."""

STRONGEST = 4
"""Exemplars whose mean probability is the class's."""

_LEAST = -100.0
_ROUNDS = 50


@dataclass(frozen=True)
class ExtremeValueUnit:
    """Probability of lying within the margin of a class.

    Attributes
    ----------
    centres : (C, m, d) float32 array
        Extreme vectors; zeros where a class has fewer.
    counts : (C,) int64 array
    scales, shapes : (C, m) float64 arrays
        lambda and kappa.
    """

    centres: np.ndarray
    counts: np.ndarray
    scales: np.ndarray
    shapes: np.ndarray
    bounds: ClassVar[tuple[tuple[float, float], ...]] = ((0.5, 20.0),)
    prior: ClassVar[tuple[float, ...]] = (1.0,)

    @classmethod
    def of(
        cls, centres: np.ndarray, counts: np.ndarray, rows: np.ndarray, owners: np.ndarray
    ) -> ExtremeValueUnit:
        """Fit margins to samples of other classes, then leave out what is covered.

        Parameters
        ----------
        centres, counts
            Exemplars of each class.
        rows, owners : (n, d) and (n,) arrays
            All samples, scaled, and their columns.
        """
        scales, shapes = np.ones(centres.shape[:2]), np.ones(centres.shape[:2])
        kept, left = np.zeros_like(centres), np.zeros_like(counts)
        for column, count in enumerate(counts):
            others = rows[owners != column]
            if not count:
                continue
            mine = centres[column, :count]
            scale, shape = _margins(mine, others)
            chosen = covering(mine, scale, shape)
            left[column] = len(chosen)
            kept[column, : len(chosen)] = mine[chosen]
            scales[column, : len(chosen)] = scale[chosen]
            shapes[column, : len(chosen)] = shape[chosen]
        most = max(int(left.max(initial=1)), 1)
        return cls(kept[:, :most], left, scales[:, :most], shapes[:, :most])

    def evidence(self, X: np.ndarray) -> np.ndarray:
        """Return (n, C, 1): the log of a class's probability, at least -100."""
        return np.maximum(self.log_inclusion(X), _LEAST)[:, :, None]

    @cached_property
    def _lengths(self) -> np.ndarray:
        return squared_lengths(self.centres)

    def log_inclusion(self, X: np.ndarray) -> np.ndarray:
        """Return the log (n, C) of the mean of the largest probabilities of inclusion."""
        each = distances_to(self.centres, self.counts, X, self._lengths).astype(np.float64)
        powers = np.minimum(self.shapes * np.log(np.maximum(each, 1e-12) / self.scales), 50.0)
        logs = np.where(each >= FAR, -np.inf, -np.exp(powers))
        best = np.sort(logs, axis=2)[:, :, ::-1][:, :, :STRONGEST]
        taken = np.maximum(np.minimum(self.counts, STRONGEST), 1)
        return np.logaddexp.reduce(best, axis=2) - np.log(taken)


def _margins(mine: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return lambda and kappa (m,) of each exemplar."""
    if not len(others):  # nothing to keep away from: the margin is the spread of the rows
        return np.full(len(mine), np.sqrt(mine.shape[1])), np.full(len(mine), 2.0)
    each = distances_to(others[None], np.array([len(others)]), mine)[:, 0]
    nearest = np.sort(each, axis=1)[:, :TAIL] * MARGIN_SCALE
    return fit_weibull(np.maximum(nearest.astype(np.float64), 1e-6))


def fit_weibull(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit a Weibull distribution to each row by maximum likelihood.

    Parameters
    ----------
    values : (m, t) array
        Above 0.

    Returns
    -------
    scales, shapes : (m,) arrays
        As ``scipy.stats.weibull_min.fit(row, floc=0)`` finds them, all rows at once; a shape is at
        most 100, which equal values would exceed.
    """
    logs = np.log(values)
    top = logs.max(axis=1, keepdims=True)
    shape = 1.2 / np.maximum(logs.std(axis=1, keepdims=True), 1e-3)
    for _ in range(_ROUNDS):
        powers = np.exp(shape * (logs - top))
        mean = powers.sum(axis=1, keepdims=True)
        first = (powers * logs).sum(axis=1, keepdims=True) / mean
        second = (powers * logs**2).sum(axis=1, keepdims=True) / mean
        value = first - 1 / shape - logs.mean(axis=1, keepdims=True)
        slope = second - first**2 + 1 / shape**2
        shape = np.clip(shape - value / slope, 0.5 * shape, 2 * shape)
        shape = np.clip(shape, 1e-2, 100.0)
    powers = np.exp(shape * (logs - top)).mean(axis=1, keepdims=True)
    return (np.exp(top) * powers ** (1 / shape))[:, 0], shape[:, 0]


def covering(mine: np.ndarray, scales: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """Return the numbers of exemplars that cover all of the class (greedy set cover)."""
    each = distances_to(mine[None], np.array([len(mine)]), mine)[:, 0]
    powers = np.minimum(shapes * np.log(np.maximum(each, 1e-12) / scales), 50.0)
    covers = np.exp(-np.exp(powers)).T >= COVER  # [i, j]: i covers j
    np.fill_diagonal(covers, True)
    open_, chosen = np.ones(len(mine), bool), []
    while open_.any():
        best = int(np.argmax(covers[:, open_].sum(axis=1)))
        chosen.append(best)
        open_ &= ~covers[best]
    return np.sort(chosen)
