"""Measuring a new model on samples that no lesson of its honest twin has seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cil_nodes.learners.base import IncrementalLearner
from cil_nodes.teaching.records import NAN

MEASURED = 600
"""About so many held-out samples are measured in all, so that validation stays short."""

_MOST, _FEWEST = 10, 3  # of each class, whatever the number of classes


@dataclass(frozen=True)
class Measured:
    """How a new model does on held-out samples; NaN where there were none.

    ``old_samples`` is the number of held-out samples of old classes that were measured;
    ``recall`` is by class name.
    """

    accuracy_before: float = NAN
    accuracy_after: float = NAN
    new_class_accuracy: float = NAN
    accuracy: float = NAN
    old_samples: int = 0
    recall: Mapping[str, float] = field(default_factory=dict)
    memory_bytes: int = 0


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The held-out samples of all lessons, the newest few of each class.

    Attributes
    ----------
    features : numpy.ndarray
        (n, d), or (0, 0) while there are none.
    labels : tuple of str
        n class names.
    right : numpy.ndarray
        (n,) float: 1 where the honest model that stands is right, 0 where it is wrong, NaN where
        it has not been asked.
    """

    features: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    labels: tuple[str, ...] = ()
    right: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def grown(self, features: np.ndarray, labels: Sequence[str]) -> HeldOut:
        """Return these samples and more, the newest few of each class."""
        if not len(labels):
            return self
        everything = np.concatenate([self.features, features]) if self.labels else features
        names = (*self.labels, *labels)
        right = np.concatenate([self.right, np.full(len(labels), NAN)])
        kept = _newest(names)
        return HeldOut(everything[kept], tuple(names[i] for i in kept), right[kept])

    def unmeasured(self) -> HeldOut:
        """Return the samples without what is known of a model that no longer stands."""
        return replace(self, right=np.full(len(self.labels), NAN))

    def measure(
        self, before: IncrementalLearner | None, after: IncrementalLearner | None
    ) -> tuple[Measured, HeldOut]:
        """Compare two honest models; return the figures, and what is now known of the second."""
        if not self.labels or after is None:
            return Measured(), self
        truth = np.array(self.labels, dtype=object)
        known = set() if before is None else set(before.classes_.tolist())
        old = np.array([label in known for label in self.labels])
        was_right = self._asked(before, old)
        right = (after.predict(self.features) == truth).astype(float)
        measured = Measured(
            accuracy_before=_mean(was_right[old]),
            accuracy_after=_mean(right[old]),
            new_class_accuracy=_mean(right[~old]),
            accuracy=_mean(right),
            old_samples=int(old.sum()),
            recall={name: _mean(right[truth == name]) for name in dict.fromkeys(self.labels)},
        )
        return measured, replace(self, right=right)

    def _asked(self, model: IncrementalLearner | None, old: np.ndarray) -> np.ndarray:
        """Return ``right``, the gaps among the old classes filled by asking the model."""
        right = self.right.copy()
        gaps = np.flatnonzero(old & np.isnan(right))
        if model is not None and len(gaps):
            truth = np.array([self.labels[i] for i in gaps], dtype=object)
            right[gaps] = model.predict(self.features[gaps]) == truth
        return right


def _newest(names: Sequence[str]) -> list[int]:
    """Return the positions of the newest few of each class, in order."""
    most = min(_MOST, max(_FEWEST, MEASURED // len(set(names))))
    seen: dict[str, int] = {}
    kept = []
    for position in reversed(range(len(names))):
        seen[names[position]] = seen.get(names[position], 0) + 1
        if seen[names[position]] <= most:
            kept.append(position)
    return kept[::-1]


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else NAN
