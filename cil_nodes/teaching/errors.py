"""What can go wrong while teaching, each with the code that services and actions answer.

``code`` is the name of a constant in the interface texts (``BAD_LABEL`` of ``AddSamples.srv``,
``NOTHING_PENDING`` of ``TrainPhase.action`` and so on), so that a node maps an error by its name:
``getattr(TrainPhase.Result, error.code, TrainPhase.Result.UNKNOWN)``.
"""

from __future__ import annotations

from typing import ClassVar


class TeachingError(Exception):
    """Base of everything that a session refuses or fails at; the text says what to do."""

    code: ClassVar[str] = "UNKNOWN"


class BadLabel(TeachingError):
    """A label that is empty, too long, reserved or holds control characters."""

    code = "BAD_LABEL"


class LabelTaken(TeachingError):
    """A class cannot be renamed to a name that another class has."""

    code = "LABEL_TAKEN"


class NoSuchClass(TeachingError):
    """No class has this name now."""

    code = "NO_SUCH_CLASS"


class WrongEncoder(TeachingError):
    """Features of another encoder than the one the session was begun with."""

    code = "WRONG_ENCODER"


class BadFeatures(TeachingError):
    """A feature vector that is not finite or not of the session's length."""

    code = "BAD_FEATURES"


class StorageFailed(TeachingError):
    """The disk is full, read-only or broken; nothing of this call was stored."""

    code = "STORAGE_FAILED"


class JournalDamaged(StorageFailed):
    """The journal file is torn or not a journal at all."""


class FolderInUse(StorageFailed):
    """Another running process holds the session's folder."""


class NothingPending(TeachingError):
    """There is no labelled sample that waits to be learned."""

    code = "NOTHING_PENDING"


class AlreadyTraining(TeachingError):
    """A lesson is running already."""

    code = "ALREADY_TRAINING"


class TooFewSamples(TeachingError):
    """Fewer samples than a lesson needs."""

    code = "TOO_FEW_SAMPLES"


class TimeLimitReached(TeachingError):
    """The lesson did not end within its time limit; the old model answers on."""

    code = "TIME_LIMIT"


class Diverged(TeachingError):
    """The learner failed to fit: its error, in words."""

    code = "DIVERGED"


class RejectedByValidation(TeachingError):
    """The new model forgot too much; the old one answers on and the samples stay pending."""

    code = "REJECTED_BY_VALIDATION"


class LessonStopped(TeachingError):
    """The lesson was stopped on request; the samples stay pending."""


class WorkerDied(TeachingError):
    """The training process ended in the middle of its work; the samples stay pending."""


class CannotLearn(TeachingError):
    """The model that answers was saved without what learning needs."""


class NoSuchVersion(TeachingError):
    """The history holds no such version."""

    code = "NO_SUCH_VERSION"


class SnapshotEvicted(TeachingError):
    """The version's snapshot is no longer kept."""

    code = "SNAPSHOT_EVICTED"


class NothingToUndo(TeachingError):
    """Nothing has been taught that could be taken back."""

    code = "NOTHING_TO_UNDO"


class Busy(TeachingError):
    """A lesson is running; this has to wait for its end."""

    code = "BUSY"


class BadModelFile(TeachingError):
    """A model file that is torn, foreign or does not fit this session."""

    code = "BAD_FILE"


class SessionClosed(TeachingError):
    """The session has been closed."""
