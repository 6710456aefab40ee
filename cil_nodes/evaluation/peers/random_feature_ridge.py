"""Ridge regression on random ReLU features from sums (RanPAC)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.peers.peer import BLOCK, Peer, PeerModel, in_blocks, some_rows, widened
from cil_nodes.evaluation.peers.random_features import relu_features
from cil_nodes.evaluation.peers.ridge_head import (
    RIDGES,
    SHARPNESS,
    Factor,
    factorised,
    hold_out_ridge,
    left_out_doubts,
    leverages,
    output_doubts,
    solved,
)
from cil_nodes.evaluation.peers.threshold import CALIBRATION_ROWS, calibrate, tally
from cil_nodes.learners.base import Knowledge, Learned, Phase, Reason
from cil_nodes.learners.ledger import Ledger


@dataclass(frozen=True)
class GramModel(PeerModel):
    """Sums over random features and the weights solved from them.

    Attributes
    ----------
    gram : ndarray of shape (M, M)
        ``H' H``.
    moments : ndarray of shape (M, C)
        ``H' Y``.
    weights : ndarray of shape (M, C)
    tallied : ndarray
        Doubts about held-out samples, counted.
    ridge : float
        Strength in use.
    seed : int
        Of the random projection.
    """

    gram: NDArray[np.floating]
    moments: NDArray[np.floating]
    weights: NDArray[np.floating]
    tallied: NDArray[np.int64]
    ridge: float
    seed: int


class RandomFeatureRidge(Peer):
    """RanPAC: class prototypes decorrelated by a ridge on random ReLU features.

    McDonnell et al., RanPAC: Random Projections and Pre-trained Models for Continual Learning,
    NeurIPS 2023, section 4 (Eq. 5 to 7) on a frozen backbone, without its first-session adapters:
    ``W = (G + r I)^-1 C`` with ``G = sum h h'``, ``C = sum h y'``, ``h = max(W_rand' f, 0)``,
    standard normal W_rand, M = 10,000. The ridge is chosen in every phase from 1e-8 to 1e8 by the
    squared error on a fifth of that phase alone (algorithm 1), as in the paper. Samples are
    shuffled for that; G is kept in float32 from M = 2,048 on, as in the authors' code.

    Parameters
    ----------
    width : int in [1, 65536]
        M, the number of random features. Memory is ``4 M^2`` bytes, time ``M^3 / 3`` a phase.
    ridge : float or "auto"
        Strength; "auto" chooses it as the paper does.
    random_state : int
        Draws the projection, and the fifth held out.
    """

    method: ClassVar[str] = "ranpac"
    model_type: ClassVar[type[PeerModel]] = GramModel
    for_learning: ClassVar[tuple[str, ...]] = ("gram", "moments", "tallied")
    reason: ClassVar[Reason] = Reason.LOW_CONFIDENCE

    def __init__(
        self, width: int = 10_000, ridge: float | str = "auto", random_state: Any = 0
    ) -> None:
        self.width = width
        self.ridge = ridge
        self.random_state = random_state

    def _learn(
        self,
        known: Knowledge | None,
        ledger: Ledger,
        X: np.ndarray,
        positions: np.ndarray,
        phase: Phase,
    ) -> Learned:
        old: GramModel | None = known.model if known else None
        H = relu_features(X, ledger.seed, self.width)
        Y = np.eye(len(ledger.classes), dtype=H.dtype)[positions]
        phase.report(0.1, "choosing the ridge")
        ridge = self._chosen(H, Y, ledger, old.ridge if old else 1.0)
        gram, moments = self._summed(old, H, Y, phase.part(0.2, 0.6))
        factor = factorised(gram, ridge)
        phase.report(0.9, "calibrating")
        weights = solved(factor, moments).astype(H.dtype)
        tallied = self._tallied(old, H, positions, weights, factor)
        model = GramModel(gram, moments, weights, tallied, ridge, ledger.seed)
        return Learned(model, *calibrate(tallied, Y.shape[1]), notes={"ridge": ridge})

    def _chosen(
        self, H: NDArray[np.floating], Y: NDArray[np.floating], ledger: Ledger, last: float
    ) -> float:
        """Return the ridge; the last one where a phase is too small to hold anything out."""
        if self.ridge != "auto":
            return float(self.ridge)
        fit = int(0.8 * len(H))
        if not 0 < fit < len(H):
            return last
        order = np.random.default_rng(ledger.seeds()).permutation(len(H))
        return hold_out_ridge(H[order], Y[order], RIDGES, fit)

    def _summed(
        self,
        old: GramModel | None,
        H: NDArray[np.floating],
        Y: NDArray[np.floating],
        phase: Phase,
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return both sums with the new rows."""
        phase.report(0.0, "summing")
        M, classes = H.shape[1], Y.shape[1]
        gram = old.gram.copy() if old else np.zeros((M, M), H.dtype)
        for start in range(0, len(H), BLOCK):
            block = H[start : start + BLOCK]
            gram += block.T @ block
            phase.report(min(start + BLOCK, len(H)) / len(H), "summing")
        moments = H.T @ Y
        if old:
            moments += widened(old.moments, classes, axis=1)
        return gram, moments

    def _tallied(
        self,
        old: GramModel | None,
        H: NDArray[np.floating],
        positions: NDArray[np.int64],
        weights: NDArray[np.floating],
        factor: Factor,
    ) -> NDArray[np.int64]:
        some = some_rows(len(H), CALIBRATION_ROWS)
        doubts = left_out_doubts(H[some] @ weights, leverages(factor, H[some]), positions[some])
        return tally(doubts, old.tallied if old else None)

    def _judge(self, model: Any, X: np.ndarray) -> tuple[NDArray[np.floating], ...]:
        def judge(block: np.ndarray) -> tuple[NDArray[np.floating], ...]:
            outputs = relu_features(block, model.seed, self.width) @ model.weights
            return SHARPNESS * outputs, output_doubts(outputs)

        return in_blocks(judge, X)

    def _without(self, known: Knowledge, position: int, X: np.ndarray | None) -> Learned:
        old: GramModel = known.model
        gram = old.gram
        if X is not None:
            H = relu_features(X, old.seed, self.width)
            gram = gram - H.T @ H
        moments = np.delete(old.moments, position, axis=1)
        weights = solved(factorised(gram, old.ridge), moments).astype(moments.dtype)
        model = GramModel(gram, moments, weights, old.tallied, old.ridge, old.seed)
        return Learned(model, known.threshold, known.calibrated)
