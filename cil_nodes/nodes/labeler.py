"""The labeler: what a person says about what the camera saw.

It keeps the recent samples with small pictures and groups the unknown ones into questions. A label
is handed to the learner and acknowledged when the learner has it on disk; everything kept here may
be lost. The stream has a thread of its own; services and the action wait on a small pool.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from cil_msgs.action import TeachObject
from cil_msgs.msg import FeatureVector, Prediction, UnknownClusterArray, UnknownObject
from cil_msgs.srv import AnswerCluster, LabelSamples
from rclpy.action import ActionServer, CancelResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CompressedImage, Image

from cil_nodes.ros import qos
from cil_nodes.ros.conversions import compressed_to_rgb, image_to_rgb, stamp_ns
from cil_nodes.ros.lanes import Lane, spin_pool
from cil_nodes.ros.learner_link import LearnerLink
from cil_nodes.ros.lifecycle import BaseParameters, CilNode
from cil_nodes.ros.main import run
from cil_nodes.ros.parameters import parameter
from cil_nodes.ros.pictures import thumbnail
from cil_nodes.ros.teach_messages import (
    clusters_to_message,
    outcome_to_result,
    plan_of,
    step_to_feedback,
)
from cil_nodes.ros.teaching_messages import (
    duration_to_seconds,
    fail,
    prediction_from_message,
    refuse,
    sample_from_features,
    scores_from_messages,
)
from cil_nodes.ros.throttle import Throttle
from cil_nodes.teaching.errors import LessonStoppedError, TeachingError
from cil_nodes.teaching.feed import Feed
from cil_nodes.teaching.guided import AlreadyTeachingError, GuidedLesson
from cil_nodes.teaching.labels import normalise_label
from cil_nodes.teaching.samples import Sample, check_sample
from cil_nodes.teaching.unknown_pool import UnknownPool

OVERTAKEN = 1.0
"""Seconds that a label waits for samples that have been predicted but have not come here yet."""

_SHOWN = 3  # sample ids named in a message; the rest is a number

POOL_THREADS = 6
"""Threads for services and the action; callers wait on them for the learner."""


class LabelerParameters(BaseParameters):
    """Parameters of the labeler node."""

    recent: int = parameter(
        2000,
        "Samples kept so that they can be labelled; at 30 a second 2000 is about a minute.",
        low=10,
        high=100_000,
        read_only=True,
    )
    picture_rate: float = parameter(
        10.0,
        "Most images a second from which small pictures are made; 0 makes none.",
        unit="Hz",
        low=0.0,
        high=10.0,
    )
    picture_side: int = parameter(
        160, "Longest side of a small picture.", unit="px", low=16, high=320
    )
    group_similarity: float = parameter(
        0.8,
        "Least cosine for unknown views to be one question; higher asks more questions.",
        low=0.0,
        high=1.0,
        read_only=True,
    )
    questions_period: float = parameter(
        1.0,
        "How often the questions are sent when they have changed.",
        unit="s",
        low=0.1,
        high=60.0,
        read_only=True,
    )
    learner_deadline: float = parameter(
        5.0, "How long the learner may take to answer a label.", unit="s", low=0.1, high=60.0
    )
    min_views: int = parameter(
        3, "Fewest views from which `teach` learns when time runs out before all are seen.", low=1
    )
    check_views: int = parameter(
        10, "Fresh views on which `teach` checks itself; 0 checks nothing.", low=0, high=100
    )
    check_timeout: float = parameter(
        3.0, "How long `teach` waits for the next fresh view.", unit="s", low=0.1, high=60.0
    )


class Labeler(CilNode[LabelerParameters]):
    """Lifecycle node between a person and the learner."""

    Parameters = LabelerParameters

    def __init__(self, name: str = "labeler", **options: Any) -> None:
        super().__init__(name, **options)
        self._lane: Lane | None = None
        self._teaching = threading.Lock()

    def configure(self) -> None:
        """Make the memory and offer the services."""
        settings = self.parameters
        self._diagnostics.count("features", "predictions")
        self._diagnostics.tell(self._facts)
        self._feed = Feed(
            settings.recent,
            lambda pixels, roi: thumbnail(pixels, roi, self.parameters.picture_side),
            lambda: UnknownPool(settings.group_similarity),
        )
        self._asked: list[Any] | None = None
        self._changed = ""
        self._link = LearnerLink(self, lambda: self.parameters.learner_deadline)
        self._picture_due = Throttle(lambda: self.parameters.picture_rate)
        group = ReentrantCallbackGroup()
        self._questions = self.make_publisher(UnknownClusterArray, "unknown_clusters", qos.STATE)
        self.make_timer(settings.questions_period, self._send_questions)
        self.make_service(LabelSamples, "label", self._label, group)
        self.make_service(AnswerCluster, "answer_cluster", self._answer_cluster, group)
        server = ActionServer(
            self,
            TeachObject,
            "teach",
            self._teach,
            callback_group=group,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )
        self.own(server, lambda action: action.destroy())

    def activate(self) -> None:
        """Begin to follow the stream."""
        lane = self._lane = Lane(self, "stream")
        lane.subscribe(FeatureVector, "features", self._on_features, qos.PATIENT)
        lane.subscribe(Prediction, "predictions", self._on_prediction, qos.PATIENT)
        lane.subscribe(UnknownObject, "unknowns", self._on_unknown, qos.PATIENT)
        for topic, kind, convert in (
            ("image", Image, image_to_rgb),
            ("image/compressed", CompressedImage, compressed_to_rgb),
        ):
            # Serialised, so that images above the rate cost next to nothing.
            take = partial(self._on_image, kind, convert)
            lane.subscribe(kind, topic, take, qos.IMAGE, raw=True)
        lane.start()

    def deactivate(self) -> None:
        """Stop following; a goal that runs ends."""
        if self._lane is not None:
            self._lane.close()
            self._lane = None

    def spin(self) -> None:
        """Run services and the action on a pool; the stream has its own thread."""
        spin_pool(self, POOL_THREADS)

    def _facts(self) -> dict[str, object]:
        """What diagnostics tell beside counts."""
        return {
            "kept": len(self._feed),
            "questions": len(self._asked or ()),
            "teaching": self._teaching.locked(),
        }

    # -- stream --------------------------------------------------------------------------------

    def _on_features(self, message: FeatureVector) -> None:
        sample = sample_from_features(message)
        check_sample(sample)
        before, kept = self._feed.encoder_id, len(self._feed)
        self._feed.add_sample(sample)
        if before not in ("", sample.encoder_id):
            self._changed = (
                f"The encoder changed from {before} to {sample.encoder_id}; what was seen with the "
                f"earlier one ({kept} samples) cannot be labelled any more."
            )
            self.troubles.tell("encoder", self._changed)
        self._diagnostics.counts["features"] += 1

    def _on_prediction(self, message: Prediction) -> None:
        self._feed.add_answer(prediction_from_message(message))
        self._diagnostics.counts["predictions"] += 1

    def _on_unknown(self, message: UnknownObject) -> None:
        nearest = scores_from_messages(message.nearest)
        self._feed.add_unknown(message.sample_id, message.unknown_score, nearest)

    def _on_image(self, kind: type, convert: Any, data: bytes) -> None:
        if self._picture_due():
            message = deserialize_message(data, kind)
            header = message.header
            self._feed.add_image(stamp_ns(header), header.frame_id, convert(message))
            self._diagnostics.counts["pictures"] += 1

    # -- services ------------------------------------------------------------------------------

    def _label(self, request: Any, response: Any) -> Any:
        """Hand labelled samples to the learner; answered when it has them on disk."""
        try:
            return self._label_or_raise(request, response)
        except TeachingError as error:
            self.get_logger().warning(f"label: {error}")
            return refuse(response, error, "STORAGE_FAILED")
        except Exception as error:
            self.log_traceback("service label")
            return refuse(response, error, "STORAGE_FAILED")

    def _label_or_raise(self, request: Any, response: Any) -> Any:
        label = normalise_label(request.label)
        found, response.missing_ids = self._find(self._named(request))
        if not found:
            raise no_such_sample(response.missing_ids, self.parameters.recent, self._changed)
        receipt = self._link.add_samples(labelled(found, label), "label")
        self._diagnostics.counts["labelled"] += receipt.accepted
        self._feed.pool.remove(sample.sample_id for sample in found)
        response.accepted = receipt.accepted
        response.relabelled = receipt.relabelled
        response.pending = receipt.pending
        response.message = f"{receipt.accepted} samples of {label!r} are kept."
        if response.missing_ids:
            response.message += f" Not kept: {missing(response.missing_ids)}."
        if request.train_now:
            response.training_started = self._link.start_lesson(self.get_logger().info)
        return response

    def _find(self, sample_ids: list[str]) -> tuple[list[Sample], list[str]]:
        """Find samples; missing ones get a moment, for a prediction may overtake its features."""
        end = time.monotonic() + OVERTAKEN
        while True:
            found, missing = self._feed.find(sample_ids)
            if not missing or time.monotonic() >= end:
                return found, missing
            time.sleep(0.02)

    def _named(self, request: Any) -> list[str]:
        """Return the ids that a request names, by themselves or as a cluster."""
        ids = list(request.sample_ids)
        if request.cluster_id < 0:
            return ids
        try:
            # The answer names at most 256 missing ones; a group remembers fewer than that.
            return (ids + self._feed.pool.members(request.cluster_id))[:256]
        except KeyError:
            raise no_such_cluster(request.cluster_id) from None

    def _answer_cluster(self, request: Any, response: Any) -> Any:
        """Put a question off, or never ask it again."""
        try:
            if request.answer == request.DISMISS:
                self._feed.pool.dismiss(request.cluster_id)
            else:
                seconds = duration_to_seconds(request.put_off) or 600.0
                self._feed.pool.put_off(request.cluster_id, seconds)
            response.message = "Not asked again." if request.answer == request.DISMISS else "Later."
        except KeyError:
            return refuse(response, no_such_cluster(request.cluster_id), "NO_SUCH_CLUSTER")
        return response

    def _send_questions(self) -> None:
        """Send the questions when they have changed."""
        groups = self._feed.groups()[:64]
        pictures = [self._feed.pictures(group.exemplar_ids) for group in groups]
        # Pictures may come after the samples they belong to.
        asked = [
            (group, [bool(p) for p in shown]) for group, shown in zip(groups, pictures, strict=True)
        ]
        if asked != self._asked:
            self._asked = asked
            stamp = self.get_clock().now().to_msg()
            self._questions.publish(clusters_to_message(groups, pictures, stamp))

    # -- teach ---------------------------------------------------------------------------------

    def _teach(self, goal: Any) -> TeachObject.Result:
        """Watch, learn, check; one goal at a time."""
        result = TeachObject.Result()
        if not self._teaching.acquire(blocking=False):
            goal.abort()
            return fail(
                result, AlreadyTeachingError("Another object is being taught; wait for it.")
            )
        lesson: GuidedLesson | None = None
        try:
            lesson = self._lesson_for(goal)
            outcome_to_result(lesson.run(), result)
            goal.succeed()
        except Exception as error:
            result.samples_captured = len(lesson.collector.samples) if lesson else 0
            self._end_badly(goal, result, error)
        finally:
            self._teaching.release()
        return result

    def _lesson_for(self, goal: Any) -> GuidedLesson:
        return GuidedLesson(
            plan_of(goal.request, self.parameters),
            self._feed,
            self._link,
            report=lambda step: goal.is_active and goal.publish_feedback(step_to_feedback(step)),
            should_stop=lambda: goal.is_cancel_requested or not self.is_active,
        )

    def _end_badly(self, goal: Any, result: Any, error: Exception) -> None:
        if isinstance(error, LessonStoppedError) and goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.abort()
        if isinstance(error, TeachingError):
            self.get_logger().warning(f"teach: {error}")
        else:
            self.log_traceback("teach")
        fail(result, error)
        result.summary = result.error_msg


class NoSuchSampleError(TeachingError):
    """None of the samples named is kept any more."""

    code = "NO_SUCH_SAMPLE"


def no_such_sample(gone: Sequence[str], kept: int, why: str = "") -> NoSuchSampleError:
    """Return the error for samples of which none is here; ``why`` tells of a new encoder."""
    if not gone:
        return NoSuchSampleError("No samples were named: give sample_ids or a cluster_id.")
    text = (
        f"{missing(gone)}: none is here. The last {kept} samples are kept (parameter `recent`), "
        "and those asked about in unknown_clusters; show the thing again and label what is new."
    )
    return NoSuchSampleError(f"{text} {why}".rstrip())


def missing(sample_ids: Sequence[str]) -> str:
    """Name samples that are not here, the first few of them by their ids."""
    shown = ", ".join(sample_ids[:_SHOWN])
    more = f" and {len(sample_ids) - _SHOWN} more" if len(sample_ids) > _SHOWN else ""
    return f"sample {shown}{more}"


class NoSuchClusterError(TeachingError):
    """There is no such group of unknowns."""

    code = "NO_SUCH_CLUSTER"


def no_such_cluster(number: int) -> NoSuchClusterError:
    """Return the error for a group that is not there."""
    return NoSuchClusterError(
        f"There is no cluster {number}; it may have been named, merged or grown old. The present "
        "ones are on unknown_clusters."
    )


def labelled(samples: list[Sample], label: str) -> list[Sample]:
    """Return the samples with their label."""
    return [dataclasses.replace(sample, label=label) for sample in samples]


def main() -> int:
    """Run the labeler."""
    return run(Labeler)


if __name__ == "__main__":
    raise SystemExit(main())
