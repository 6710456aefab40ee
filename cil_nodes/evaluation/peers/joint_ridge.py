"""Ridge regression on one-hot labels over everything seen so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.peers.peer import Peer, PeerModel
from cil_nodes.evaluation.peers.ridge_head import SHARPNESS, output_doubts
from cil_nodes.evaluation.peers.threshold import calibrate, tally
from cil_nodes.evaluation.protocols import unit_rows
from cil_nodes.learners.base import Knowledge, Learned, Phase, Reason
from cil_nodes.learners.ledger import Ledger

STRENGTHS = tuple(float(value) for value in np.logspace(-6, 3, 37))


@dataclass(frozen=True)
class RidgeModel(PeerModel):
    """Samples kept and the weights solved from them.

    Attributes
    ----------
    X : ndarray of shape (n, d)
        Every sample, scaled to length 1.
    y : ndarray of shape (n,)
        Positions of their classes.
    mean : ndarray of shape (d,)
        Mean sample.
    weights : ndarray of shape (d, C)
        Ridge solution on centred samples.
    bias : ndarray of shape (C,)
        Mean one-hot label.
    strength : float
        Ridge strength in use.
    """

    X: NDArray[np.float64]
    y: NDArray[np.int64]
    mean: NDArray[np.float64]
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    strength: float


@dataclass(frozen=True)
class RidgePath:
    """One decomposition, from which the solution for every strength follows.

    ``X = U diag(s) V'`` with X centred; the fit at strength l is ``U diag(s^2 / (s^2 + l)) U' Y``
    (Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, Eq. 3.47).
    """

    U: NDArray[np.float64]
    s: NDArray[np.float64]
    Vt: NDArray[np.float64]
    Y: NDArray[np.float64]

    @classmethod
    def of(cls, X: NDArray[np.float64], Y: NDArray[np.float64]) -> RidgePath:
        """Decompose centred samples X (n, d) and centred targets Y (n, C)."""
        # The smaller Gram matrix: half the cost of an SVD and accurate enough beside a ridge.
        if len(X) > X.shape[1]:
            values, V = np.linalg.eigh(X.T @ X)
            s = np.sqrt(np.clip(values, 0.0, None))
            kept = s > 1e-8 * max(s[-1], 1e-300)
            return cls((X @ V[:, kept]) / s[kept], s[kept], V[:, kept].T, Y)
        values, U = np.linalg.eigh(X @ X.T)
        s = np.sqrt(np.clip(values, 0.0, None))
        kept = s > 1e-8 * max(s[-1], 1e-300)
        return cls(U[:, kept], s[kept], (X.T @ U[:, kept] / s[kept]).T, Y)

    def weights(self, strength: float) -> NDArray[np.float64]:
        """Solve for the weights (d, C) at one strength."""
        return self.Vt.T @ ((self.s / (self.s**2 + strength))[:, None] * (self.U.T @ self.Y))

    def left_out(self, strength: float) -> NDArray[np.float64]:
        """Fit (n, C) of each sample by the model without it.

        ``y - (y - f) / (1 - h)`` with h the diagonal of the hat matrix, one more ``1 / n`` for
        the mean (Allen's PRESS, Technometrics 1974).
        """
        shrink = self.s**2 / (self.s**2 + strength)
        fitted = self.U @ (shrink[:, None] * (self.U.T @ self.Y))
        leverage = (self.U**2) @ shrink + 1.0 / len(self.Y)
        return self.Y - (self.Y - fitted) / np.clip(1.0 - leverage, 1e-9, None)[:, None]

    def gcv(self, strength: float) -> float:
        """Generalised cross-validation (Golub, Heath and Wahba, Technometrics 1979); lower wins.

        ``(1 / n) |Y - F|^2 / (1 - tr(H) / n)^2``.
        """
        n = len(self.Y)
        shrink = self.s**2 / (self.s**2 + strength)
        fitted = self.U @ (shrink[:, None] * (self.U.T @ self.Y))
        freedom = 1.0 - (shrink.sum() + 1.0) / n
        return float(np.sum((self.Y - fitted) ** 2) / n / max(freedom, 1e-9) ** 2)


class JointRidge(Peer):
    """Joint ridge: keeps every sample and solves anew in each phase.

    What any analytic incremental head can at most equal. Samples are scaled to length 1 and
    centred; the strength is chosen on what was learned, by generalised cross-validation, never on
    test data.

    Parameters
    ----------
    strength : float or None
        Ridge strength; None chooses by generalised cross-validation in every phase.
    random_state : int
        Not used: nothing is drawn.
    """

    method: ClassVar[str] = "joint_ridge"
    model_type: ClassVar[type[PeerModel]] = RidgeModel
    for_learning: ClassVar[tuple[str, ...]] = ("X", "y")
    reason: ClassVar[Reason] = Reason.LOW_CONFIDENCE
    _skip_checks: ClassVar[dict[str, str]] = {
        "check_memory_is_bounded": "it keeps every sample: that is what makes it the ceiling",
    }
    joins_exactly: ClassVar[bool] = True

    def __init__(self, strength: float | None = None, random_state: Any = 0) -> None:
        self.strength = strength
        self.random_state = random_state

    def _learn(
        self,
        known: Knowledge | None,
        ledger: Ledger,
        X: np.ndarray,
        positions: np.ndarray,
        phase: Phase,
    ) -> Learned:
        old = known.model if known else None
        rows = unit_rows(X)
        X_all = np.vstack([old.X, rows]) if old else rows
        y_all = np.concatenate([old.y, positions]) if old else positions
        phase.report(0.1, "solving")
        return self._solve(X_all, y_all, len(ledger.classes))

    def _solve(self, X: NDArray[np.float64], y: NDArray[np.int64], classes: int) -> Learned:
        mean, Y = X.mean(axis=0), np.eye(classes)[y]
        bias = Y.mean(axis=0)
        path = RidgePath.of(X - mean, Y - bias)
        strength = self.strength
        if strength is None:
            strength = min(STRENGTHS, key=path.gcv)
        model = RidgeModel(X, y, mean, path.weights(strength), bias, strength)
        doubt = output_doubts(path.left_out(strength) + bias)
        threshold, calibrated = calibrate(tally(doubt), classes)
        return Learned(model, threshold, calibrated, notes={"strength": strength})

    def _judge(self, model: Any, X: np.ndarray) -> tuple[NDArray[np.floating], ...]:
        outputs = (unit_rows(X) - model.mean) @ model.weights + model.bias
        return SHARPNESS * outputs, output_doubts(outputs)

    def _without(self, known: Knowledge, position: int, X: np.ndarray | None) -> Learned:
        model: RidgeModel = known.model
        kept = model.y != position
        y = model.y[kept]
        return self._solve(model.X[kept], y - (y > position), len(model.bias) - 1)
