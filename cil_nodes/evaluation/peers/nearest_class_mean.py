"""The nearest class mean under cosine similarity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from cil_nodes.evaluation.peers.threshold import calibrate
from cil_nodes.evaluation.protocols import unit_rows
from cil_nodes.learners.base import (
    IncrementalLearner,
    Knowledge,
    Learned,
    Phase,
    Reason,
    Scores,
    UnknownReason,
)
from cil_nodes.learners.ledger import Ledger


@dataclass(frozen=True)
class MeanModel:
    """Sums of unit-length samples and a sketch of held-out scores.

    Attributes
    ----------
    sums : ndarray of shape (C, d)
        Sum of each class's samples.
    counts : ndarray of shape (C,)
        Samples of each class.
    doubts : ndarray of shape (n,)
        For every sample learned, 1 minus the cosine to its own class mean without it.
    """

    sums: NDArray[np.float64]
    counts: NDArray[np.int64]
    doubts: NDArray[np.float64]


def _cosines(rows: NDArray[np.float64], sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cosine (n, C) of unit rows to each class mean."""
    return rows @ unit_rows(sums).T


class NearestClassMean(IncrementalLearner):
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
        rows, classes = unit_rows(X), len(ledger.classes)
        sums = np.zeros((classes, rows.shape[1]))
        counts = np.bincount(positions, minlength=classes)
        old_doubts = np.zeros(0)
        if known:
            sums[: len(known.model.sums)] = known.model.sums
            counts[: len(known.model.counts)] += known.model.counts
            old_doubts = known.model.doubts
        np.add.at(sums, positions, rows)
        phase.report(0.5, "means")
        without = unit_rows(sums[positions] - rows)
        doubts = 1.0 - np.clip(np.einsum("nd,nd->n", rows, without), 0.0, 1.0)
        model = MeanModel(sums, counts, np.concatenate([old_doubts, doubts]))
        return Learned(model, *calibrate(model.doubts, classes))

    def _score(self, known: Knowledge, X: np.ndarray) -> Scores:
        cosines = _cosines(unit_rows(X), known.model.sums)
        doubt = 1.0 - np.clip(cosines.max(axis=1), 0.0, 1.0)
        proba = softmax(cosines / self.temperature, axis=1)
        return Scores(
            proba, doubt, lambda: [UnknownReason(Reason.NOVELTY, float(d)) for d in doubt]
        )

    def _forget(
        self, known: Knowledge, ledger: Ledger, position: int, X: np.ndarray | None
    ) -> Learned:
        model: MeanModel = known.model
        sums = np.delete(model.sums, position, axis=0)
        kept = MeanModel(sums, np.delete(model.counts, position), model.doubts)
        return Learned(kept, known.threshold, known.calibrated)

    def _pack(self, model: Any, statistics: bool) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        doubts = model.doubts if statistics else model.doubts[:0]
        return {"sums": model.sums, "counts": model.counts, "doubts": doubts}, {}

    def _unpack(
        self, tensors: dict[str, np.ndarray], values: dict[str, Any], ledger: Ledger
    ) -> MeanModel:
        return MeanModel(tensors["sums"], tensors["counts"], tensors["doubts"])
