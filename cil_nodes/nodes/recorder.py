"""The recorder: the graph's topics as an MCAP bag, pictures as JPEG.

Small topics are written as they come, byte for byte; images at no more than ``image_rate``, since
raw VGA at 30 Hz is 27 MB/s. Encoding and disk have a thread of their own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cil_msgs.msg import (
    FeatureVector,
    GroundTruth,
    LearnerState,
    Metrics,
    Prediction,
    Regions,
    UnknownClusterArray,
    UnknownObject,
)
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from cil_nodes.ros import qos
from cil_nodes.ros.bag_writer import BagWriter, next_free, offered_qos
from cil_nodes.ros.conversions import image_to_rgb, rgb_to_compressed
from cil_nodes.ros.lifecycle import BaseParameters, CilNode
from cil_nodes.ros.main import run
from cil_nodes.ros.parameters import parameter
from cil_nodes.ros.stamps import StampWatch
from cil_nodes.ros.throttle import Throttle
from cil_nodes.ros.topic_watch import type_name


@dataclass(frozen=True)
class Recorded:
    """A topic that is written as it comes."""

    topic: str
    kind: type
    profile: QoSProfile


SMALL_TOPICS = (
    Recorded("features", FeatureVector, qos.PATIENT),
    Recorded("predictions", Prediction, qos.PATIENT),
    Recorded("unknowns", UnknownObject, qos.PATIENT),
    Recorded("state", LearnerState, qos.STATE),
    Recorded("ground_truth", GroundTruth, qos.PATIENT),
    Recorded("metrics", Metrics, qos.PATIENT),
    Recorded("regions", Regions, qos.IMAGE),
    Recorded("camera_info", CameraInfo, qos.IMAGE),
    Recorded("unknown_clusters", UnknownClusterArray, qos.STATE),
)
"""Everything but images."""


class RecorderParameters(BaseParameters):
    """Parameters of the recorder node."""

    folder: str = parameter(
        "cil_bag",
        "Folder of the bag; where it exists, _2, _3, ... is put behind it: nothing is overwritten.",
        read_only=True,
    )
    image_rate: float = parameter(
        10.0, "Most images kept a second; 0 keeps none.", unit="Hz", low=0.0, high=120.0
    )
    jpeg_quality: int = parameter(85, "Quality of recorded images.", low=10, high=100)


class Recorder(CilNode[RecorderParameters]):
    """Lifecycle node that records while it is active; each activation begins a new bag."""

    Parameters = RecorderParameters

    def __init__(self, name: str = "recorder", **options: Any) -> None:
        super().__init__(name, **options)
        self._bag: BagWriter | None = None
        self._times = StampWatch()

    def configure(self) -> None:
        """Subscribe to the graph."""
        self._diagnostics.tell(self._facts)
        for item in SMALL_TOPICS:
            self._record(item.topic, item.kind, item.profile)
        self._due = Throttle(lambda: self.parameters.image_rate)
        for topic, kind, callback in (
            ("image", Image, self._on_image),
            ("image/compressed", CompressedImage, self._on_compressed),
        ):
            self.make_subscription(kind, topic, callback, qos.IMAGE, raw=True)

    def activate(self) -> None:
        """Begin a bag."""
        folder = next_free(Path(self.parameters.folder).expanduser().absolute())
        bag = BagWriter(folder, on_error=self._tell_error)
        for item in SMALL_TOPICS:
            latched = item.profile is qos.STATE
            offered = offered_qos(reliable=item.profile is not qos.IMAGE, latched=latched)
            bag.add_topic(self.resolve_topic_name(item.topic), type_name(item.kind), offered)
        bag.add_topic(
            self.resolve_topic_name("image/compressed"),
            type_name(CompressedImage),
            offered_qos(reliable=False, depth=5),
        )
        bag.start()
        self._bag = bag
        self.get_logger().info(f"Recording to {folder}")

    def deactivate(self) -> None:
        """Close the bag."""
        bag, self._bag = self._bag, None
        if bag is not None:
            bag.close()
            text = f"Recorded {bag.written} messages to {bag.folder}, {bag.dropped} dropped."
            if self.context.ok():
                self.get_logger().info(text)

    def _facts(self) -> dict[str, object]:
        """What diagnostics tell; the bag counts for itself, in its thread."""
        bag = self._bag
        if bag is None:
            return {}
        counts = self._diagnostics.counts
        counts["written"], counts["dropped"] = bag.written, bag.dropped
        return {"bag": bag.folder, "disk_free_mb": shutil.disk_usage(bag.folder).free >> 20}

    def _record(self, topic: str, kind: type, profile: QoSProfile) -> None:
        """Write every message of a topic, serialised as it came."""
        name = self.resolve_topic_name(topic)
        self.make_subscription(
            kind, topic, lambda data: self._put(name, bytes(data)), profile, raw=True
        )

    def _on_image(self, data: bytes) -> None:
        if self._due():
            quality = self.parameters.jpeg_quality
            self._put(
                self.resolve_topic_name("image/compressed"), lambda: compressed(data, quality)
            )

    def _on_compressed(self, data: bytes) -> None:
        if self._due():
            self._put(self.resolve_topic_name("image/compressed"), bytes(data))

    def _put(self, topic: str, payload: bytes | Callable[[], bytes]) -> None:
        now = self.get_clock().now().nanoseconds
        if back := self._times.went_back(now):
            self._begin_another(back)
        if self._bag is not None:
            self._bag.put(topic, now, payload)

    def _begin_another(self, back: float) -> None:
        """Begin a new bag, since one whose times go back mixes two runs when it is played."""
        self.deactivate()
        self.activate()
        self.troubles.tell(
            "clock",
            f"The clock went back by {back:.1f} s: what follows goes into a bag of its own.",
        )

    def _tell_error(self, text: str) -> None:
        self.troubles.tell(text, text, log=self.get_logger().error)


def compressed(data: bytes, quality: int) -> bytes:
    """Return a serialised ``Image`` as a serialised ``CompressedImage`` under the same header."""
    image = deserialize_message(data, Image)
    return bytes(serialize_message(rgb_to_compressed(image_to_rgb(image), image.header, quality)))


def main() -> int:
    """Run the recorder."""
    return run(Recorder)


if __name__ == "__main__":
    raise SystemExit(main())
