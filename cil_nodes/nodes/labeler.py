"""The labeler: what a person says about what the camera saw.

It keeps the recent samples with small pictures and groups the unknown ones into questions. A label
is handed to the learner and acknowledged when the learner has it on disk; everything kept here may
be lost. The stream has a thread of its own; services and the action wait on a small pool.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

from cil_msgs.action import TeachObject
from cil_msgs.msg import FeatureVector, Prediction
from cil_msgs.srv import LabelSamples
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
from cil_nodes.ros.teach_goal import TeachGoal
from cil_nodes.ros.teaching_messages import (
    fail,
    prediction_from_message,
    refuse,
    sample_from_features,
)
from cil_nodes.ros.throttle import Throttle
from cil_nodes.teaching.errors import AlreadyTeachingError, TeachingError
from cil_nodes.teaching.feed import Feed
from cil_nodes.teaching.labels import normalise_label

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
        self._feed = Feed(
            settings.recent,
            lambda pixels, roi: thumbnail(pixels, roi, self.parameters.picture_side),
        )
        self._link = LearnerLink(self, lambda: self.parameters.learner_deadline)
        self._picture_due = Throttle(lambda: self.parameters.picture_rate)
        group = ReentrantCallbackGroup()
        self.make_service(LabelSamples, "label", self._label, group)
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
        lane.subscribe(FeatureVector, "features", self._on_features)
        lane.subscribe(Prediction, "predictions", self._on_prediction)
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

    # -- stream --------------------------------------------------------------------------------

    def _on_features(self, message: FeatureVector) -> None:
        self._feed.add_sample(sample_from_features(message))

    def _on_prediction(self, message: Prediction) -> None:
        self._feed.add_answer(prediction_from_message(message))

    def _on_image(self, kind: type, convert: Any, data: bytes) -> None:
        if self._picture_due():
            message = deserialize_message(data, kind)
            header = message.header
            self._feed.add_image(stamp_ns(header), header.frame_id, convert(message))

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
        found, missing = self._feed.find(request.sample_ids)
        response.missing_ids = missing
        if not found:
            response.error_code = response.NO_SUCH_SAMPLE
            response.message = (
                f"None of the {len(missing)} samples is here any more; the last "
                f"{self.parameters.recent} are kept (parameter `recent`)."
                if missing
                else "No samples were named: give sample_ids or a cluster_id."
            )
            return response
        receipt = self._link.add_samples(labelled(found, label), "label")
        response.accepted = receipt.accepted
        response.relabelled = receipt.relabelled
        response.pending = receipt.pending
        response.message = f"{receipt.accepted} samples of {label!r} are kept."
        if request.train_now:
            response.training_started = self._link.start_lesson(self.get_logger().info)
        return response

    # -- teach ---------------------------------------------------------------------------------

    def _teach(self, goal: Any) -> TeachObject.Result:
        """Watch, learn, check; one goal at a time."""
        if not self._teaching.acquire(blocking=False):
            goal.abort()
            return fail(TeachObject.Result(), AlreadyTeachingError())
        try:
            return TeachGoal(self, goal, self._feed, self._link).run()
        except Exception as error:
            self.log_traceback("teach")
            goal.abort()
            return fail(TeachObject.Result(), error)
        finally:
            self._teaching.release()


def main() -> int:
    """Run the labeler."""
    return run(Labeler)


if __name__ == "__main__":
    raise SystemExit(main())
