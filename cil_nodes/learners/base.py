"""The contract that every learner keeps.

A learner is a scikit-learn classifier over feature vectors that is taught in phases. One call of
:meth:`IncrementalLearner.partial_fit` is one phase: new classes, more samples of old ones, or both.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field

ProgressCallback = Callable[[float, str], None]
"""``progress(fraction, stage)``: fraction in [0, 1], never falling; stage in words."""

StopRequest = Callable[[], bool]
"""``should_stop()``: asked at least every 0.2 s while a phase is learned."""


class PhaseStopped(Exception):  # noqa: N818 - an outcome that was asked for, not an error
    """A phase ended because ``should_stop`` said so; the learner is as it was before."""


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
    novelty: float = float("nan")
    router_entropy: float = float("nan")
    router_disagreement: float = float("nan")
    claimants: tuple[object, ...] = ()


@dataclass(frozen=True)
class PhaseReport:
    """What one phase did."""

    samples: int
    new_classes: tuple[object, ...]
    seconds: float
    losses: tuple[float, ...] = ()
    notes: dict[str, float | str] = field(default_factory=dict)
