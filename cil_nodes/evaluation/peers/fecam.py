"""Nearest class under a Mahalanobis distance of each class's own (FeCAM)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.peers.class_gaussian import ClassGaussian, ShrunkForm, shrunk_form
from cil_nodes.evaluation.peers.peer import Peer, PeerModel, held_out, some_rows
from cil_nodes.evaluation.peers.threshold import CALIBRATION_ROWS, calibrate, tally
from cil_nodes.evaluation.protocols import unit_rows
from cil_nodes.learners.base import Knowledge, Learned, Phase
from cil_nodes.learners.ledger import Ledger


@dataclass(frozen=True)
class GaussiansModel(PeerModel):
    """The Gaussians of all classes, their axes stacked.

    Attributes
    ----------
    counts : ndarray of shape (C,)
    means : ndarray of shape (C, d)
    axes : ndarray of shape (sum of ranks, d)
    scatters : ndarray of shape (sum of ranks,)
    ranks : ndarray of shape (C,)
        Axes of each class.
    tallied : ndarray
        Doubts about held-out samples, counted.
    """

    counts: NDArray[np.float64]
    means: NDArray[np.float64]
    axes: NDArray[np.float32]
    scatters: NDArray[np.float64]
    ranks: NDArray[np.int64]
    tallied: NDArray[np.int64]

    @classmethod
    def of(cls, classes: Sequence[ClassGaussian], tallied: NDArray[np.int64]) -> GaussiansModel:
        """Stack."""
        return cls(
            np.array([g.count for g in classes]),
            np.stack([g.mean for g in classes]),
            np.concatenate([g.axes for g in classes]).astype(np.float32),
            np.concatenate([g.scatter for g in classes]),
            np.array([len(g.axes) for g in classes], dtype=np.int64),
            tallied,
        )

    @cached_property
    def _made(self) -> dict[tuple[float, float], list[ShrunkForm]]:
        """Forms made so far, by the constants of shrinkage."""
        return {}

    def forms(self, alpha1: float, alpha2: float) -> list[ShrunkForm]:
        """Return the distance of every class; made at the first call."""
        if (alpha1, alpha2) not in self._made:
            forms = [shrunk_form(gaussian, alpha1, alpha2) for gaussian in self.classes()]
            self._made[alpha1, alpha2] = forms
        return self._made[alpha1, alpha2]

    def classes(self) -> list[ClassGaussian]:
        """Undo `of`; views, nothing is copied."""
        ends = np.cumsum(self.ranks)
        parts = [slice(end - rank, end) for end, rank in zip(ends, self.ranks, strict=True)]
        return [
            ClassGaussian(float(count), mean, self.axes[part], self.scatters[part])
            for count, mean, part in zip(self.counts, self.means, parts, strict=True)
        ]


class FeCAM(Peer):
    """FeCAM: nearest class mean in the Mahalanobis distance of each class's own covariance.

    Goswami et al., FeCAM: Exploiting the Heterogeneity of Class Distributions in Exemplar-Free
    Continual Learning, NeurIPS 2023, section 4: Tukey's transformation ``f^0.5`` (Eq. 9; here
    ``sign(f) |f|^0.5``, for features below 0), covariance shrinkage with constants 1 and 1
    (Eq. 8), correlation normalisation (Eq. 7), distance between vectors of length 1 as in the
    authors' code. Differences: the class mean is that of the transformed features (their code
    transforms the mean), and shrinkage is applied once, as printed (their code does it twice).

    A covariance is kept as its axes, in float32: exact, and of the size of the class's samples
    while these are fewer than dimensions. It is no copy of the samples, but as large as one.

    Parameters
    ----------
    power : float in [0.05, 1]
        Of Tukey's transformation; 1 leaves features as they are.
    alpha1, alpha2 : float in [0, 1000]
        Share of the mean variance, and of the mean covariance, added by shrinkage.
    random_state : int
        Not used: nothing is drawn.
    """

    method: ClassVar[str] = "fecam"
    model_type: ClassVar[type[PeerModel]] = GaussiansModel
    for_learning: ClassVar[tuple[str, ...]] = ("tallied",)
    joins_exactly: ClassVar[bool] = True

    def __init__(
        self,
        power: float = 0.5,
        alpha1: float = 1.0,
        alpha2: float = 1.0,
        random_state: Any = 0,
    ) -> None:
        self.power = power
        self.alpha1 = alpha1
        self.alpha2 = alpha2
        self.random_state = random_state

    def _transformed(self, X: np.ndarray) -> NDArray[np.float64]:
        X = X.astype(np.float64)
        return np.sign(X) * np.abs(X) ** self.power

    def _learn(
        self,
        known: Knowledge | None,
        ledger: Ledger,
        X: np.ndarray,
        positions: np.ndarray,
        phase: Phase,
    ) -> Learned:
        old: GaussiansModel | None = known.model if known else None
        rows = self._transformed(X)
        classes = old.classes() if old else []
        while len(classes) < len(ledger.classes):
            classes.append(ClassGaussian.empty(rows.shape[1]))
        # Held-out samples are scored by the classes without them, then join.
        held = held_out(positions)
        classes = _joined(classes, rows[~held], positions[~held], phase.part(0.0, 0.5))
        before = old.tallied if old else tally(np.zeros(0))
        trial = GaussiansModel.of(classes, before)
        tallied = self._tallied(trial, rows[held])
        if held.any():
            classes = _joined(classes, rows[held], positions[held], phase.part(0.6, 1.0))
            trial = GaussiansModel.of(classes, before)
        return Learned(replace(trial, tallied=tallied), *calibrate(tallied, len(classes)))

    def _tallied(self, model: GaussiansModel, rows: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the doubts counted so far and those about some of these rows."""
        if not len(rows):
            return model.tallied
        some = rows[some_rows(len(rows), CALIBRATION_ROWS)]
        return tally(_doubts(self._distances(model, some)), model.tallied)

    def _distances(self, model: GaussiansModel, rows: NDArray[np.float64]) -> NDArray[np.floating]:
        """Return squared distances (n, C)."""
        unit = unit_rows(rows)
        distances = np.empty((len(rows), len(model.counts)))
        forms = model.forms(self.alpha1, self.alpha2)
        for column, (form, mean) in enumerate(zip(forms, unit_rows(model.means), strict=True)):
            distances[:, column] = form((unit - mean).astype(np.float32))
        return distances

    def _judge(self, model: Any, X: np.ndarray) -> tuple[NDArray[np.floating], ...]:
        distances = self._distances(model, self._transformed(X))
        return -SHARPNESS * distances, _doubts(distances)

    def _without(self, known: Knowledge, position: int, X: np.ndarray | None) -> Learned:
        classes = known.model.classes()
        del classes[position]
        model = GaussiansModel.of(classes, known.model.tallied)
        return Learned(model, known.threshold, known.calibrated)


SHARPNESS = 5.0
"""Factor on squared distances before the softmax of `predict_proba`."""


def _doubts(distances: NDArray[np.floating]) -> NDArray[np.floating]:
    """Map the least squared distance to [0, 1)."""
    least = np.maximum(distances.min(axis=1), 0.0)
    return least / (least + 1.0)


def _joined(
    classes: list[ClassGaussian],
    rows: NDArray[np.float64],
    positions: NDArray[np.int64],
    phase: Phase,
) -> list[ClassGaussian]:
    """Return the classes with rows (n, d) added."""
    grown = list(classes)
    met = np.unique(positions)
    for done, position in enumerate(met):
        phase.report(done / len(met), "covariances")
        grown[position] = grown[position].learn(rows[positions == position])
    return grown
