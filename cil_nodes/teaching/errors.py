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


class BadLabelError(TeachingError):
    """A label that is empty, too long, reserved or holds control characters."""

    code = "BAD_LABEL"


class BadValueError(TeachingError, ValueError):
    """A number or a text out of its range; the text names it, what came and what may come."""


class LabelTakenError(TeachingError):
    """A class cannot be renamed to a name that another class has."""

    code = "LABEL_TAKEN"


class NoSuchClassError(TeachingError):
    """No class has this name now."""

    code = "NO_SUCH_CLASS"


class WrongEncoderError(TeachingError):
    """Features of another encoder than the one the session was begun with."""

    code = "WRONG_ENCODER"


class BadFeaturesError(TeachingError):
    """A feature vector that is not finite or not of the session's length."""

    code = "BAD_FEATURES"


class StorageError(TeachingError):
    """The disk is full, read-only or broken; nothing of this call was stored."""

    code = "STORAGE_FAILED"


class JournalDamagedError(StorageError):
    """The journal file is torn or not a journal at all."""


class FolderInUseError(StorageError):
    """Another running process holds the session's folder."""


class NothingPendingError(TeachingError):
    """There is no labelled sample that waits to be learned."""

    code = "NOTHING_PENDING"


class AlreadyTrainingError(TeachingError):
    """A lesson is running already."""

    code = "ALREADY_TRAINING"


class TooFewSamplesError(TeachingError):
    """Fewer samples than a lesson needs."""

    code = "TOO_FEW_SAMPLES"


class TimeLimitError(TeachingError):
    """The lesson did not end within its time limit; the old model answers on."""

    code = "TIME_LIMIT"


class DivergedError(TeachingError):
    """The learner failed to fit: its error, in words."""

    code = "DIVERGED"


class RejectedError(TeachingError):
    """The new model forgot too much; the old one answers on and the samples stay pending."""

    code = "REJECTED_BY_VALIDATION"


class LessonStoppedError(TeachingError):
    """The lesson was stopped on request; the samples stay pending."""


class WorkerDiedError(TeachingError):
    """The training process ended in the middle of its work; the samples stay pending."""


class UnteachableError(TeachingError):
    """The model that answers was saved without what learning needs."""


class NoSuchVersionError(TeachingError):
    """The history holds no such version."""

    code = "NO_SUCH_VERSION"


class SnapshotEvictedError(TeachingError):
    """The version's snapshot is no longer kept."""

    code = "SNAPSHOT_EVICTED"


class NothingToUndoError(TeachingError):
    """Nothing has been taught that could be taken back."""

    code = "NOTHING_TO_UNDO"


class BusyError(TeachingError):
    """A lesson is running; this has to wait for its end."""

    code = "BUSY"


class BadModelFileError(TeachingError):
    """A model file that is torn, foreign or does not fit this session."""

    code = "BAD_FILE"


class WrongMethodError(TeachingError):
    """A model of another method, which cannot be merged with the one that answers."""

    code = "WRONG_METHOD"


class WrongProjectionError(TeachingError):
    """A model whose projection differs: its sums mean something else."""

    code = "WRONG_PROJECTION"


class NoSuchSharedModelError(TeachingError):
    """A model that is no longer handed out."""

    code = "NO_SUCH_SNAPSHOT"


class PeerSilentError(TeachingError):
    """Another graph's learner did not answer."""

    code = "PEER_SILENT"


class NoSuchMethodError(TeachingError):
    """No learner goes by this name, or what it trains with is not installed."""

    code = "NO_SUCH_METHOD"


class JournalIncompleteError(TeachingError):
    """The journal does not hold all that a rebuild needs."""

    code = "JOURNAL_INCOMPLETE"


class SessionClosedError(TeachingError):
    """The session has been closed."""


class LessonFailedError(TeachingError):
    """The learner raised an error that is none of the others; the samples stay pending."""
