"""Analytic contrastive projection before an analytic head (AnaCP)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.peers.peer import Peer, PeerModel, in_blocks, widened
from cil_nodes.evaluation.peers.random_features import gelu_features, precision
from cil_nodes.evaluation.peers.ridge_head import SHARPNESS, factorised, output_doubts, solved
from cil_nodes.evaluation.peers.threshold import calibrate, tally
from cil_nodes.evaluation.protocols import unit_rows
from cil_nodes.learners.base import Knowledge, Learned, Phase, Reason
from cil_nodes.learners.ledger import Ledger
from cil_nodes.learners.oracil.sums import ClassSums

FRESH = 20
"""Pseudo-samples a class, drawn for the threshold alone."""


@dataclass(frozen=True)
class ProjectionModel(PeerModel):
    """Sums, the projections solved from them, and the head behind.

    Attributes
    ----------
    counts, totals, scatter : ndarrays of shape (C,), (C, d), (d, d)
        As in `ClassSums`, of unit features.
    grams : ndarray of shape (k, D, D)
        ``Z' Z`` of each projection's random features.
    sums : ndarray of shape (k, C, D)
        Sum of Z over each class.
    projections : ndarray of shape (k, D, d)
        Solved from ``grams`` and ``sums``.
    weights : ndarray of shape (D, C)
        Of the head.
    seed : int
        Of all random features.
    """

    counts: NDArray[np.float64]
    totals: NDArray[np.float64]
    scatter: NDArray[np.float64]
    grams: NDArray[np.floating]
    sums: NDArray[np.floating]
    projections: NDArray[np.floating]
    weights: NDArray[np.floating]
    seed: int

    @property
    def class_sums(self) -> ClassSums:
        """Sums of unit features."""
        return ClassSums(self.counts, self.totals, self.scatter)


def spread_means(
    means: NDArray[np.float64], covariance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return targets (C, d) of length 1: class means pushed apart in the whitened space.

    With ``V = S^-1/2`` and the centred means ``M V = U s W'``, the singular values are raised by
    1 and the result taken through V once more: ``U (s + 1) W' V + centre`` (section 4.2 and the
    authors' code).
    """
    values, vectors = np.linalg.eigh(covariance)
    whitener = (vectors / np.sqrt(np.maximum(values, 0.0) + 1e-8)) @ vectors.T
    centre = means.mean(axis=0)
    U, s, Wt = np.linalg.svd((means - centre) @ whitener, full_matrices=False)
    # A direction without spread is rounding, not a difference between classes.
    raised = np.where(s > 1e-9 * max(s[0], 1e-300), s + 1.0, 0.0)
    return unit_rows((U * raised) @ Wt @ whitener + centre)


