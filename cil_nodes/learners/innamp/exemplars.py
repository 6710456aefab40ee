"""What is kept of the samples learned: old data, which Algorithm 1 needs, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FOLDS = 5
_ONE_BY_ONE = (4, 3, 0, 2, 1)
"""Folds of samples that come in fewer than FOLDS: the first are never held out."""

_STRETCHES = (2, 0, 3, 1, 4)
"""Folds of the stretches of a lesson: those held out first lie apart."""


@dataclass(frozen=True)
class Exemplars:
    """Rows of known classes, in order of arrival.

    Attributes
    ----------
    rows : (n, d) float32 array
        Before centring, as `Scaling.levelled` returns them.
    owners : (n,) int64 array
        Column of each row's class.
    folds : (n,) int64 array
        In 0 to FOLDS - 1; what is held out together when thresholds are laid. Samples of a class
        that came together are cut into stretches, because neighbours in time look alike.
    keys : (n,) float64 array
        Random; where a class is full, those with the smallest stay, which is a fair draw.
    seen : (C,) int64 array
        Samples of each class met so far.
    """

    rows: np.ndarray
    owners: np.ndarray
    folds: np.ndarray
    keys: np.ndarray
    seen: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def empty(cls, width: int) -> Exemplars:
        """Return a store of nothing."""
        none = np.zeros(0, np.int64)
        return cls(np.zeros((0, width), np.float32), none, none, np.zeros(0), none)

    def joined(
        self, rows: np.ndarray, owners: np.ndarray, classes: int, rng: np.random.Generator
    ) -> Exemplars:
        """Append the rows of a phase, whose classes are columns below ``classes``."""
        before = np.pad(self.seen, (0, classes - len(self.seen)))
        return Exemplars(
            np.concatenate([self.rows, rows]),
            np.concatenate([self.owners, owners]),
            np.concatenate([self.folds, _folds(owners, before)]),
            np.concatenate([self.keys, rng.random(len(rows))]),
            before + np.bincount(owners, minlength=classes),
        )

    def bounded(self, most: int) -> Exemplars:
        """Keep at most ``most`` of each class; 0 keeps all."""
        if not most:
            return self
        return self.chosen(np.sort(self.drawn(most)))

    def drawn(self, most: int) -> np.ndarray:
        """Return numbers of at most ``most`` rows a class: a fair draw, by class."""
        order = np.lexsort((self.keys, self.owners))
        sorted_owners = self.owners[order]
        rank = np.arange(len(order)) - np.searchsorted(sorted_owners, sorted_owners)
        return order[rank < most]

    def chosen(self, which: np.ndarray) -> Exemplars:
        """Return some of the rows, by number or by mask."""
        return Exemplars(
            self.rows[which], self.owners[which], self.folds[which], self.keys[which], self.seen
        )

    def without(self, column: int) -> Exemplars:
        """Drop a class; later columns move up."""
        left = self.chosen(self.owners != column)
        owners = left.owners - (left.owners > column)
        return Exemplars(left.rows, owners, left.folds, left.keys, np.delete(left.seen, column))

    def balance(self) -> np.ndarray:
        """Return weights (n,) that sum to 1 and give every class the same share."""
        counts = np.bincount(self.owners, minlength=len(self.seen))
        return 1.0 / (counts[self.owners] * max(np.count_nonzero(counts), 1))


def _folds(owners: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return folds of new rows; ``before`` counts the samples of each class met earlier."""
    folds = np.zeros(len(owners), np.int64)
    for column in np.unique(owners):
        mine = np.flatnonzero(owners == column)
        place = np.arange(len(mine))
        if len(mine) >= FOLDS:
            folds[mine] = np.take(_STRETCHES, place * FOLDS // len(mine))
        else:
            folds[mine] = np.take(_ONE_BY_ONE, (before[column] + place) % FOLDS)
    return folds
