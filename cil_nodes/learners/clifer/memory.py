"""A growing memory at work: the Gamma-GWR network, step by step, over preallocated arrays.

Parisi, Tani, Weber and Wermter, "Lifelong Learning of Spatiotemporal Representations With
Dual-Memory Recurrent Self-Organization", Frontiers in Neurorobotics 12:78, 2018, as CLIFER
(section IV-B) uses it. A step changes only the winner and its neighbours, so the distances of the
rows being played are kept and only those columns are worked out again.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from cil_nodes.learners.clifer.links import Links
from cil_nodes.learners.clifer.neurons import (
    NOBODY,
    Neurons,
    Rules,
    coefficients,
    habituated,
    modes,
)

TAU_WINNER, TAU_NEIGHBOUR = 0.3, 0.1
BETA = 0.7
FADE = 0.1
_ROOM = 64
_BY_NEURON = ("weights", "squares", "contexts", "habituation", "histogram", "wins", "labels")
_BETWEEN_CHECKS = 32


def nothing() -> None:
    """Do not ask whether to stop."""


class GrowingMemory:
    """One network (GDM-E or GDM-S) while it learns.

    Parameters
    ----------
    neurons : Neurons
        Where it starts; never changed.
    rules : Rules
    """

    def __init__(self, neurons: Neurons, rules: Rules) -> None:
        self.rules = rules
        self.size = n = len(neurons)
        room = n + _ROOM
        self._weights = _roomy(neurons.weights.astype(np.float64), room)
        self._squares = np.einsum("nd,nd->n", self._weights, self._weights)
        self._contexts = _roomy(neurons.contexts.astype(np.float64), room)
        self._habituation = _roomy(neurons.habituation.astype(np.float64), room)
        self._histogram = _roomy(neurons.histogram.astype(np.float64), room)
        self._wins = _roomy(neurons.wins, room)
        self._labels = _roomy(modes(neurons.histogram), room)
        self._links = Links.of(neurons.edges, neurons.stamps, room, rules.neighbours)
        self._follows = {(int(i), int(j)): int(c) for i, j, c in neurons.follows}
        self._clock = neurons.clock
        self._alphas = coefficients(rules.context)
        labelled = self.labels[self.labels != NOBODY]
        self._owned = np.bincount(labelled, minlength=self._histogram.shape[1])
        self._due = 0
        self._rows = np.zeros((0, self._weights.shape[1]))
        self._near = np.zeros((0, room))
        self._previous = NOBODY
        self._past = np.zeros((rules.context + 1, self._weights.shape[1]))

    # ---- what is there -----------------------------------------------------------------------

    @property
    def weights(self) -> np.ndarray:
        """(N, d) w; a view."""
        return self._weights[: self.size]

    @property
    def labels(self) -> np.ndarray:
        """(N,) label of each neuron, `NOBODY` for none; a view."""
        return self._labels[: self.size]

    @property
    def habituation(self) -> np.ndarray:
        """(N,) h; a view."""
        return self._habituation[: self.size]

    @property
    def histogram(self) -> np.ndarray:
        """(N, L) H; a view."""
        return self._histogram[: self.size]

    @property
    def edges(self) -> dict[tuple[int, int], int]:
        """Age of every edge, by its ends."""
        edges, stamps = self._links.listed(self.size)
        now = self._clock
        return {
            (int(i), int(j)): int((now if self._all_age else self._wins[i] + self._wins[j]) - s)
            for (i, j), s in zip(edges, stamps, strict=True)
        }

    @property
    def follows(self) -> dict[tuple[int, int], int]:
        """P: how often a winner was followed by another."""
        return dict(self._follows)

    @property
    def _all_age(self) -> bool:
        return self.rules.ageing == "all"

    def at_rest(self) -> Neurons:
        """Return the memory as frozen arrays, rounded to float32."""
        n = self.size
        edges, stamps = self._links.listed(n)
        follows = [(i, j, count) for (i, j), count in sorted(self._follows.items())]
        return Neurons(
            self._weights[:n].astype(np.float32),
            self._contexts[:n].astype(np.float32),
            self._habituation[:n].astype(np.float32),
            self._histogram[:n].astype(np.float32),
            self._wins[:n].copy(),
            edges,
            stamps,
            np.array(follows, np.int32).reshape(-1, 3),
            self._clock,
        )

    def winners(self, rows: np.ndarray) -> np.ndarray:
        """Return the winner (m,) of each row (m, d), without context."""
        squares = self._squares[: self.size]
        return squared_distances(rows, self.weights, squares).argmin(axis=1)

    # ---- learning ----------------------------------------------------------------------------

    def play(
        self,
        rows: np.ndarray,
        labels: np.ndarray,
        epochs: int = 1,
        check: Callable[[], None] = nothing,
    ) -> None:
        """Show rows in their order, several times over.

        Parameters
        ----------
        rows : (m, d) array
        labels : (m,) int array
            Positions of their labels.
        epochs : int
        check : callable
            Called at least every 32 steps; may raise.
        """
        self._rows = np.asarray(rows, dtype=np.float64)
        self._near = np.empty((len(rows), len(self._weights)))
        squares = self._squares[: self.size]
        self._near[:, : self.size] = squared_distances(self._rows, self.weights, squares)
        self._previous, self._past[:] = NOBODY, 0.0
        names = [int(label) for label in labels]
        for _ in range(epochs):
            for i, label in enumerate(names):
                if i % _BETWEEN_CHECKS == 0:
                    check()
                self._step(i, label)
            self._tidy()

    def _step(self, i: int, label: int) -> None:
        """Show row ``i`` once (GDM, Eq. 1 to 9)."""
        seen = self._context(self._rows[i])
        distances = self._distances(i, seen)
        winner, second = two_smallest(distances)
        activity = math.exp(-distances[winner])
        self._past[0] = self._weights[winner]
        self._past[1:] = self._contexts[winner]
        self._clock += 1
        self._wins[winner] += 1
        wrong = self._labels[winner] not in (label, NOBODY)
        if self._room_for(label) and self._lacks(activity, winner, label, wrong):
            place = seen if self.rules.guarded and wrong else None
            now = self._insert(seen, winner, second, label, place)
        else:
            now = winner
            self._adapt(seen, winner, second, activity, label, wrong)
        if self.rules.context:
            self._follow(now)
        self._previous = winner

    def _context(self, row: np.ndarray) -> np.ndarray:
        """Return x and C_1 to C_K (K + 1, d): beta of the last winner's C_k, the rest C_k-1."""
        seen = np.empty_like(self._past)
        seen[0] = row
        seen[1:] = BETA * self._past[1:] + (1 - BETA) * self._past[:-1]
        return seen

    def _distances(self, i: int, seen: np.ndarray) -> np.ndarray:
        """Return d_j (N,): the alpha-weighted norms over weight and contexts (GDM, Eq. 1)."""
        near = self._near[i, : self.size]
        root = (lambda v: v) if self.rules.squared else np.sqrt
        total = self._alphas[0] * root(near)
        for k in range(1, self.rules.context + 1):
            off = self._contexts[: self.size, k - 1] - seen[k]
            total += self._alphas[k] * root(np.einsum("nd,nd->n", off, off))
        return total

    def _room_for(self, label: int) -> bool:
        """Whether the limits allow one more neuron with this label."""
        r = self.rules
        whole = r.limit and self.size >= r.limit
        own = r.limit_each and self._owned[label] >= r.limit_each
        return not (whole or own)

    def _lacks(self, activity: float, winner: int, label: int, wrong: bool) -> bool:
        """Whether a neuron is to be inserted (GDM, section 2.1; CLIFER, section IV-B2)."""
        r = self.rules
        if r.guarded and wrong:
            return True
        wanted = activity < r.activity and self._habituation[winner] < r.habituation
        return bool(wanted and (not r.only_if_wrong or self._labels[winner] != label))

    def _insert(
        self, seen: np.ndarray, winner: int, second: int, label: int, place: np.ndarray | None
    ) -> int:
        """Insert a neuron halfway to the winner, or at ``place`` (K + 1, d)."""
        if self.size == len(self._weights):
            self._grow()
        new = self.size
        self.size += 1
        old = np.concatenate([self._weights[winner][None], self._contexts[winner]])
        at = (seen + old) / 2 if place is None else place
        self._weights[new], self._contexts[new] = at[0], at[1:]
        self._habituation[new] = 1.0
        self._wins[new] = 0
        self._histogram[new] = 0.0
        self._histogram[new, label] = 1.0
        self._labels[new] = label
        self._owned[label] += 1
        self._links.clear(new)
        self._links.cut(winner, second)
        for end in (winner, second):
            self._links.join(new, end, self._stamp(new, end))
        self._refresh(np.array([new]))
        return new

    def _adapt(
        self,
        seen: np.ndarray,
        winner: int,
        second: int,
        activity: float,
        label: int,
        wrong: bool,
    ) -> None:
        """Move the winner and its neighbours towards what is seen; habituate, label, link."""
        r = self.rules
        self._links.join(winner, second, self._stamp(winner, second))
        if r.guarded and wrong:
            return
        around = self._links.neighbours(winner)
        rate = r.winner_rate * (1 - activity if r.novelty_weighted else 1.0)
        self._move(winner, rate * self._habituation[winner], seen)
        self._habituation[winner] = habituated(self._habituation[winner], TAU_WINNER)
        self._move(around, (r.neighbour_rate * self._habituation[around])[:, None], seen)
        self._habituation[around] = habituated(self._habituation[around], TAU_NEIGHBOUR)
        self._name(winner, label)
        self._refresh(np.append(around, winner))

    def _move(self, which: int | np.ndarray, rate: float | np.ndarray, seen: np.ndarray) -> None:
        """Move weights and contexts of neurons by a share ``rate`` towards what is seen."""
        self._weights[which] += rate * (seen[0] - self._weights[which])
        for k in range(self.rules.context):
            self._contexts[which, k] += rate * (seen[k + 1] - self._contexts[which, k])

    def _name(self, winner: int, label: int) -> None:
        """Count the label for the winner; the others fade (GDM, Eq. 10 and 11)."""
        row = self._histogram[winner]
        counted = row[label] + 1.0
        row -= FADE
        np.maximum(row, 0.0, out=row)
        row[label] = counted
        before, after = self._labels[winner], int(row.argmax())
        if before != after:
            self._labels[winner] = after
            self._owned[after] += 1
            if before != NOBODY:
                self._owned[before] -= 1

    def _follow(self, now: int) -> None:
        """Count that this neuron came after the previous winner (GDM, Eq. 12)."""
        if self._previous not in (NOBODY, now):
            pair = (self._previous, now)
            self._follows[pair] = self._follows.get(pair, 0) + 1

    def _stamp(self, i: int, j: int) -> int:
        """What the clock of an edge shows: all steps, or those that one of its ends won."""
        return self._clock if self._all_age else int(self._wins[i] + self._wins[j])

    def _refresh(self, columns: np.ndarray) -> None:
        """Work out again the distances to neurons that moved."""
        moved = self._weights[columns]
        squares = self._squares[columns] = np.einsum("nd,nd->n", moved, moved)
        self._near[:, columns] = squared_distances(self._rows, moved, squares)

    # ---- room --------------------------------------------------------------------------------

    def _grow(self) -> None:
        """Double the room."""
        room = 2 * len(self._weights)
        for name in _BY_NEURON:
            setattr(self, f"_{name}", _roomy(getattr(self, f"_{name}")[: self.size], room))
        self._links.grow(room)
        wider = np.empty((len(self._rows), room))
        wider[:, : self.size] = self._near[:, : self.size]
        self._near = wider

    def _tidy(self) -> None:
        """Drop edges that are too old, and neurons that are left without any."""
        if self._clock < self._due:
            return
        wins = None if self._all_age else self._wins
        oldest = self._links.drop_older(self.size, self.rules.max_age, self._clock, wins)
        # No age grows faster than the clock, so nothing can be too old before this.
        self._due = self._clock + self.rules.max_age - oldest + 1
        keep = self._links.degrees(self.size) > 0
        if keep.sum() < 2:
            keep[np.argsort(~keep, kind="stable")[:2]] = True
        if not keep.all():
            self._keep(keep)

    def _keep(self, keep: np.ndarray) -> None:
        """Drop all other neurons and move the rest together."""
        n, left = self.size, int(keep.sum())
        place = np.where(keep, np.cumsum(keep) - 1, NOBODY)
        gone = self.labels[~keep]
        self._owned -= np.bincount(gone[gone != NOBODY], minlength=len(self._owned))
        for name in _BY_NEURON:
            array = getattr(self, f"_{name}")
            array[:left] = array[:n][keep]
        self._near[:, :left] = self._near[:, :n][:, keep]
        self._links.keep(keep, place)
        self._follows = {
            (int(place[i]), int(place[j])): count
            for (i, j), count in self._follows.items()
            if keep[i] and keep[j]
        }
        self._previous = int(place[self._previous]) if self._previous != NOBODY else NOBODY
        self.size = left


def two_smallest(values: np.ndarray) -> tuple[int, int]:
    """Return where the smallest and the second smallest value (n,) stand."""
    first = int(values.argmin())
    least = values[first]
    values[first] = np.inf
    second = int(values.argmin())
    values[first] = least
    return first, second


def squared_distances(
    a: np.ndarray, b: np.ndarray, squares: np.ndarray | None = None
) -> np.ndarray:
    """Return |a_i - b_j|^2 (m, n) for rows a (m, d) and b (n, d); ``squares`` are |b_j|^2."""
    if squares is None:
        squares = np.einsum("nd,nd->n", b, b)
    square = np.einsum("md,md->m", a, a)[:, None] + squares
    square -= 2.0 * (a @ b.T)
    return np.maximum(square, 0.0, out=square)


def _roomy(array: np.ndarray, room: int) -> np.ndarray:
    """Return a copy of an array with ``room`` rows."""
    larger = np.zeros((room, *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger
