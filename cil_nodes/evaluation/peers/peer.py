"""What all peers share: answers from class scores, an empty model, files."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from cil_nodes.evaluation.peers.threshold import PRIOR
from cil_nodes.learners.base import (
    IncrementalLearner,
    Knowledge,
    Learned,
    Reason,
    Scores,
    UnknownReason,
)
from cil_nodes.learners.ledger import Ledger

BLOCK = 1024
"""Rows that are worked on at once, where a row becomes very wide."""


class PeerModel:
    """Base of the models, which are flat frozen dataclasses of arrays and plain values."""

    def __post_init__(self) -> None:
        """Lay out arrays as a file does, so that a loaded peer answers to the bit the same."""
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, field.name, np.ascontiguousarray(value))


class Peer(IncrementalLearner):
    """Base of the peers: a subclass writes `_learn`, `_judge` and `_without`.

    Its model is a `PeerModel`, or None where nothing is known; ``model_type`` names its class,
    ``for_learning`` those of its arrays that answering does not need.
    """

    model_type: ClassVar[type[PeerModel]]
    for_learning: ClassVar[tuple[str, ...]] = ()
    reason: ClassVar[Reason] = Reason.NOVELTY

    @abstractmethod
    def _judge(self, model: Any, X: np.ndarray) -> tuple[NDArray[np.floating], ...]:
        """Return log-scores (n, C), larger is likelier, and doubts (n,) in [0, 1]."""

    @abstractmethod
    def _without(self, known: Knowledge, position: int, X: np.ndarray | None) -> Learned:
        """Drop the class at ``position``; at least one other remains."""

    def _score(self, known: Knowledge, X: np.ndarray) -> Scores:
        scores, doubt = self._judge(known.model, X)
        proba = softmax(scores.astype(np.float64), axis=1)
        code = self.reason
        return Scores(proba, doubt, lambda: [UnknownReason(code, float(d)) for d in doubt])

    def _forget(
        self, known: Knowledge, ledger: Ledger, position: int, X: np.ndarray | None
    ) -> Learned:
        if not len(ledger.classes):
            return Learned(None, PRIOR, False)
        return self._without(known, position, X)

    def _pack(self, model: Any, statistics: bool) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        tensors: dict[str, np.ndarray] = {}
        values: dict[str, Any] = {}
        for field in dataclasses.fields(model) if model is not None else ():
            value = getattr(model, field.name)
            if not isinstance(value, np.ndarray):
                values[field.name] = value
            elif statistics or field.name not in self.for_learning:
                tensors[field.name] = value
        return tensors, values

    def _unpack(
        self, tensors: dict[str, np.ndarray], values: dict[str, Any], ledger: Ledger
    ) -> Any:
        if not tensors:
            return None
        nothing = dict.fromkeys(self.for_learning, np.zeros(0))
        return self.model_type(**{**nothing, **tensors, **values})


def in_blocks(
    judge: Callable[[np.ndarray], tuple[NDArray[np.floating], ...]], X: np.ndarray
) -> tuple[NDArray[np.floating], ...]:
    """Call ``judge`` on blocks of rows of X (n, d) and stack each of its results."""
    blocks = [judge(X[start : start + BLOCK]) for start in range(0, len(X), BLOCK)]
    return tuple(np.concatenate(parts) for parts in zip(*blocks, strict=True))


def widened(array: NDArray[Any], classes: int, axis: int = 0) -> NDArray[Any]:
    """Append zeros for classes met for the first time."""
    missing = classes - array.shape[axis]
    if not missing:
        return array
    pads = [(0, missing if i == axis else 0) for i in range(array.ndim)]
    return np.pad(array, pads)


def some_rows(n: int, most: int) -> NDArray[np.int64]:
    """Return at most ``most`` of n row numbers, evenly spread."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))


def held_out(positions: NDArray[np.int64], every: int = 5) -> NDArray[np.bool_]:
    """Return a mask (n,) of every ``every``-th sample of each class, from that many on."""
    held = np.zeros(len(positions), dtype=bool)
    for position in np.unique(positions):
        held[np.flatnonzero(positions == position)[every - 1 :: every]] = True
    return held
