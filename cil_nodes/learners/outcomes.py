"""What learners hand back: answers, reasons, reports; and the errors they raise."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

NAN = float("nan")


class PhaseStopped(Exception):  # noqa: N818 - an outcome that was asked for, not an error
    """A phase ended because ``should_stop`` said so; the learner is as it was before."""


class TornFileError(ValueError):
    """A saved learner cannot be read: cut short, altered, or not such a file at all."""


class CannotLearnError(RuntimeError):
    """This learner was loaded without statistics: it answers, but cannot learn or forget."""


class Reason(enum.IntEnum):
    """Why something is called unknown; the numbers are those of ``UnknownObject.msg``."""

    LOW_CONFIDENCE = 1
    NOVELTY = 2
    DISAGREEMENT = 3
    NO_CLASSES = 4
    NOBODY_FIRED = 5
    SEVERAL_FIRED = 6


@dataclass(frozen=True)
class UnknownReason:
    """The strongest reason that speaks for "unknown", and the parts it was chosen from.

    Every part is in [0, 1], larger is less known, NaN where the method has none.
    """

    code: Reason
    novelty: float = NAN
    router_entropy: float = NAN
    router_disagreement: float = NAN
    claimants: tuple[object, ...] = ()


@dataclass(frozen=True)
class PhaseReport:
    """What one phase did."""

    samples: int
    new_classes: tuple[object, ...]
    seconds: float
    losses: tuple[float, ...] = ()
    notes: dict[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answers:
    """All that a learner says about n samples, from one and the same state.

    Attributes
    ----------
    classes : (C,) array
        Labels, in the order of the columns of ``proba``.
    indices : (C,) int array
        The numbers of these labels (``class_index_``).
    proba : (n, C) array
        Probability of each known class; rows sum to 1.
    unknown_score : (n,) array
        In [0, 1], larger is less known.
    threshold : float
        What ``unknown_score`` has to exceed to be called unknown.
    reasons : callable
        ``reasons()`` lists one `UnknownReason` a sample; computed only when called.
    """

    classes: np.ndarray
    indices: np.ndarray
    proba: np.ndarray
    unknown_score: np.ndarray
    threshold: float
    reasons: Callable[[], list[UnknownReason]]

    @property
    def best(self) -> np.ndarray:
        """(n,) position of the likeliest class."""
        return np.argmax(self.proba, axis=1)

    @property
    def labels(self) -> np.ndarray:
        """(n,) label of the likeliest class; always a known one."""
        return self.classes[self.best]

    @property
    def is_unknown(self) -> np.ndarray:
        """(n,) bool: the score exceeds the threshold."""
        return self.unknown_score > self.threshold

    def top(self, k: int) -> list[list[tuple[object, float]]]:
        """For each sample the ``k`` likeliest (label, probability), best first."""
        order = np.argsort(-self.proba, axis=1, kind="stable")[:, :k]
        labels = self.classes[order].tolist()
        shares = np.take_along_axis(self.proba, order, axis=1).tolist()
        return [list(zip(*row, strict=True)) for row in zip(labels, shares, strict=True)]
