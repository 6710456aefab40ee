"""What a session answers: predictions, receipts, lessons, states, versions."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from cil_nodes.learners.base import UnknownReason

NAN = float("nan")


class Phase(str, enum.Enum):
    """What the session is doing; the names are those of ``LearnerState.msg`` in small letters."""

    IDLE = "idle"
    COLLECTING = "collecting"
    TRAINING = "training"
    FAILED = "failed"


class Cause(enum.IntEnum):
    """What made a version; the numbers are those of ``ModelVersion.msg``."""

    EMPTY = 0
    LESSON = 1
    EDIT = 2
    ROLL_BACK = 3
    MERGE = 4
    SWITCH = 5


@dataclass(frozen=True)
class Prediction:
    """What the model that answers thinks of one sample.

    ``label`` is ``unknown`` when ``is_unknown``; ``score`` is then that of the best known class,
    and 0 before the first lesson. ``top_k`` holds known classes only, best first, without
    ``background``. ``reason`` is None unless ``is_unknown``.
    """

    sample_id: str
    label: str
    score: float
    is_unknown: bool
    unknown_score: float
    threshold: float
    top_k: tuple[tuple[str, float], ...]
    reason: UnknownReason | None
    method: str
    version: int


@dataclass(frozen=True)
class Receipt:
    """Answer to labelled samples, given when they are on disk."""

    accepted: int
    relabelled: int
    pending: int


@dataclass(frozen=True)
class ClassSummary:
    """One class of the model that answers; ``recall`` is NaN when not measured."""

    index: int
    label: str
    samples: int
    version_added: int
    recall: float = NAN


@dataclass(frozen=True)
class LessonResult:
    """What a lesson brought.

    ``accuracy_before`` and ``accuracy_after`` are those of the classes known before, on samples
    held out from every lesson; ``new_class_accuracy`` likewise for the new classes. NaN: not
    measured.
    """

    version: int
    new_labels: tuple[str, ...]
    samples: int
    seconds: float
    accuracy_before: float
    accuracy_after: float
    new_class_accuracy: float
    snapshot: str

    def in_words(self, classes: int) -> str:
        """Say in one line what was learned, of how many ``classes`` the model now knows."""
        new = f", new: {', '.join(self.new_labels)}" if self.new_labels else ""
        figures = (
            ("known before", self.accuracy_before),
            ("known now", self.accuracy_after),
            ("new classes", self.new_class_accuracy),
        )
        measured = [f"{words} {value:.1%}" for words, value in figures if value == value]
        held_out = f" Accuracy on held-out samples: {', '.join(measured)}." if measured else ""
        return (
            f"Version {self.version} answers: {self.samples} samples learned in "
            f"{self.seconds:.2f} s, {classes} classes{new}.{held_out}"
        )


@dataclass(frozen=True)
class SwitchResult:
    """What learning the journal again brought.

    ``version`` is the one that answers, the old one where nothing was swapped; both accuracies
    are those of all classes on the same held-out samples, NaN where not measured.
    """

    version: int
    method: str
    lessons: int
    samples: int
    seconds: float
    accuracy_before: float
    accuracy_after: float

    def in_words(self) -> str:
        """Say in one line what was rebuilt and how it compares."""
        figures = (("before", self.accuracy_before), ("now", self.accuracy_after))
        measured = [f"{words} {value:.1%}" for words, value in figures if value == value]
        held_out = f" Accuracy on held-out samples: {', '.join(measured)}." if measured else ""
        lessons = "1 lesson" if self.lessons == 1 else f"{self.lessons} lessons"
        return (
            f"Version {self.version} answers; {lessons} with {self.samples} samples learned again "
            f"by {self.method} in {self.seconds:.2f} s.{held_out}"
        )


@dataclass(frozen=True)
class SessionState:
    """The session at one moment, as ``LearnerState.msg`` shows it."""

    method: str
    encoder_id: str
    phase: str
    version: int
    classes: tuple[ClassSummary, ...]
    pending: int
    unknown_threshold: float
    unknown_calibrated: bool
    memory_bytes: int
    journal_bytes: int
    snapshot: str
    message: str


@dataclass(frozen=True)
class Version:
    """One entry of the history, as ``ModelVersion.msg`` shows it."""

    version: int
    parent: int
    restored: int
    stamp_ns: int
    cause: Cause
    method: str
    labels: tuple[str, ...] = field(default=())
    samples: int = 0
    accuracy: float = NAN
    available: bool = True
