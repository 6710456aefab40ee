"""Recursive ridge regression on random ReLU features (ACIL)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.peers.peer import BLOCK, Peer, PeerModel, in_blocks, some_rows, widened
from cil_nodes.evaluation.peers.random_features import relu_features
from cil_nodes.evaluation.peers.ridge_head import (
    SHARPNESS,
    left_out_doubts,
    output_doubts,
    woodbury_step,
)
from cil_nodes.evaluation.peers.threshold import CALIBRATION_ROWS, calibrate, tally
from cil_nodes.learners.base import Knowledge, Learned, Phase, Reason
from cil_nodes.learners.ledger import Ledger


@dataclass(frozen=True)
class RecursiveModel(PeerModel):
    """The inverse autocorrelation and the weights, both brought up to date in every phase.

    Attributes
    ----------
    inverse : ndarray of shape (M, M)
        ``R = (H' H + gamma I)^-1`` over everything seen.
    weights : ndarray of shape (M, C)
    tallied : ndarray
        Doubts about held-out samples, counted.
    seed : int
        Of the random projection.
    """

    inverse: NDArray[np.float64]
    weights: NDArray[np.float64]
    tallied: NDArray[np.int64]
    seed: int


class RecursiveRidge(Peer):
    """ACIL: ridge regression on random ReLU features, solved recursively.

    Zhuang et al., ACIL: Analytic Class-Incremental Learning with Absolute Memorization and
    Privacy Protection, NeurIPS 2022, section 3 (Eq. 6, and theorem 1 with Eq. 10 and 11): ReLU of
    a random projection, then R and W updated by Woodbury's identity, so that any split into
    phases gives the joint solution. Buffer of 8,192 and gamma of 0.1 as in the authors' commands
    for CIFAR-100; on a frozen backbone, without their own base training. In float64: the
    recursion adds up its rounding.

    Parameters
    ----------
    width : int in [1, 65536]
        Buffer size M. Memory is ``8 M^2`` bytes, time ``2 n M^2`` multiplications for n samples.
    gamma : float in [1e-12, 1e12]
        Ridge strength, fixed for good, as a recursion needs.
    random_state : int
        Draws the projection.
    """

    method: ClassVar[str] = "acil"
    model_type: ClassVar[type[PeerModel]] = RecursiveModel
    for_learning: ClassVar[tuple[str, ...]] = ("inverse", "tallied")
    joins_exactly: ClassVar[bool] = True
    reason: ClassVar[Reason] = Reason.LOW_CONFIDENCE

    def __init__(self, width: int = 8192, gamma: float = 0.1, random_state: Any = 0) -> None:
        self.width = width
        self.gamma = gamma
        self.random_state = random_state

    def _features(self, X: np.ndarray, seed: int) -> NDArray[np.float64]:
        return relu_features(X, seed, self.width).astype(np.float64, copy=False)

    def _learn(
        self,
        known: Knowledge | None,
        ledger: Ledger,
        X: np.ndarray,
        positions: np.ndarray,
        phase: Phase,
    ) -> Learned:
        old: RecursiveModel | None = known.model if known else None
        classes = len(ledger.classes)
        # New classes are columns of zeros: nothing seen so far belonged to them.
        weights = widened(old.weights, classes, axis=1) if old else np.zeros((self.width, classes))
        inverse = old.inverse if old else np.eye(self.width) / self.gamma
        Y = np.eye(classes)[positions]
        for start in range(0, len(X), BLOCK):
            block = slice(start, start + BLOCK)
            H = self._features(X[block], ledger.seed)
            inverse, weights = woodbury_step(inverse, weights, H, Y[block])
            phase.report(0.9 * min(start + BLOCK, len(X)) / len(X), "recursion")
        some = some_rows(len(X), CALIBRATION_ROWS)
        H = self._features(X[some], ledger.seed)
        leverage = np.einsum("nm,nm->n", H @ inverse, H)
        doubts = left_out_doubts(H @ weights, leverage, positions[some])
        tallied = tally(doubts, old.tallied if old else None)
        model = RecursiveModel(inverse, weights, tallied, ledger.seed)
        return Learned(model, *calibrate(tallied, classes))

    def _judge(self, model: Any, X: np.ndarray) -> tuple[NDArray[np.floating], ...]:
        def judge(block: np.ndarray) -> tuple[NDArray[np.floating], ...]:
            outputs = relu_features(block, model.seed, self.width) @ model.weights
            return SHARPNESS * outputs, output_doubts(outputs)

        return in_blocks(judge, X)

    def _without(self, known: Knowledge, position: int, X: np.ndarray | None) -> Learned:
        """Drop the column; with its samples, take them out of R as Woodbury put them in."""
        old: RecursiveModel = known.model
        weights = np.delete(old.weights, position, axis=1)
        inverse = old.inverse
        if X is not None:
            H = self._features(X, old.seed)
            pulled = H @ inverse
            inner = np.eye(len(H)) - pulled @ H.T
            step = np.linalg.solve(inner, pulled)
            inverse = inverse + pulled.T @ step
            weights = weights + step.T @ (H @ weights)
        return Learned(
            RecursiveModel(inverse, weights, old.tallied, old.seed),
            known.threshold,
            known.calibrated,
        )
