"""Closed boundaries: what stands beside a network so that it claims no region without end.

The paper names open decision regions as the reason for missed unknowns and leaves the remedy open.
Three are built: negatives in the shell around each class (``shell``), distance to the class's own
exemplars (``rbf``), and the extreme-value machine (``evm``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Protocol

import numpy as np

from cil_nodes.learners.innamp.exemplars import Exemplars

BOUNDARIES = ("open", "shell", "rbf", "evm")
NEIGHBOURS = 3
"""Nearest exemplars of a class whose mean distance counts."""

FAR = 1e6
"""Distance to a class that has no exemplar."""

_BLOCK = 256


class Unit(Protocol):
    """What stands beside the networks; `evidence` (n, C, k) joins their log-odds."""

    bounds: ClassVar[tuple[tuple[float, float], ...]]
    prior: ClassVar[tuple[float, ...]]

    def evidence(self, X: np.ndarray) -> np.ndarray:
        """Return k numbers for each scaled row of X (n, d) and each class."""
        ...


@dataclass(frozen=True)
class NoUnit:
    """Nothing beside the networks: boundaries as they are.

    Attributes
    ----------
    classes : int
    """

    classes: int
    bounds: ClassVar[tuple[tuple[float, float], ...]] = ()
    prior: ClassVar[tuple[float, ...]] = ()

    def evidence(self, X: np.ndarray) -> np.ndarray:
        """Return no numbers (n, C, 0)."""
        return np.zeros((len(X), self.classes, 0))


@dataclass(frozen=True)
class DistanceUnit:
    """Distance to the nearest exemplars of a class, by itself and against the other classes.

    Attributes
    ----------
    centres : (C, m, d) float32 array
        Exemplars of each class; zeros where it has fewer.
    counts : (C,) int64 array
    typical : float
        Median distance of an exemplar to its own class.
    """

    centres: np.ndarray
    counts: np.ndarray
    typical: float
    # The last bound closes the region, whatever is fitted.
    bounds: ClassVar[tuple[tuple[float, float], ...]] = ((0.0, 20.0), (-20.0, -2.0))
    prior: ClassVar[tuple[float, ...]] = (2.0, -2.0)

    @classmethod
    def of(cls, centres: np.ndarray, counts: np.ndarray) -> DistanceUnit:
        """Measure how far a class's exemplars lie from each other, and make the unit."""
        own = []
        for rows, count in zip(centres, counts, strict=True):
            if count > 1:
                squares = _squares(rows[:count], rows[:count])
                np.fill_diagonal(squares, np.inf)
                nearest = np.sort(np.sqrt(squares), axis=1)[:, : min(NEIGHBOURS, count - 1)]
                own.append(nearest.mean(axis=1))
        typical = float(np.median(np.concatenate(own))) if own else 0.0
        if typical <= 0:  # single exemplars, or equal ones: rows have about unit spread
            typical = 0.5 * float(np.sqrt(centres.shape[2]))
        return cls(centres, counts, typical)

    def evidence(self, X: np.ndarray) -> np.ndarray:
        """Return (n, C, 2): log of the nearest other class's distance over the own one's, and
        log of the own one's over the typical distance."""
        own = np.log(np.maximum(self.distances(X) / self.typical, 1e-6))
        return np.stack([_nearest_other(own) - own, own], axis=2)

    @cached_property
    def _lengths(self) -> np.ndarray:
        """Squared lengths of the centres, which every answer needs."""
        return squared_lengths(self.centres)

    def distances(self, X: np.ndarray) -> np.ndarray:
        """Return the mean distance (n, C) to the nearest exemplars of each class."""
        parts = [self._distances(X[start : start + _BLOCK]) for start in range(0, len(X), _BLOCK)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.counts)))

    def _distances(self, X: np.ndarray) -> np.ndarray:
        each = distances_to(self.centres, self.counts, X, self._lengths)
        count = np.minimum(self.counts, NEIGHBOURS)
        least = min(NEIGHBOURS, each.shape[2])
        nearest = np.partition(each, least - 1, axis=2)[:, :, :least]
        taken = np.sort(nearest, axis=2) * (np.arange(least) < count[:, None])
        return np.where(count > 0, taken.sum(axis=2) / np.maximum(count, 1), FAR)


