"""The model that answers: one immutable object, swapped by one assignment, read without a lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cil_nodes.learners.base import IncrementalLearner, Reason, UnknownReason
from cil_nodes.teaching.labels import UNKNOWN_LABEL, is_background
from cil_nodes.teaching.records import Prediction
from cil_nodes.teaching.samples import Sample

TOP_K = 10
PRIOR_THRESHOLD = 0.5
"""Shown as threshold while nothing has been taught."""


@dataclass(frozen=True)
class LiveModel:
    """A learner with the version it stands for and the names its classes go by.

    Attributes
    ----------
    version : int
        The version that answers.
    method : str
        Name of the method.
    learner : IncrementalLearner or None
        None while nothing has been taught.
    names : mapping
        The label of each class whose name is not what the learner calls it.
    """

    version: int
    method: str
    learner: IncrementalLearner | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def threshold(self) -> float:
        """Unknown score above which something is unknown."""
        return PRIOR_THRESHOLD if self.learner is None else float(self.learner.unknown_threshold_)

    @property
    def calibrated(self) -> bool:
        """Whether the threshold was set from what was taught."""
        return self.learner is not None and bool(self.learner.unknown_calibrated_)

    def label_of(self, name: object) -> str:
        """Return what a class goes by."""
        return self.names.get(str(name), str(name))

    def predict(self, samples: Sequence[Sample]) -> list[Prediction]:
        """Answer for samples whose vectors have been checked."""
        if not samples:
            return []
        if self.learner is None:
            return [self._nothing_taught(sample) for sample in samples]
        answers = self.learner.answer(np.stack([sample.features for sample in samples]))
        unknown = answers.is_unknown
        reasons = answers.reasons() if unknown.any() else [None] * len(samples)
        # One more than is shown, so that background can be left out.
        tops = answers.top(TOP_K + 1)
        scores = answers.unknown_score.tolist()
        return [
            self._one(sample, top, score, float(answers.threshold), reason if flag else None)
            for sample, top, score, flag, reason in zip(
                samples, tops, scores, unknown.tolist(), reasons, strict=True
            )
        ]

    def _one(
        self,
        sample: Sample,
        top: list[tuple[object, float]],
        unknown_score: float,
        threshold: float,
        reason: UnknownReason | None,
    ) -> Prediction:
        best, score = self.label_of(top[0][0]), float(top[0][1])
        named = [(self.label_of(name), float(share)) for name, share in top]
        if reason is not None:
            claimants = tuple(self.label_of(name) for name in reason.claimants)
            reason = replace(reason, claimants=claimants)
        return Prediction(
            sample_id=sample.sample_id,
            label=UNKNOWN_LABEL if reason is not None else best,
            score=score,
            is_unknown=reason is not None,
            unknown_score=unknown_score,
            threshold=threshold,
            top_k=tuple(pair for pair in named if not is_background(pair[0]))[:TOP_K],
            reason=reason,
            method=self.method,
            version=self.version,
        )

    def _nothing_taught(self, sample: Sample) -> Prediction:
        return Prediction(
            sample_id=sample.sample_id,
            label=UNKNOWN_LABEL,
            score=0.0,
            is_unknown=True,
            unknown_score=1.0,
            threshold=PRIOR_THRESHOLD,
            top_k=(),
            reason=UnknownReason(Reason.NO_CLASSES),
            method=self.method,
            version=self.version,
        )
