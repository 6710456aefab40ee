"""Watching one object: which views to keep, what to ask for, and how the check came out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from cil_nodes.teaching.labels import fold_label
from cil_nodes.teaching.records import Prediction
from cil_nodes.teaching.samples import Sample

HINT_AFTER = 5
"""Look-alike views in a row before a hint is given."""

LOOKS_LIKE_SHARE = 0.8
"""Share of views that must be recognised as one other class to be taken for it."""


@dataclass
class ViewCollector:
    """Keep views of one object that differ from each other.

    Parameters
    ----------
    wanted : int
        How many views to keep.
    min_diversity : float
        A view is kept when its cosine distance to every kept one is at least this.
    """

    wanted: int
    min_diversity: float
    samples: list[Sample] = field(default_factory=list)
    skipped_in_a_row: int = 0
    _directions: list[np.ndarray] = field(default_factory=list)
    _distances: list[float] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether there are as many views as were wanted."""
        return len(self.samples) >= self.wanted

    @property
    def progress(self) -> float:
        """Share of the wanted views, in [0, 1]."""
        return min(1.0, len(self.samples) / max(1, self.wanted))

    @property
    def diversity(self) -> float:
        """Mean cosine distance of a kept view to the nearest one kept before it; 0 at first."""
        return float(np.mean(self._distances)) if self._distances else 0.0

    def offer(self, sample: Sample) -> bool:
        """Keep ``sample`` if it differs enough; tells whether it was kept."""
        if self.complete:
            return False
        direction = unit(sample.features)
        distance = self._distance(direction)
        if distance < self.min_diversity:
            self.skipped_in_a_row += 1
            return False
        if self._directions:
            self._distances.append(distance)
        self._directions.append(direction)
        self.samples.append(sample)
        self.skipped_in_a_row = 0
        return True

    def hint(self) -> str:
        """Return what the person could do now; empty when all is well."""
        if self.complete or self.skipped_in_a_row < HINT_AFTER:
            return ""
        steps = ("turn it a little", "show another side", "move it nearer or farther")
        return steps[self.skipped_in_a_row // HINT_AFTER % len(steps) - 1]

    def _distance(self, direction: np.ndarray) -> float:
        """Cosine distance to the nearest kept view; infinite for the first."""
        if not self._directions:
            return math.inf
        return float(1.0 - np.max(np.stack(self._directions) @ direction))


def unit(features: np.ndarray) -> np.ndarray:
    """Return ``features`` (d,) at length 1; zeros stay zeros."""
    values = np.asarray(features, dtype=np.float64)
    length = np.linalg.norm(values)
    return values / length if length > 0 else values


def looks_like(label: str, answers: Sequence[Prediction]) -> str:
    """Return the other class for which most of the views were taken; empty when there is none.

    Parameters
    ----------
    label : str
        What the object is to be called.
    answers : sequence of Prediction
        What the model said of the views before it learned them.
    """
    named = Counter(answer.label for answer in answers if not answer.is_unknown)
    if not named:
        return ""
    other, count = named.most_common(1)[0]
    same = fold_label(other) == fold_label(label)
    return "" if same or count < LOOKS_LIKE_SHARE * len(answers) else other


@dataclass
class Check:
    """What the new model said of fresh views of the object it was taught.

    Attributes
    ----------
    total, correct : int
    """

    label: str
    total: int = 0
    correct: int = 0
    others: Counter[str] = field(default_factory=Counter)

    def add(self, answer: Prediction) -> None:
        """Enter one fresh view."""
        self.total += 1
        if fold_label(answer.label) == fold_label(self.label):
            self.correct += 1
        else:
            self.others[answer.label] += 1

    def confused_with(self, limit: int = 5) -> list[tuple[str, float]]:
        """Return other answers and their share of the check, largest first."""
        return [(label, n / self.total) for label, n in self.others.most_common(limit)]


def summary(label: str, views: int, trained: bool, check: Check) -> str:
    """Return the outcome in one sentence fit for speech."""
    if not trained:
        return f"I have kept {views} views of the {label}, to be learned later."
    if not check.total:
        return f"I have learned the {label} from {views} views."
    share = f"I recognised it in {check.correct} of {check.total} new looks"
    if check.correct == check.total:
        return f"I know the {label} now: {share}."
    if not check.others or check.correct * 2 >= check.total:
        return f"I have learned the {label}, but I am not always sure: {share}."
    wrong = check.others.most_common(1)[0][0]
    if wrong == "unknown":
        return f"I have learned the {label}, but I need more views of it: {share}."
    return f"I have learned the {label}, but I take it for the {wrong}: {share}."
