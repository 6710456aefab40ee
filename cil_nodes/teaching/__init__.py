"""Teaching: the session between a stream of samples and a learner. Knows no ROS."""

from cil_nodes.teaching.errors import TeachingError
from cil_nodes.teaching.labels import BACKGROUND_LABEL, UNKNOWN_LABEL, normalise_label
from cil_nodes.teaching.records import (
    Cause,
    ClassSummary,
    LessonResult,
    Phase,
    Prediction,
    Receipt,
    SessionState,
    Version,
)
from cil_nodes.teaching.samples import Sample
from cil_nodes.teaching.session import Session

__all__ = [
    "BACKGROUND_LABEL",
    "UNKNOWN_LABEL",
    "Cause",
    "ClassSummary",
    "LessonResult",
    "Phase",
    "Prediction",
    "Receipt",
    "Sample",
    "Session",
    "SessionState",
    "TeachingError",
    "Version",
    "normalise_label",
]
