"""What a growing memory consists of while nobody changes it: arrays, and the rules it grows by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

NOBODY = -1
"""Label of a neuron that has not won yet."""


@dataclass(frozen=True)
class Rules:
    """How one network grows and learns (CLIFER, section IV-B; GDM, section 2).

    Attributes
    ----------
    winner_rate, neighbour_rate : float
        eps_b and eps_n.
    activity : float
        a_T: a neuron is inserted only where the winner's activity exp(-d) lies below.
    habituation : float
        h_T: and where the winner has been habituated below this.
    max_age : int
        Edges older than this go at the end of an epoch.
    context : int
        K, the number of context vectors of each neuron.
    only_if_wrong : bool
        Insert only where the winner's label is another one as well (GDM-S).
    squared : bool
        Use squared distances; both published codes do not.
    novelty_weighted : bool
        Multiply the winner's move by (1 - activity), as CLIFER's code does.
    ageing : {"all", "winner"}
        Whether a step ages every edge, as both published codes do, or the winner's (Marsland,
        Shapiro and Nehmzow 2002).
    guarded : bool
        Ours: a sample never moves or relabels a winner with another label; it inserts a neuron at
        its own place instead.
    limit, limit_each : int
        Most neurons in all, and most with one label; 0 for no limit.
    neighbours : int
        Most edges of a neuron, the latest refreshed ones; 0 for no limit.
    """

    winner_rate: float = 0.2
    neighbour_rate: float = 0.001
    activity: float = 0.4
    habituation: float = 0.5
    max_age: int = 1000
    context: int = 0
    only_if_wrong: bool = False
    squared: bool = False
    novelty_weighted: bool = False
    ageing: str = "all"
    guarded: bool = False
    limit: int = 0
    limit_each: int = 0
    neighbours: int = 0


EPISODIC = Rules()
"""GDM-E as the paper sets it."""

SEMANTIC = Rules(0.02, 0.001, 0.2, 0.2, 2000, only_if_wrong=True)
"""GDM-S as the paper sets it."""


@dataclass(frozen=True)
class Neurons:
    """A memory at rest: N neurons in d dimensions with K context vectors, and L labels.

    Attributes
    ----------
    weights : (N, d) float32
    contexts : (N, K, d) float32
    habituation : (N,) float32
        h, from 1 (never won) down to 1 - 1 / kappa.
    histogram : (N, L) float32
        H(j, l): how often neuron j won for label l, faded.
    wins : (N,) int64
        Steps that a neuron won.
    edges : (E, 2) int32
        Ends of each edge, the smaller first.
    stamps : (E,) int64
        The clock, or the wins of both ends, when the edge was last refreshed.
    follows : (T, 3) int32
        Temporal links P: from, to, how often; kept with context only.
    clock : int
        Steps so far.
    """

    weights: np.ndarray
    contexts: np.ndarray
    habituation: np.ndarray
    histogram: np.ndarray
    wins: np.ndarray
    edges: np.ndarray
    stamps: np.ndarray
    follows: np.ndarray
    clock: int

    @classmethod
    def begin(cls, first: np.ndarray, labels: int, context: int) -> Neurons:
        """Return a memory of the two neurons ``first`` (2, d), joined by an edge (step 2)."""
        n, d = first.shape
        return cls(
            first.astype(np.float32),
            np.zeros((n, context, d), np.float32),
            np.ones(n, np.float32),
            np.zeros((n, labels), np.float32),
            np.zeros(n, np.int64),
            np.array([[0, 1]], np.int32),
            np.zeros(1, np.int64),
            np.zeros((0, 3), np.int32),
            0,
        )

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def labels(self) -> np.ndarray:
        """(N,) position of the label each neuron stands for, the mode; `NOBODY` for none."""
        return modes(self.histogram)

    def with_labels(self, count: int) -> Neurons:
        """Return the same with room for ``count`` labels; further ones are new."""
        missing = count - self.histogram.shape[1]
        if missing <= 0:
            return self
        return replace(self, histogram=np.pad(self.histogram, ((0, 0), (0, missing))))

    def without_label(self, position: int) -> Neurons:
        """Return the memory without a label, and without the neurons that stood for it."""
        keep = self.labels != position
        rest = self.only(keep)
        return replace(rest, histogram=np.delete(rest.histogram, position, axis=1))

    def only(self, keep: np.ndarray) -> Neurons:
        """Return the neurons marked in ``keep`` (N,), with the edges among them."""
        place = np.cumsum(keep) - 1
        ends = keep[self.edges].all(axis=1)
        linked = keep[self.follows[:, :2]].all(axis=1)
        follows = self.follows[linked].copy()
        follows[:, :2] = place[follows[:, :2]]
        return Neurons(
            self.weights[keep],
            self.contexts[keep],
            self.habituation[keep],
            self.histogram[keep],
            self.wins[keep],
            place[self.edges[ends]].astype(np.int32),
            self.stamps[ends],
            follows,
            self.clock,
        )

    def pack(self) -> dict[str, np.ndarray]:
        """Return named arrays."""
        named = {f.name: getattr(self, f.name) for f in fields(self)}
        return {**named, "clock": np.array([self.clock], np.int64)}

    @classmethod
    def unpack(cls, arrays: Mapping[str, np.ndarray]) -> Neurons:
        """Rebuild from `pack`."""
        values: dict[str, Any] = {f.name: arrays[f.name] for f in fields(cls)}
        return cls(**(values | {"clock": int(arrays["clock"][0])}))


def modes(histogram: np.ndarray) -> np.ndarray:
    """Return the label (N,) that each row of a histogram (N, L) holds most of, or `NOBODY`."""
    if not histogram.shape[1]:
        return np.full(len(histogram), NOBODY)
    return np.where(histogram.max(axis=1) > 0, histogram.argmax(axis=1), NOBODY)


def coefficients(context: int) -> np.ndarray:
    """Return alpha_0 to alpha_K, exp(-k) scaled to sum 1 (GDM, Eq. 1)."""
    alphas = np.exp(-np.arange(context + 1, dtype=np.float64))
    return alphas / alphas.sum()


def habituated(h: np.ndarray | float, tau: float, kappa: float = 1.05) -> np.ndarray | float:
    """Return h after one more step: h + tau (kappa (1 - h) - 1) (GDM, Eq. 6)."""
    return h + tau * (kappa * (1.0 - h) - 1.0)
