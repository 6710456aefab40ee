"""The edges of a growing memory: one row of neighbours for each neuron, preallocated."""

from __future__ import annotations

import numpy as np

_DEGREE = 8


class Links:
    """Undirected edges, each noted at both of its ends with the moment it was refreshed.

    Parameters
    ----------
    room : int
        Neurons there is room for.
    most : int
        Most edges of a neuron; 0 for no limit.
    """

    def __init__(self, room: int, most: int = 0) -> None:
        self._most = most
        self._ends = np.zeros((room, _DEGREE), np.int64)
        self._stamps = np.zeros((room, _DEGREE), np.int64)
        self._degree = np.zeros(room, np.int64)

    @classmethod
    def of(cls, edges: np.ndarray, stamps: np.ndarray, room: int, most: int = 0) -> Links:
        """Return links from edges (E, 2) and stamps (E,)."""
        links = cls(room, most)
        for number in np.argsort(stamps, kind="stable"):
            i, j = edges[number].tolist()
            links.join(i, j, int(stamps[number]))
        return links

    def neighbours(self, i: int) -> np.ndarray:
        """Return the neighbours of a neuron, in the order of their last refresh."""
        return self._ends[i, : self._degree[i]].copy()

    def degrees(self, size: int) -> np.ndarray:
        """Return how many edges each of the first ``size`` neurons has."""
        return self._degree[:size].copy()

    def join(self, i: int, j: int, stamp: int) -> None:
        """Make an edge, or refresh it: it is then the last of both its ends."""
        if i == j:
            return
        for a, b in ((i, j), (j, i)):
            self._remove(a, b)
            slot = int(self._degree[a])
            if slot == self._ends.shape[1]:
                self._widen()
            self._ends[a, slot], self._stamps[a, slot] = b, stamp
            self._degree[a] += 1
        if self._most:
            self._thin(i)
            self._thin(j)

    def cut(self, i: int, j: int) -> None:
        """Remove an edge, if there is one."""
        self._remove(i, j)
        self._remove(j, i)

    def _remove(self, a: int, b: int) -> None:
        """Remove ``b`` from the edges that ``a`` notes."""
        slot, degree = self._slot(a, b), self._degree[a]
        if slot < degree:
            self._ends[a, slot : degree - 1] = self._ends[a, slot + 1 : degree].copy()
            self._stamps[a, slot : degree - 1] = self._stamps[a, slot + 1 : degree].copy()
            self._degree[a] -= 1

    def _thin(self, i: int) -> None:
        """Cut the edge refreshed longest ago whose other end has more, where there are too many."""
        if self._degree[i] > self._most:
            for j in self._ends[i, : self._degree[i]].tolist():
                if self._degree[j] > 1:
                    self.cut(i, j)
                    return

    def clear(self, i: int) -> None:
        """Let a new neuron begin without edges."""
        self._degree[i] = 0

    def _slot(self, a: int, b: int) -> int:
        """Return where ``a`` notes ``b``; behind its last edge where it does not."""
        degree = int(self._degree[a])
        for slot, end in enumerate(self._ends[a, :degree].tolist()):
            if end == b:
                return slot
        return degree

    def listed(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Return edges (E, 2), each once and the smaller end first, and their stamps (E,)."""
        there = np.arange(self._ends.shape[1]) < self._degree[:size, None]
        i, slot = np.nonzero(there)
        j = self._ends[i, slot]
        once = i < j
        edges = np.stack([i[once], j[once]], axis=1).astype(np.int32)
        return edges, self._stamps[i[once], slot[once]]

    def drop_older(self, size: int, max_age: int, clock: int, wins: np.ndarray | None) -> int:
        """Remove edges older than ``max_age``.

        Parameters
        ----------
        size : int
            Neurons in use.
        max_age : int
        clock : int
            All steps so far.
        wins : (room,) array or None
            Where given, an edge's clock is the sum of its ends' wins.

        Returns
        -------
        int
            The largest age that is left.
        """
        there = np.arange(self._ends.shape[1]) < self._degree[:size, None]
        ends = np.where(there, self._ends[:size], 0)
        now = clock if wins is None else wins[:size, None] + wins[ends]
        ages = np.where(there, now - self._stamps[:size], -1)
        for i in np.flatnonzero((ages > max_age).any(axis=1)):
            self._keep_slots(int(i), there[i] & (ages[i] <= max_age))
        left = ages[ages <= max_age]
        return int(max(left.max(initial=0), 0))

    def _keep_slots(self, i: int, keep: np.ndarray) -> None:
        left = int(keep.sum())
        self._ends[i, :left] = self._ends[i][keep]
        self._stamps[i, :left] = self._stamps[i][keep]
        self._degree[i] = left

    def keep(self, keep: np.ndarray, place: np.ndarray) -> None:
        """Drop neurons without edges and give the others their new places (n,)."""
        n, left = len(keep), int(keep.sum())
        for array in (self._stamps, self._degree):
            array[:left] = array[:n][keep]
        there = np.arange(self._ends.shape[1]) < self._degree[:left, None]
        self._ends[:left] = np.where(there, place[self._ends[:n][keep] * there], 0)

    def grow(self, room: int) -> None:
        """Make room for more neurons."""
        for name in ("_ends", "_stamps", "_degree"):
            array = getattr(self, name)
            larger = np.zeros((room, *array.shape[1:]), array.dtype)
            larger[: len(array)] = array
            setattr(self, name, larger)

    def _widen(self) -> None:
        """Make room for more edges of each neuron."""
        for name in ("_ends", "_stamps"):
            array = getattr(self, name)
            setattr(self, name, np.concatenate([array, np.zeros_like(array)], axis=1))