class AnaCP(Peer):
    """AnaCP: features adapted in closed form, then a ridge head on pseudo-samples.

    Momeni, Xiao and Liu, AnaCP: Toward Upper-Bound Continual Learning via Analytic Contrastive
    Projection, NeurIPS 2025 (arXiv 2511.13880), section 4, without their first-session training
    of the backbone. Random GELU features of unit vectors are regressed on targets of the size of
    a feature: class means pushed apart. The mean of k such projections goes through random GELU
    features again into a ridge head on one-hot labels, refitted in each phase on pseudo-samples
    drawn from Gaussians with the class means and one covariance. D = 5,000, k = 3, strength 100
    and 100 pseudo-samples a class as in the authors' scripts; the covariance is exact here (their
    update weighs the newest phase twice), with their 1e-4 on its diagonal thinning out alike.

    The threshold for unknowns comes from further pseudo-samples, which nothing is fitted to.

    Parameters
    ----------
    width : int in [1, 65536]
        D, the number of random features in both layers.
    ridge : float in [1e-12, 1e12]
        Strength in both layers.
    heads : int in [1, 100]
        k, projections averaged.
    drawn : int in [1, 100000]
        Pseudo-samples a class.
    random_state : int
        Draws random features and pseudo-samples.
    """

    method: ClassVar[str] = "anacp"
    model_type: ClassVar[type[PeerModel]] = ProjectionModel
    for_learning: ClassVar[tuple[str, ...]] = ("counts", "totals", "scatter", "grams", "sums")
    reason: ClassVar[Reason] = Reason.LOW_CONFIDENCE

    def __init__(
        self,
        width: int = 5000,
        ridge: float = 100.0,
        heads: int = 3,
        drawn: int = 100,
        random_state: Any = 0,
    ) -> None:
        self.width = width
        self.ridge = ridge
        self.heads = heads
        self.drawn = drawn
        self.random_state = random_state

    def _learn(
        self,
        known: Knowledge | None,
        ledger: Ledger,
        X: np.ndarray,
        positions: np.ndarray,
        phase: Phase,
    ) -> Learned:
        old: ProjectionModel | None = known.model if known else None
        rows, classes = unit_rows(X), len(ledger.classes)
        sums = old.class_sums if old else ClassSums.empty(X.shape[1])
        sums = sums.learn(rows, positions, classes)
        grams, totals = self._summed(old, rows, positions, classes, ledger.seed, phase)
        phase.report(0.4, "projecting")
        return self._solved(sums, grams, totals, ledger, phase.part(0.4, 1.0))

    def _summed(
        self,
        old: ProjectionModel | None,
        rows: NDArray[np.float64],
        positions: NDArray[np.int64],
        classes: int,
        seed: int,
        phase: Phase,
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return the sums of every projection's random features with the new rows."""
        dtype = precision(max(self.width, rows.shape[1]))
        grams = np.empty((self.heads, self.width, self.width), dtype)
        sums = np.empty((self.heads, classes, self.width), dtype)
        members = np.eye(classes, dtype=dtype)[positions]
        for k in range(self.heads):
            phase.report(0.4 * k / self.heads, "summing")
            Z = gelu_features(rows, seed + k, self.width)
            np.matmul(Z.T, Z, out=grams[k])
            np.matmul(members.T, Z, out=sums[k])
            if old:
                grams[k] += old.grams[k]
                sums[k] += widened(old.sums[k], classes)
        return grams, sums

    def _solved(
        self,
        sums: ClassSums,
        grams: NDArray[np.floating],
        totals: NDArray[np.floating],
        ledger: Ledger,
        phase: Phase,
    ) -> Learned:
        """Solve the projections, draw pseudo-samples through them, solve the head."""
        covariance = sums.scatter / sums.samples
        covariance[np.diag_indices_from(covariance)] += 1e-4 / max(ledger.lessons, 1)
        targets = spread_means(sums.means, covariance).astype(grams.dtype)
        projections = np.empty((self.heads, self.width, targets.shape[1]), grams.dtype)
        for k in range(self.heads):
            phase.report(0.5 * k / self.heads, "projecting")
            projections[k] = solved(factorised(grams[k], self.ridge), totals[k].T @ targets)
        phase.report(0.5, "drawing pseudo-samples")
        root = np.linalg.cholesky(covariance)
        rng = np.random.default_rng(ledger.seeds())
        drawn, truth = _drawn(sums.means, root, self.drawn, rng)
        H = self._features(drawn, projections, ledger.seed)
        Y = np.eye(len(sums.means), dtype=H.dtype)[truth]
        weights = solved(factorised(H.T @ H, self.ridge), H.T @ Y)
        phase.report(0.9, "calibrating")
        fresh, _ = _drawn(sums.means, root, FRESH, rng)
        outputs = self._features(fresh, projections, ledger.seed) @ weights
        model = ProjectionModel(
            sums.counts, sums.totals, sums.scatter, grams, totals, projections, weights, ledger.seed
        )
        # Gaussians of single samples would make any threshold look well founded.
        usable = len(sums.means) if sums.counts.min() >= 5 else 0
        return Learned(model, *calibrate(tally(output_doubts(outputs)), usable))

    def _features(
        self, rows: NDArray[np.floating], projections: NDArray[np.floating], seed: int
    ) -> NDArray[np.floating]:
        """Return features (n, D) of unit rows (n, d) behind the projections."""
        projected = np.zeros(rows.shape)
        for k in range(self.heads):
            projected += unit_rows(gelu_features(rows, seed + k, self.width) @ projections[k])
        return gelu_features(projected / self.heads, seed + self.heads, self.width)

    def _judge(self, model: Any, X: np.ndarray) -> tuple[NDArray[np.floating], ...]:
        def judge(block: np.ndarray) -> tuple[NDArray[np.floating], ...]:
            outputs = self._features(unit_rows(block), model.projections, model.seed)
            outputs = outputs @ model.weights
            return SHARPNESS * outputs, output_doubts(outputs)

        return in_blocks(judge, X)

    def _without(self, known: Knowledge, position: int, X: np.ndarray | None) -> Learned:
        old: ProjectionModel = known.model
        rows = None if X is None else unit_rows(X)
        sums = old.class_sums.without(position, rows)
        grams = old.grams
        if rows is not None:
            grams = grams.copy()
            for k in range(self.heads):
                Z = gelu_features(rows, old.seed + k, self.width)
                grams[k] -= Z.T @ Z
        totals = np.delete(old.sums, position, axis=1)
        return self._solved(sums, grams, totals, known.ledger, Phase())


def _drawn(
    means: NDArray[np.float64], root: NDArray[np.floating], each: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Draw ``each`` samples a class from Gaussians with these means and covariance L L'."""
    truth = np.repeat(np.arange(len(means)), each)
    return means[truth] + rng.standard_normal((len(truth), len(root))) @ root.T, truth
