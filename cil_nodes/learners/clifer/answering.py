"""Answers of one memory: the nearest neuron's label, shares of activity, novelty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cil_nodes.learners.calibration import ScoreMap
from cil_nodes.learners.clifer.memory import squared_distances
from cil_nodes.learners.clifer.neurons import NOBODY, Neurons
from cil_nodes.learners.outcomes import Reason, UnknownReason

_TINY = 1e-9
_CONTESTED = 0.95


@dataclass(frozen=True)
class Prototypes:
    """What answering needs of a memory: labelled neurons.

    Attributes
    ----------
    weights : (N, d) float32
    labels : (N,) int64
        Position of each neuron's label.
    """

    weights: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, neurons: Neurons) -> Prototypes:
        """Take the neurons that have a label."""
        labels = neurons.labels
        there = labels != NOBODY
        return cls(neurons.weights[there], labels[there].astype(np.int64))

    @cached_property
    def _precise(self) -> np.ndarray:
        """(N, d) float64: distances are differences of large numbers."""
        return self.weights.astype(np.float64)

    @cached_property
    def _squares(self) -> np.ndarray:
        """(N,) squared lengths."""
        return np.einsum("nd,nd->n", self._precise, self._precise)

    def without_label(self, position: int) -> Prototypes:
        """Return the rest, with labels moved up."""
        keep = self.labels != position
        labels = self.labels[keep]
        return Prototypes(self.weights[keep], labels - (labels > position))

    def by_class(self, rows: np.ndarray, classes: int) -> np.ndarray:
        """Return the distance (n, C) from each row (n, d) to each class's nearest neuron.

        Infinite for classes that no neuron stands for.
        """
        exact = rows.astype(np.float64, copy=False)
        square = squared_distances(exact, self._precise, self._squares)
        nearest = np.full((classes, len(rows)), np.inf)
        np.minimum.at(nearest, self.labels, square.T)
        return np.sqrt(nearest.T)

    def means(self, classes: int) -> dict[int, np.ndarray]:
        """Return the mean neuron (d,) of each class that has one."""
        return {
            c: self._precise[self.labels == c].mean(axis=0)
            for c in range(classes)
            if (self.labels == c).any()
        }

    def pack(self) -> dict[str, np.ndarray]:
        """Return named arrays."""
        return {"weights": self.weights, "labels": self.labels}

    @classmethod
    def unpack(cls, arrays: Mapping[str, np.ndarray]) -> Prototypes:
        """Rebuild from `pack`."""
        return cls(arrays["weights"], arrays["labels"])


def contest(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the winner's distance (n,) and its ratio to the nearest other label's (n,).

    The ratio is 1 where only one class is known: nothing then speaks for the winner.
    """
    if distances.shape[1] < 2:
        return distances[:, 0], np.ones(len(distances))
    two = np.partition(distances, 1, axis=1)[:, :2]
    first, second = two[:, 0], two[:, 1]
    with np.errstate(invalid="ignore"):
        ratio = np.where(np.isfinite(second), first / np.maximum(second, _TINY), 1.0)
    return first, ratio


def novelty(distances: np.ndarray) -> np.ndarray:
    """Return how little (n,) the memory knows of rows with these distances (n, C).

    -log of the winner's activity exp(-d), which is d, times the ratio to the nearest neuron with
    another label: a winner far away, or one whose rival is as near, both speak for "unknown".
    """
    first, ratio = contest(distances)
    return first * ratio


def shares(distances: np.ndarray, sharpness: float) -> np.ndarray:
    """Return probabilities (n, C): activities exp(-d) raised to ``sharpness``, of sum 1."""
    finite = np.isfinite(distances)
    if not finite.any():
        return np.full(distances.shape, 1.0 / distances.shape[1])
    nearest = distances.min(axis=1, keepdims=True)
    proba = np.exp(-sharpness * np.where(finite, distances - nearest, np.inf))
    return proba / proba.sum(axis=1, keepdims=True)


def reasons(distances: np.ndarray, score_map: ScoreMap, classes: np.ndarray) -> list[UnknownReason]:
    """Say what speaks most for "unknown", one reason a row of distances (n, C)."""
    first, ratio = contest(distances)
    order = np.argsort(distances, axis=1, kind="stable")[:, :2]
    far = score_map(first)
    told = []
    for i in range(len(distances)):
        if not np.isfinite(first[i]):
            told.append(UnknownReason(Reason.NO_CLASSES))
        elif ratio[i] > _CONTESTED and distances.shape[1] > 1:
            both = tuple(classes[order[i]].tolist())
            apart = float(np.clip(ratio[i], 0, 1))
            told.append(
                UnknownReason(
                    Reason.DISAGREEMENT,
                    float(far[i]),
                    router_disagreement=apart,
                    claimants=both,
                )
            )
        else:
            told.append(UnknownReason(Reason.NOVELTY, float(far[i])))
    return told
