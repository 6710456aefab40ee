"""All that answering needs, in float32 and a few MB: no sums, no kept features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from cil_nodes.learners.calibration import ScoreMap
from cil_nodes.learners.oracil import fusion
from cil_nodes.learners.oracil.descriptors import descriptors
from cil_nodes.learners.oracil.features import AnalyticMap
from cil_nodes.learners.oracil.fusion import Temperatures, log_softmax
from cil_nodes.learners.oracil.second_order import ClassGaussians
from cil_nodes.learners.outcomes import Reason, UnknownReason

if TYPE_CHECKING:
    from cil_nodes.learners.oracil.ensemble import EnsembleRouter

_FLOOR = 1e-12


@dataclass(frozen=True)
class Evidence:
    """How the parts of the unknown score are put on one scale.

    Attributes
    ----------
    logit_scale, distance_scale : float
        Out-of-fold spread of either part.
    logit_limit, distance_limit : float
        The part's own limit, on its scale; what exceeds it most is the published reason.
    distance_share : float
        Weight of the distance; the logit has the rest.
    """

    logit_scale: float = 1.0
    distance_scale: float = 1.0
    logit_limit: float = -0.5
    distance_limit: float = 0.0
    distance_share: float = 0.0

    def novelty(self, largest: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """Combine the largest logit (n,) and the relative distance (n,); larger is less known."""
        share = self.distance_share
        return -(1 - share) * largest / self.logit_scale + share * distance / self.distance_scale


@dataclass(frozen=True)
class Predictor:
    """ORACIL at prediction time (section 3.5).

    Attributes
    ----------
    map : AnalyticMap
    weights : (M, C) float32 array
        W_g of all groups side by side.
    groups : (C,) int array
    rule : str
        How router and heads are fused, see `fusion.fuse`.
    router : {"rda", "lda", "ensemble", "none"}
    lda : (d, C) float32 array
    lda_offset : (C,) float32 array
    quadratic : (d, d) float32 array
        With ``quadratic_linear`` (d,) and ``quadratic_constant`` the relative distance.
    prototypes : (C, d) float32 array
        For the ensemble's descriptors; (0, d) with another router.
    ensemble : EnsembleRouter or None
    gaussians : ClassGaussians or None
        With ``router="rda"``.
    temperatures, evidence, score_map
        What was fitted on out-of-fold scores.
    fused_temperature : float
        Of Eq. 16's products, which are no probabilities.
    """

    map: AnalyticMap
    weights: np.ndarray
    groups: np.ndarray
    rule: str
    router: str
    lda: np.ndarray
    lda_offset: np.ndarray
    quadratic: np.ndarray
    quadratic_linear: np.ndarray
    quadratic_constant: float
    prototypes: np.ndarray
    ensemble: EnsembleRouter | None = None
    gaussians: ClassGaussians | None = None
    temperatures: Temperatures = field(default_factory=Temperatures)
    evidence: Evidence = field(default_factory=Evidence)
    score_map: ScoreMap = field(default_factory=lambda: ScoreMap(-0.5, 0.1))
    fused_temperature: float = 0.1

    def logits(self, f: np.ndarray) -> np.ndarray:
        """Return z (n, C) (Eq. 15) for unit features f (n, d)."""
        return self.map(f) @ self.weights.astype(f.dtype, copy=False)

    def lda_scores(self, f: np.ndarray) -> np.ndarray:
        """Return LDA scores (n, C)."""
        return f @ self.lda.astype(f.dtype, copy=False) + self.lda_offset

    def distances(self, f: np.ndarray, lda: np.ndarray) -> np.ndarray:
        """Return relative Mahalanobis distances (n,), given the LDA scores (n, C)."""
        square = np.einsum("nd,nd->n", f @ self.quadratic.astype(f.dtype, copy=False), f)
        rest = f @ self.quadratic_linear + self.quadratic_constant
        return square + rest - 2 * lda.max(axis=1)

    def experts(self, f: np.ndarray, z: np.ndarray, lda: np.ndarray) -> list[np.ndarray]:
        """Return the router's distributions over groups, each (n, G)."""
        if self.ensemble is not None:
            return self.ensemble.experts(descriptors(f, self.prototypes))
        t = self.temperatures
        scores = [z / t.head, lda / t.lda]
        if self.gaussians is not None:
            scores.append(self.gaussians.scores(f, z) / t.own)
        return [np.exp(fusion.group_masses(log_softmax(p), self.groups)) for p in scores]

    def route(self, experts: list[np.ndarray]) -> np.ndarray:
        """Return log p(g | x) (n, G) (Eq. 6)."""
        if self.ensemble is not None:
            return np.log(np.maximum(self.ensemble.mixed(experts), _FLOOR))
        rest, *others = (np.log(np.maximum(p, _FLOOR)) for p in experts)
        return fusion.mix(rest, others, (self.temperatures.share, self.temperatures.own_share))

    def __call__(self, f: np.ndarray) -> tuple[np.ndarray, np.ndarray, Callable]:
        """Answer for unit features f (n, d).

        Returns
        -------
        proba : (n, C) array
        unknown_score : (n,) array
        reasons : callable
        """
        z = self.logits(f)
        lda = self.lda_scores(f)
        distance = self.distances(f, lda)
        experts: list[np.ndarray] = []
        log_p = np.zeros((len(f), 1))
        if self.router == "none":
            log_proba = log_softmax(z / self.temperatures.head)
        else:
            experts = self.experts(f, z, lda)
            log_p = self.route(experts)
            heat = self.temperatures.head if self.rule == "log" else self.fused_temperature
            log_proba = fusion.fuse(z, log_p, self.groups, self.rule, heat)
        largest = z.max(axis=1)
        score = self.score_map(self.evidence.novelty(largest, distance))
        proba = np.exp(log_proba.astype(np.float64))
        proba /= proba.sum(axis=1, keepdims=True)
        return proba, score, lambda: self.reasons(largest, distance, experts, log_p)

    def reasons(
        self, largest: np.ndarray, distance: np.ndarray, experts: list[np.ndarray], log_p: Any
    ) -> list[UnknownReason]:
        """Name the part that speaks loudest for "unknown", one reason a sample."""
        e = self.evidence
        low = -largest / e.logit_scale - e.logit_limit
        far = distance / e.distance_scale - e.distance_limit
        entropy = fusion.entropy(log_p)
        apart = fusion.disagreement(experts) if experts else np.full(len(largest), np.nan)
        # Experts that disagree by more than half a unit of probability count like one spread.
        voices = np.stack([low, far if e.distance_share else low - 1, (apart - 0.5) * 2], axis=1)
        codes = (Reason.LOW_CONFIDENCE, Reason.NOVELTY, Reason.DISAGREEMENT)
        loudest = np.argmax(np.nan_to_num(voices, nan=-np.inf), axis=1)
        novelty = 1 / (1 + np.exp(-np.clip(far, -50, 50))) if e.distance_share else apart * np.nan
        return [
            UnknownReason(codes[k], float(v), float(h), float(a))
            for k, v, h, a in zip(loudest, novelty, entropy, apart, strict=True)
        ]
