"""Features that are kept: all of them while heads are kept by rows, a bounded share afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Memory:
    """Rows of features with the columns they belong to, in order of arrival.

    Attributes
    ----------
    rows : (n, d) array
        Unit features.
    positions : (n,) int array
    """

    rows: np.ndarray
    positions: np.ndarray

    @classmethod
    def empty(cls, dimension: int, dtype: np.dtype) -> Memory:
        """Return a memory of nothing."""
        return cls(np.zeros((0, dimension), dtype), np.zeros(0, np.int64))

    def learn(self, X: np.ndarray, positions: np.ndarray) -> Memory:
        """Append rows (copied)."""
        return Memory(
            np.concatenate([self.rows, X.astype(self.rows.dtype)]),
            np.concatenate([self.positions, positions]),
        )

    def of(self, position: int) -> np.ndarray:
        """Return the row numbers of one class."""
        return np.flatnonzero(self.positions == position)

    def without(self, position: int) -> Memory:
        """Drop a class and move the later ones up."""
        kept = self.positions != position
        positions = self.positions[kept]
        return Memory(self.rows[kept], positions - (positions > position))

    def thinned(
        self, columns: np.ndarray, most: int, seen: np.ndarray, rng: np.random.Generator
    ) -> Memory:
        """Keep at most ``most`` rows of each class in ``columns``, all ever seen equally likely.

        Parameters
        ----------
        columns : int array
            Classes to thin; the others keep all their rows.
        most : int
        seen : (C,) array
            Samples of each class that the rows kept so far stand for, those included that have
            just been appended one by one.
        rng : Generator

        Notes
        -----
        Rows that were kept before stand for many, new ones for themselves: a new row takes the
        place of an old one with probability most / (number seen so far), Vitter's algorithm R.
        """
        keep = ~np.isin(self.positions, columns)
        for c in columns:
            rows = self.of(int(c))
            slots = rows[:most].tolist()
            number = int(seen[c]) - (len(rows) - most)
            for row in rows[most:]:
                number += 1
                slot = int(rng.integers(number))
                if slot < most:
                    slots[slot] = row
            keep[slots] = True
        return Memory(self.rows[keep], self.positions[keep])


def folds(
    memory: Memory, parts: int, most: int, rng: np.random.Generator
) -> list[tuple[int, np.ndarray]]:
    """Cut every class into ``parts`` stretches in order of arrival, and choose among them.

    Neighbours in time look alike, so a stretch is held out together. Only classes with two rows
    or more take part.

    Returns
    -------
    list of (column, row numbers)
        One stretch of every class, then a second one, and so on, until ``most`` rows.
    """
    by_class = []
    for c in np.unique(memory.positions):
        rows = memory.of(int(c))
        if len(rows) > 1:
            cut = np.array_split(rows, min(parts, len(rows)))
            by_class.append([(int(c), cut[i]) for i in rng.permutation(len(cut))])
    chosen: list[tuple[int, np.ndarray]] = []
    total = 0
    for turn in range(max(map(len, by_class), default=0)):
        for i in rng.permutation(len(by_class)):
            if turn < len(by_class[i]) and total < most:
                chosen.append(by_class[i][turn])
                total += len(by_class[i][turn][1])
    return chosen
