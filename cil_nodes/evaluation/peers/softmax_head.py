"""A linear softmax head trained by stochastic gradient descent, in NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from cil_nodes.evaluation.peers.peer import widened
from cil_nodes.evaluation.protocols import unit_rows
from cil_nodes.learners.base import Phase

SCALE = 10.0
"""Length of the inputs: features scaled to length 1 alone give gradients too small to train."""


class Head(NamedTuple):
    """Weights (d, C) and biases (C,)."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    @classmethod
    def of(cls, dimension: int, classes: int) -> Head:
        """Return a head of zeros."""
        return cls(np.zeros((dimension, classes), np.float32), np.zeros(classes, np.float32))

    def grown(self, classes: int) -> Head:
        """Append columns of zeros."""
        return Head(widened(self.weights, classes, axis=1), widened(self.bias, classes))

    def logits(self, rows: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return logits (n, C) of prepared rows (n, d)."""
        return rows.astype(np.float64) @ self.weights.astype(np.float64) + self.bias

    def without(self, position: int) -> Head:
        """Drop a column."""
        return Head(np.delete(self.weights, position, axis=1), np.delete(self.bias, position))


class Samples(Protocol):
    """What is trained on: may make rows up when they are asked for."""

    def __len__(self) -> int: ...

    def rows(self, chosen: NDArray[np.int64]) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
        """Return prepared rows (k, d) and their classes (k,)."""
        ...


@dataclass(frozen=True)
class Stored:
    """Samples that are simply there."""

    X: NDArray[np.floating]
    positions: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.positions)

    def rows(self, chosen: NDArray[np.int64]) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
        """Return rows and classes."""
        return self.X[chosen], self.positions[chosen]


@dataclass(frozen=True)
class Schedule:
    """How to train.

    Attributes
    ----------
    epochs : int
    rate : float
        Learning rate at the start; it falls to 0 along a cosine.
    batch : int
    momentum, decay : float
        Nesterov's momentum is not used; ``decay`` is on the weights alone.
    """

    epochs: int
    rate: float
    batch: int = 128
    momentum: float = 0.9
    decay: float = 5e-4


def prepared(X: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scale rows of X (n, d) to the length that training is set up for."""
    return (SCALE * unit_rows(X)).astype(np.float32)


def doubts(logits: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return 1 minus the largest softmax (n,)."""
    return 1.0 - softmax(logits, axis=1).max(axis=1)


def trained(
    head: Head, samples: Samples, schedule: Schedule, rng: np.random.Generator, phase: Phase
) -> tuple[Head, tuple[float, ...]]:
    """Minimise the cross-entropy from a given head.

    Returns
    -------
    head : Head
    losses : tuple of float
        Mean loss of each epoch.
    """
    weights, bias = head.weights.copy(), head.bias.copy()
    speed_w, speed_b = np.zeros_like(weights), np.zeros_like(bias)
    losses = []
    steps = schedule.epochs * max(1, -(-len(samples) // schedule.batch))
    step = 0
    for epoch in range(schedule.epochs):
        phase.report(epoch / schedule.epochs, "training")
        order, total = rng.permutation(len(samples)), 0.0
        for start in range(0, len(order), schedule.batch):
            X, y = samples.rows(order[start : start + schedule.batch])
            error, loss = _error(X @ weights + bias, y)
            total += loss
            rate = np.float32(0.5 * schedule.rate * (1.0 + np.cos(np.pi * step / steps)))
            speed_w *= np.float32(schedule.momentum)
            speed_w += X.T @ error + np.float32(schedule.decay) * weights
            speed_b *= np.float32(schedule.momentum)
            speed_b += error.sum(axis=0)
            weights -= rate * speed_w
            bias -= rate * speed_b
            step += 1
            if step % 32 == 0:
                phase.check()
        losses.append(total / len(order))
    return Head(weights, bias), tuple(losses)


def _error(logits: NDArray[np.floating], y: NDArray[np.int64]) -> tuple[NDArray[np.float32], float]:
    """Return the gradient (n, C) of the mean cross-entropy, and the summed loss."""
    proba = softmax(logits, axis=1).astype(np.float32)
    rows = np.arange(len(y))
    loss = -float(np.log(np.maximum(proba[rows, y], 1e-12)).sum())
    proba[rows, y] -= 1.0
    return proba / np.float32(len(y)), loss
