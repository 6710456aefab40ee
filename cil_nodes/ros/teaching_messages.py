"""Between the teaching ring's dataclasses and cil_msgs.

Headers, regions and sample ids are copied unchanged; times are integers of nanoseconds; bounded
fields are cut here, since they are not checked on assignment.
"""

from __future__ import annotations

import array
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration, Time
from cil_msgs.action import SwitchMethod, TrainPhase
from cil_msgs.msg import (
    ClassInfo,
    ClassScore,
    FeatureVector,
    LearnerState,
    ModelVersion,
    UnknownObject,
)
from cil_msgs.msg import Prediction as PredictionMessage
from cil_msgs.msg import Sample as SampleMessage
from std_msgs.msg import Header

from cil_nodes.learners.base import Reason, UnknownReason
from cil_nodes.ros.conversions import (
    float_array,
    make_header,
    roi_message,
    roi_tuple,
    stamp_ns,
    vector_of,
)
from cil_nodes.teaching.errors import TeachingError
from cil_nodes.teaching.records import (
    Cause,
    ClassSummary,
    LessonResult,
    Phase,
    Prediction,
    SessionState,
    SwitchResult,
    Version,
)
from cil_nodes.teaching.samples import Sample

NANOSECONDS = 1_000_000_000
MAX_PICTURE_BYTES = 16 * 1024
"""Longest picture of a sample that travels on."""

Region = tuple[int, int, int, int]

_PHASES = {
    Phase.IDLE.value: LearnerState.IDLE,
    Phase.COLLECTING.value: LearnerState.COLLECTING,
    Phase.TRAINING.value: LearnerState.TRAINING,
    Phase.FAILED.value: LearnerState.FAILED,
}
_PHASE_NAMES = {number: name for name, number in _PHASES.items()}

STAGES = {
    "preparing": TrainPhase.Feedback.PREPARING,
    "fitting": TrainPhase.Feedback.FITTING,
    "validating": TrainPhase.Feedback.VALIDATING,
    "swapping": TrainPhase.Feedback.SWAPPING,
}
"""Stages of a lesson, by the session's names."""


# --- small things ---------------------------------------------------------------------------------


def stamp_to_ns(stamp: Time | Duration) -> int:
    """Return a time or duration in nanoseconds."""
    return int(stamp.sec) * NANOSECONDS + int(stamp.nanosec)