def distances_to(
    centres: np.ndarray, counts: np.ndarray, X: np.ndarray, lengths: np.ndarray | None = None
) -> np.ndarray:
    """Return distances (n, C, m) to centres (C, m, d); FAR where a class has fewer.

    ``lengths`` are the centres' `squared_lengths`, where they are known.
    """
    classes, most, width = centres.shape
    squares = _squares(X, centres.reshape(classes * most, width), lengths)
    each = np.sqrt(squares).reshape(len(X), classes, most)
    return np.where(np.arange(most) < counts[:, None], each, FAR)


def _nearest_other(values: np.ndarray) -> np.ndarray:
    """Return for each column of (n, C) the least value of the others; its own where alone."""
    if values.shape[1] < 2:
        return values
    order = np.argsort(values, axis=1)
    rows = np.arange(len(values))
    first, second = values[rows, order[:, 0]], values[rows, order[:, 1]]
    other = np.repeat(first[:, None], values.shape[1], axis=1)
    other[rows, order[:, 0]] = second
    return other


def squared_lengths(rows: np.ndarray) -> np.ndarray:
    """Return the squared lengths of rows (..., d), flat."""
    rows = rows.reshape(-1, rows.shape[-1])
    return np.einsum("nd,nd->n", rows, rows)


def _squares(A: np.ndarray, B: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
    """Return squared distances (n, m) between rows; ``lengths`` are those of B, where known."""
    lengths = squared_lengths(B) if lengths is None else lengths
    return np.maximum(squared_lengths(A)[:, None] + lengths - 2 * (A @ B.T), 0)


def centres_of(rows: np.ndarray, exemplars: Exemplars, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return at most ``most`` rows of each class as (C, m, d), and how many (C,).

    Parameters
    ----------
    rows : (n, d) array
        The exemplars, scaled.
    exemplars : Exemplars
    most : int
    """
    drawn = exemplars.drawn(most)
    owners = exemplars.owners[drawn]
    counts = np.bincount(owners, minlength=len(exemplars.seen))
    place = np.arange(len(drawn)) - np.searchsorted(owners, owners)
    shape = (len(counts), max(int(counts.max(initial=1)), 1), rows.shape[1])
    centres = np.zeros(shape, np.float32)
    centres[owners, place] = rows[drawn]
    return centres, counts


def shell(rows: np.ndarray, exemplars: Exemplars, rng: np.random.Generator) -> np.ndarray:
    """Draw negatives around every class: rows (m, d) that belong to nobody.

    A point of the class is pushed away from the class's mean along a direction in which the data
    vary, to 1.2 to 2 times the radius (the 95th percentile of the class's distances to its mean);
    points nearer to any exemplar than its class's exemplars are to each other are dropped.
    """
    drawn = []
    for column in np.unique(exemplars.owners):
        mine = rows[exemplars.owners == column]
        mean = mine.mean(axis=0)
        radius = float(np.quantile(np.linalg.norm(mine - mean, axis=1), 0.95))
        a, b = rng.integers(len(rows), size=(2, len(mine)))
        along = (mine - mean) + (rows[a] - rows[b])
        along += 0.1 * rng.normal(size=along.shape)
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
        reach = max(radius, 1e-3) * rng.uniform(1.2, 2.0, size=(len(mine), 1))
        drawn.append(mean + along * reach)
    points = np.concatenate(drawn).astype(np.float32)
    within = _squares(rows, rows)
    np.fill_diagonal(within, np.inf)
    typical = np.median(within.min(axis=1)) if len(rows) > 1 else 0.0
    return points[_squares(points, rows).min(axis=1) > typical]
