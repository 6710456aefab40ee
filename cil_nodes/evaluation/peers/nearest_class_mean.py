"""The nearest class mean under cosine similarity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.peers.peer import Peer, PeerModel, widened
from cil_nodes.evaluation.peers.threshold import calibrate, tally
from cil_nodes.evaluation.protocols import unit_rows
from cil_nodes.learners.base import Knowledge, Learned, Phase
from cil_nodes.learners.ledger import Ledger


@dataclass(frozen=True)
class MeanModel(PeerModel):
    """Sums of unit-length samples.

    Attributes
    ----------
    sums : ndarray of shape (C, d)
        Sum of each class's samples.
    tallied : ndarray
        For every sample learned, 1 minus the cosine to its own class mean without it, counted.
    """

    sums: NDArray[np.float64]
    tallied: NDArray[np.int64]


class NearestClassMean(Peer):
    """Nearest class mean: one mean a class, of features scaled to length 1.

    Rebuffi et al., iCaRL, CVPR 2017, section 2.1, on frozen features and without exemplars; the
    head of SimpleCIL. Means do not depend on the order of phases; the threshold for unknowns does,
    since no sample is kept: each one's score is that of the means of its own phase.

    Parameters
    ----------
    temperature : float in [0.001, 1]
        Divides the cosines before the softmax of `predict_proba`.
    random_state : int
        Not used: nothing is drawn.
    """

    method: ClassVar[str] = "nearest_class_mean"
    model_type: ClassVar[type[PeerModel]] = MeanModel
    for_learning: ClassVar[tuple[str, ...]] = ("tallied",)
    joins_exactly: ClassVar[bool] = True

    def __init__(self, temperature: float = 0.05, random_state: Any = 0) -> None:
        self.temperature = temperature
        self.random_state = random_state

    def _learn(
        self,
        known: Knowledge | None,
        ledger: Ledger,
        X: np.ndarray,
        positions: np.ndarray,
        phase: Phase,
    ) -> Learned:
        old: MeanModel | None = known.model if known else None
        rows, classes = unit_rows(X), len(ledger.classes)
        sums = np.zeros((classes, rows.shape[1]))
        np.add.at(sums, positions, rows)
        if old:
            sums += widened(old.sums, classes)
        phase.report(0.5, "means")
        without = unit_rows(sums[positions] - rows)
        doubts = 1.0 - np.clip(np.einsum("nd,nd->n", rows, without), 0.0, 1.0)
        tallied = tally(doubts, old.tallied if old else None)
        return Learned(MeanModel(sums, tallied), *calibrate(tallied, classes))

    def _judge(self, model: Any, X: np.ndarray) -> tuple[NDArray[np.floating], ...]:
        cosines = unit_rows(X) @ unit_rows(model.sums).T
        return cosines / self.temperature, 1.0 - np.clip(cosines.max(axis=1), 0.0, 1.0)

    def _without(self, known: Knowledge, position: int, X: np.ndarray | None) -> Learned:
        sums = np.delete(known.model.sums, position, axis=0)
        model = MeanModel(sums, known.model.tallied)
        return Learned(model, known.threshold, known.calibrated)