def ns_to_stamp(nanoseconds: int) -> Time:
    """Return nanoseconds since the epoch as a stamp."""
    return Time(sec=nanoseconds // NANOSECONDS, nanosec=nanoseconds % NANOSECONDS)


def seconds_to_duration(seconds: float) -> Duration:
    """Return seconds as a duration; negative ones become zero."""
    nanoseconds = max(0, round(seconds * NANOSECONDS))
    return Duration(sec=nanoseconds // NANOSECONDS, nanosec=nanoseconds % NANOSECONDS)


def duration_to_seconds(duration: Duration) -> float:
    """Return a duration in seconds."""
    return duration.sec + duration.nanosec / NANOSECONDS


def clip(text: str, size: int) -> str:
    """Return ``text`` cut to ``size`` bytes of UTF-8, at a whole character."""
    raw = text.encode()
    return text if len(raw) <= size else raw[: size - 3].decode(errors="ignore") + "…"


def scores_to_messages(scores: Iterable[tuple[str, float]], limit: int) -> list[ClassScore]:
    """Return the first ``limit`` (label, score) pairs as messages."""
    pairs = list(scores)[:limit]
    return [ClassScore(label=str(label), score=float(score)) for label, score in pairs]


def scores_from_messages(scores: Iterable[ClassScore]) -> tuple[tuple[str, float], ...]:
    """Return (label, score) pairs."""
    return tuple((score.label, score.score) for score in scores)


# --- samples --------------------------------------------------------------------------------------


def sample_from_features(message: FeatureVector) -> Sample:
    """Return the unlabelled sample that a feature vector is; its data are not copied."""
    return Sample(
        sample_id=message.sample_id,
        stamp_ns=stamp_ns(message.header),
        frame_id=message.header.frame_id,
        roi=roi_tuple(message.roi),
        encoder_id=message.encoder_id,
        features=np.asarray(message.data, dtype=np.float32),
    )


def sample_from_message(message: SampleMessage) -> Sample:
    """Return the sample that ``AddSamples`` and ``ListSamples`` carry."""
    return Sample(
        sample_id=message.sample_id,
        stamp_ns=stamp_ns(message.header),
        frame_id=message.header.frame_id,
        roi=roi_tuple(message.roi),
        encoder_id=message.encoder_id,
        features=vector_of(message.data),
        label=message.label,
        picture=bytes(message.picture.data),
    )


def sample_to_message(sample: Sample) -> SampleMessage:
    """Return a sample as a message; a picture above 16 KiB is left out."""
    message = SampleMessage()
    message.header = make_header(sample.stamp_ns, sample.frame_id)
    message.roi = roi_message(sample.roi)
    message.sample_id = sample.sample_id
    message.encoder_id = sample.encoder_id
    message.label = sample.label
    message.data = float_array(sample.features)
    if 0 < len(sample.picture) <= MAX_PICTURE_BYTES:
        message.picture.header = message.header
        message.picture.format = "jpeg"
        message.picture.data = array.array("B", sample.picture)
    return message


# --- answers --------------------------------------------------------------------------------------


def prediction_to_message(prediction: Prediction, source: FeatureVector) -> PredictionMessage:
    """Return an answer under the header of the features it answers."""
    return PredictionMessage(
        header=source.header,
        roi=source.roi,
        sample_id=source.sample_id,
        label=prediction.label,
        score=float(prediction.score),
        is_unknown=bool(prediction.is_unknown),
        unknown_score=float(prediction.unknown_score),
        top_k=scores_to_messages(prediction.top_k, 10),
        method=prediction.method,
        version=prediction.version,
    )


def unknown_to_message(prediction: Prediction, source: FeatureVector) -> UnknownObject:
    """Return an answer that is "unknown" with its reason."""
    reason = prediction.reason or UnknownReason(Reason.LOW_CONFIDENCE)
    return UnknownObject(
        header=source.header,
        roi=source.roi,
        sample_id=source.sample_id,
        unknown_score=float(prediction.unknown_score),
        threshold=float(prediction.threshold),
        reason=int(reason.code),
        novelty=float(reason.novelty),
        router_entropy=float(reason.router_entropy),
        router_disagreement=float(reason.router_disagreement),
        claimants=[str(label) for label in reason.claimants[:10]],
        nearest=scores_to_messages(prediction.top_k, 5),
    )


def prediction_from_message(message: PredictionMessage) -> Prediction:
    """Return the answer in a message; threshold and reason travel on ``unknowns`` only."""
    return Prediction(
        sample_id=message.sample_id,
        label=message.label,
        score=message.score,
        is_unknown=message.is_unknown,
        unknown_score=message.unknown_score,
        threshold=math.nan,
        top_k=scores_from_messages(message.top_k),
        reason=None,
        method=message.method,
        version=message.version,
    )


# --- state and history ----------------------------------------------------------------------------


def class_to_message(summary: ClassSummary) -> ClassInfo:
    """Return one class of the state."""
    return ClassInfo(
        index=summary.index,
        label=summary.label,
        samples=summary.samples,
        version_added=summary.version_added,
        recall=float(summary.recall),
    )


def state_to_message(state: SessionState, stamp: Time) -> LearnerState:
    """Return the session's state; ``stamp`` is the time of the change."""
    return LearnerState(
        header=Header(stamp=stamp),
        method=state.method,
        encoder_id=state.encoder_id,
        state=_PHASES[str(getattr(state.phase, "value", state.phase))],
        version=state.version,
        classes=[class_to_message(summary) for summary in state.classes],
        pending_samples=state.pending,
        unknown_threshold=float(state.unknown_threshold),
        unknown_calibrated=bool(state.unknown_calibrated),
        memory_bytes=int(state.memory_bytes),
        journal_bytes=int(state.journal_bytes),
        snapshot=clip(state.snapshot, 64),
        message=clip(state.message, 256),
    )


def state_from_message(message: LearnerState) -> SessionState:
    """Return the state that a message shows."""
    return SessionState(
        method=message.method,
        encoder_id=message.encoder_id,
        phase=_PHASE_NAMES.get(message.state, Phase.FAILED.value),
        version=message.version,
        classes=tuple(
            ClassSummary(c.index, c.label, c.samples, c.version_added, c.recall)
            for c in message.classes
        ),
        pending=message.pending_samples,
        unknown_threshold=message.unknown_threshold,
        unknown_calibrated=message.unknown_calibrated,
        memory_bytes=message.memory_bytes,
        journal_bytes=message.journal_bytes,
        snapshot=message.snapshot,
        message=message.message,
    )


def version_to_message(version: Version) -> ModelVersion:
    """Return one entry of the history."""
    return ModelVersion(
        version=version.version,
        parent=version.parent,
        restored=version.restored,
        stamp=ns_to_stamp(version.stamp_ns),
        cause=int(version.cause),
        method=version.method,
        labels=list(version.labels[:64]),
        samples=version.samples,
        accuracy=float(version.accuracy),
        available=bool(version.available),
    )


def version_from_message(message: ModelVersion) -> Version:
    """Return the entry of the history that a message shows."""
    return Version(
        version=message.version,
        parent=message.parent,
        restored=message.restored,
        stamp_ns=stamp_to_ns(message.stamp),
        cause=Cause(message.cause),
        method=message.method,
        labels=tuple(message.labels),
        samples=message.samples,
        accuracy=message.accuracy,
        available=message.available,
    )


# --- lessons and errors ---------------------------------------------------------------------------


def lesson_to_result(lesson: LessonResult) -> TrainPhase.Result:
    """Return what a lesson brought as the action's result."""
    return TrainPhase.Result(
        version=lesson.version,
        new_labels=list(lesson.new_labels),
        samples_trained=lesson.samples,
        train_seconds=float(lesson.seconds),
        accuracy_before=float(lesson.accuracy_before),
        accuracy_after=float(lesson.accuracy_after),
        new_class_accuracy=float(lesson.new_class_accuracy),
        snapshot=clip(lesson.snapshot, 64),
    )


def lesson_from_result(result: TrainPhase.Result) -> LessonResult:
    """Return the lesson that an action's result tells of."""
    return LessonResult(
        version=result.version,
        new_labels=tuple(result.new_labels),
        samples=result.samples_trained,
        seconds=result.train_seconds,
        accuracy_before=result.accuracy_before,
        accuracy_after=result.accuracy_after,
        new_class_accuracy=result.new_class_accuracy,
        snapshot=result.snapshot,
    )


def switch_to_result(switch: SwitchResult) -> SwitchMethod.Result:
    """Return what a switch brought as the action's result."""
    return SwitchMethod.Result(
        version=switch.version,
        accuracy_before=float(switch.accuracy_before),
        accuracy_after=float(switch.accuracy_after),
        seconds=float(switch.seconds),
    )


def error_code(answer: Any, error: BaseException, fallback: str) -> int:
    """Return the number that ``answer`` has for an error.

    Parameters
    ----------
    answer
        A service response or an action result, whose constants carry the codes.
    error
        A `TeachingError`, or anything else that went wrong.
    fallback
        Name of the constant that stands for what ``answer`` has no name for.
    """
    name = error.code if isinstance(error, TeachingError) else fallback
    return int(getattr(answer, name, getattr(answer, fallback)))


def refuse(response: Any, error: BaseException, fallback: str) -> Any:
    """Fill code and words of an error into a service response, and return it."""
    response.error_code = error_code(response, error, fallback)
    response.message = str(error) or type(error).__name__
    return response


def fail(result: Any, error: BaseException, fallback: str = "UNKNOWN") -> Any:
    """Fill code and words of an error into an action result, and return it."""
    result.error_code = error_code(result, error, fallback)
    result.error_msg = str(error) or type(error).__name__
    return result


def code_name(answer: Any) -> str:
    """Return the name of the error code in a response or result, such as ``NOTHING_PENDING``.

    The text's constants are the only list of names; a number without a name is given as it is.
    """
    number = answer.error_code
    for name in dir(type(answer)):
        if name.isupper() and getattr(answer, name) == number:
            return name
    return str(number)
