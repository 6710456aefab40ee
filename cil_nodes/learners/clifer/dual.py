"""The two memories together: episodes, rehearsal and imagination (CLIFER, Algorithm 1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from cil_nodes.learners.clifer.memory import GrowingMemory, nothing
from cil_nodes.learners.clifer.neurons import EPISODIC, NOBODY, SEMANTIC, Neurons, Rules

Imagine = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]
"""``imagine(z, label)``: rows and labels to dream from weights z (n, d) of one class."""


@dataclass(frozen=True)
class Schedule:
    """How samples are played to the memories.

    Attributes
    ----------
    episode : int
        Samples of a mini-episode.
    epochs, replay_epochs, imagination_epochs : int
        Rounds of each.
    replay : bool
        Whether GDM-E's neurons are rehearsed after every episode.
    """

    episode: int = 5
    epochs: int = 10
    replay_epochs: int = 3
    imagination_epochs: int = 5
    replay: bool = False


@dataclass(frozen=True)
class Pair:
    """One person's memories at rest: GDM-E and GDM-S."""

    episodic: Neurons
    semantic: Neurons

    @classmethod
    def begin(cls, first: np.ndarray, labels: int, context: int = 0) -> Pair:
        """Return memories of the same two neurons ``first`` (2, d)."""
        neurons = Neurons.begin(first, labels, context)
        return cls(neurons, neurons)

    def with_labels(self, count: int) -> Pair:
        """Return the same with room for ``count`` labels."""
        return Pair(self.episodic.with_labels(count), self.semantic.with_labels(count))

    def without_label(self, position: int) -> Pair:
        """Return the memories without a label and the neurons that stood for it."""
        return Pair(self.episodic.without_label(position), self.semantic.without_label(position))

    def pack(self) -> dict[str, np.ndarray]:
        """Return named arrays."""
        return {
            f"{name}.{key}": array
            for name, neurons in vars(self).items()
            for key, array in neurons.pack().items()
        }

    @classmethod
    def unpack(cls, arrays: Mapping[str, np.ndarray]) -> Pair:
        """Rebuild from `pack`."""
        return cls(*(Neurons.unpack(below(arrays, name)) for name in ("episodic", "semantic")))


def below(arrays: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """Return the arrays whose names begin with ``name.``, by the rest of their names."""
    start = f"{name}."
    return {key[len(start) :]: array for key, array in arrays.items() if key.startswith(start)}


@dataclass
class DualMemory:
    """GDM-E and GDM-S while they learn.

    Parameters
    ----------
    pair : Pair
        Where they start; never changed.
    episodic_rules, semantic_rules : Rules
    schedule : Schedule
    check : callable
        Called at least every 32 steps; may raise.
    """

    pair: Pair
    episodic_rules: Rules = EPISODIC
    semantic_rules: Rules = SEMANTIC
    schedule: Schedule = field(default_factory=Schedule)
    check: Callable[[], None] = nothing

    def __post_init__(self) -> None:
        self.episodic = GrowingMemory(self.pair.episodic, self.episodic_rules)
        self.semantic = GrowingMemory(self.pair.semantic, self.semantic_rules)

    def learn_class(self, rows: np.ndarray, label: int, imagine: Imagine | None = None) -> None:
        """Learn samples of one class in mini-episodes, then imagine (Algorithm 1).

        Parameters
        ----------
        rows : (n, d) array
            In the order in which they were seen.
        label : int
            Position of their label.
        imagine : callable, optional
            Makes rows and labels from the winners' weights.
        """
        winners = [self.episode(part, np.full(len(part), label)) for part in self._parts(rows)]
        if imagine is not None:
            self.dream(*imagine(np.concatenate(winners), label))

    def dream(self, rows: np.ndarray, labels: np.ndarray) -> None:
        """Play imagined rows (n, d) with their labels (n,) in mini-episodes (steps 15 to 17)."""
        parts = zip(self._parts(rows), self._parts(labels), strict=True)
        for part, names in parts:
            self._both(part, names, self.schedule.imagination_epochs)

    def _parts(self, rows: np.ndarray) -> list[np.ndarray]:
        size = self.schedule.episode
        return [rows[i : i + size] for i in range(0, len(rows), size)]

    def episode(self, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Play one mini-episode (n, d), rehearse, and return the winners' weights (n, d)."""
        replayed = self._trajectories() if self.schedule.replay else []
        winners = self._both(rows, labels, self.schedule.epochs)
        self._rehearse(replayed)
        return winners

    def _both(self, rows: np.ndarray, labels: np.ndarray, epochs: int) -> np.ndarray:
        """Play rows to GDM-E, and the winners there to GDM-S; return these winners' weights."""
        self.episodic.play(rows, labels, epochs, self.check)
        winners = self.episodic.weights[self.episodic.winners(rows)].copy()
        self.semantic.play(winners, labels, epochs, self.check)
        return winners

    def _trajectories(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return what GDM-E would rehearse now: (rows, labels) for each trajectory.

        Without context a trajectory is one neuron, and all of them are one list.
        """
        memory = self.episodic
        steps = trajectories(memory.size, memory.follows, memory.rules.context + 1)
        labels = memory.labels[steps]
        steps, labels = steps[(labels != NOBODY).all(axis=1)], labels[(labels != NOBODY).all(1)]
        if memory.rules.context:
            return [(memory.weights[s].copy(), n) for s, n in zip(steps, labels, strict=True)]
        return [(memory.weights[steps[:, 0]].copy(), labels[:, 0])] if len(steps) else []

    def _rehearse(self, replayed: list[tuple[np.ndarray, np.ndarray]]) -> None:
        """Play trajectories to both memories (CLIFER, section IV-B3)."""
        for rows, labels in replayed:
            for memory in (self.episodic, self.semantic):
                memory.play(rows, labels, self.schedule.replay_epochs, self.check)

    def at_rest(self) -> Pair:
        """Return both memories as frozen arrays."""
        return Pair(self.episodic.at_rest(), self.semantic.at_rest())


def trajectories(size: int, follows: Mapping[tuple[int, int], int], length: int) -> np.ndarray:
    """Return (size, length) neurons: from each one on to whichever followed it most often.

    Parameters
    ----------
    size : int
        Neurons.
    follows : mapping of (int, int) to int
        P(i, j) (GDM, Eq. 13). A neuron that nobody followed is repeated.
    length : int
    """
    steps = np.empty((size, length), np.int64)
    steps[:, 0] = np.arange(size)
    best: dict[int, tuple[int, int]] = {}
    for (i, j), count in sorted(follows.items()):
        if count > best.get(i, (0, 0))[0]:
            best[i] = (count, j)
    onward = np.array([best.get(i, (0, i))[1] for i in range(size)])
    for k in range(1, length):
        steps[:, k] = onward[steps[:, k - 1]]
    return steps
