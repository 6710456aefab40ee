"""Streaming linear discriminant analysis (Deep SLDA), and its base for other feature maps."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.peers.gaussian_head import (
    Discriminant,
    discriminant,
    doubts,
    left_out_distances,
    scores_and_distances,
)
from cil_nodes.evaluation.peers.peer import Peer, PeerModel, in_blocks, some_rows
from cil_nodes.evaluation.peers.random_features import precision
from cil_nodes.evaluation.peers.threshold import CALIBRATION_ROWS, calibrate, tally
from cil_nodes.learners.base import Knowledge, Learned, Phase
from cil_nodes.learners.ledger import Ledger
from cil_nodes.learners.oracil.sums import ClassSums


@dataclass(frozen=True)
class DiscriminantModel(PeerModel):
    """Sums over classes and what follows from them.

    Attributes
    ----------
    counts, totals, scatter : ndarrays of shape (C,), (C, D), (D, D)
        As in `ClassSums`.
    root, centre, directions, offsets : ndarrays
        As in `Discriminant`.
    tallied : ndarray
        Doubts about held-out samples, counted.
    seed : int
        Of random features, where the method has them.
    scale : float
        Of the feature map, where it has one.
    """

    counts: NDArray[np.float64]
    totals: NDArray[np.float64]
    scatter: NDArray[np.float64]
    root: NDArray[np.floating]
    centre: NDArray[np.float64]
    directions: NDArray[np.float64]
    offsets: NDArray[np.float64]
    tallied: NDArray[np.int64]
    seed: int
    scale: float

    @property
    def sums(self) -> ClassSums:
        """What learning builds on."""
        return ClassSums(self.counts, self.totals, self.scatter)

    @property
    def head(self) -> Discriminant:
        """What answers."""
        return Discriminant(self.root, self.centre, self.directions, self.offsets)


class DiscriminantPeer(Peer):
    """Base of LDA on some feature map; sums, so that phases in any order equal one fit."""

    model_type: ClassVar[type[PeerModel]] = DiscriminantModel
    for_learning: ClassVar[tuple[str, ...]] = ("counts", "totals", "scatter", "tallied")
    joins_exactly: ClassVar[bool] = True

    @abstractmethod
    def _covariance(self, sums: ClassSums) -> NDArray[np.float64]:
        """Return the regularised covariance (D, D), a new array."""

    def _scale(self, X: np.ndarray) -> float:
        """Return the scale of the feature map, from the first phase."""
        return 1.0

    def _mapped(self, X: np.ndarray, seed: int, scale: float) -> NDArray[np.floating]:
        """Return features (n, D) of X (n, d)."""
        return X

    def _learn(
        self,
        known: Knowledge | None,
        ledger: Ledger,
        X: np.ndarray,
        positions: np.ndarray,
        phase: Phase,
    ) -> Learned:
        old: DiscriminantModel | None = known.model if known else None
        scale = old.scale if old else self._scale(X)
        rows = self._mapped(X, ledger.seed, scale)
        phase.report(0.1, "summing")
        sums = old.sums if old else ClassSums.empty(rows.shape[1])
        sums = sums.learn(rows, positions, len(ledger.classes))
        phase.report(0.4, "solving")
        head = self._solve(sums)
        phase.report(0.9, "calibrating")
        some = some_rows(len(rows), CALIBRATION_ROWS)
        left_out = left_out_distances(head, rows[some], positions[some], sums.means, sums.counts)
        tallied = tally(doubts(left_out, rows.shape[1]), old.tallied if old else None)
        model = DiscriminantModel(
            sums.counts, sums.totals, sums.scatter, *head, tallied, ledger.seed, scale
        )
        return Learned(model, *calibrate(tallied, len(sums.counts)))

    def _solve(self, sums: ClassSums) -> Discriminant:
        dtype = precision(sums.totals.shape[1])
        return discriminant(sums.means, self._covariance(sums), dtype)

    def _judge(self, model: Any, X: np.ndarray) -> tuple[NDArray[np.floating], ...]:
        def judge(block: np.ndarray) -> tuple[NDArray[np.floating], ...]:
            rows = self._mapped(block, model.seed, model.scale)
            scores, distances = scores_and_distances(model.head, rows)
            return scores, doubts(distances, rows.shape[1])

        return in_blocks(judge, X)

    def _without(self, known: Knowledge, position: int, X: np.ndarray | None) -> Learned:
        old: DiscriminantModel = known.model
        rows = None if X is None else self._mapped(X, old.seed, old.scale)
        sums = old.sums.without(position, rows)
        model = DiscriminantModel(
            sums.counts,
            sums.totals,
            sums.scatter,
            *self._solve(sums),
            old.tallied,
            old.seed,
            old.scale,
        )
        return Learned(model, known.threshold, known.calibrated)


class StreamingLDA(DiscriminantPeer):
    """Deep SLDA: running class means and one running covariance, shrunk by a constant.

    Hayes and Kanan, Lifelong Machine Learning with Deep Streaming Linear Discriminant Analysis,
    CVPR Workshops 2020, section 3: ``w_c = L mu_c``, ``b_c = -mu_c' L mu_c / 2`` with
    ``L = ((1 - e) S + e I)^-1`` and ``e = 1e-4``, on features as they come. Two differences: the
    covariance is the exact within-class one (theirs weighs each update by the samples of all
    classes), and ``L`` is solved once a phase instead of once a sample. An unknown is what lies
    far from every class in Mahalanobis distance; the paper has none.

    Parameters
    ----------
    shrinkage : float in [1e-12, 1]
        e, the share of the identity in the covariance.
    random_state : int
        Not used: nothing is drawn.
    """

    method: ClassVar[str] = "slda"

    def __init__(self, shrinkage: float = 1e-4, random_state: Any = 0) -> None:
        self.shrinkage = shrinkage
        self.random_state = random_state

    def _covariance(self, sums: ClassSums) -> NDArray[np.float64]:
        covariance = (1.0 - self.shrinkage) / sums.samples * sums.scatter
        covariance[np.diag_indices_from(covariance)] += self.shrinkage
        return covariance
