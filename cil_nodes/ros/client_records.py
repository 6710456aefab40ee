"""What the Python client answers."""

from __future__ import annotations

from dataclasses import dataclass

from cil_nodes.ros.teaching_messages import Region


@dataclass(frozen=True)
class Seen:
    """One prediction as it came.

    ``received_ns`` is the client's wall clock; ``top_k`` holds (label, score), best first. The
    other fields are those of ``Prediction.msg``.
    """

    sample_id: str
    stamp_ns: int
    frame_id: str
    roi: Region
    label: str
    score: float
    is_unknown: bool
    unknown_score: float
    top_k: tuple[tuple[str, float], ...]
    method: str
    version: int
    received_ns: int


@dataclass(frozen=True)
class Labelled:
    """What `Teacher.label` brought; the fields are those of ``LabelSamples.srv``."""

    accepted: int
    relabelled: int
    pending: int
    missing_ids: tuple[str, ...]
    training_started: bool


@dataclass(frozen=True)
class Taught:
    """What `Teacher.teach` brought; the fields are those of ``TeachObject.action``."""

    samples_captured: int
    version: int
    check_correct: int
    check_total: int
    confused_with: tuple[tuple[str, float], ...]
    old_accuracy_before: float
    old_accuracy_after: float
    summary: str


@dataclass(frozen=True)
class Switched:
    """What `Teacher.switch_method` brought; the fields are those of ``SwitchMethod.action``."""

    version: int
    seconds: float
    accuracy_before: float
    accuracy_after: float
