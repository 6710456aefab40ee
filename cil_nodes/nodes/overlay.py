"""The overlay: the camera's image with what the learner says written on it."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any

from cil_msgs.msg import Prediction
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CompressedImage, Image

from cil_nodes.ros import qos
from cil_nodes.ros.conversions import (
    compressed_to_rgb,
    image_to_rgb,
    rgb_to_image,
    roi_tuple,
    stamp_ns,
)
from cil_nodes.ros.lifecycle import BaseParameters, CilNode
from cil_nodes.ros.main import run
from cil_nodes.ros.parameters import parameter
from cil_nodes.ros.pictures import Mark, draw_marks
from cil_nodes.ros.throttle import Throttle

KEPT = 32
"""Images, and stamps with answers, kept while the other half is missing."""


class OverlayParameters(BaseParameters):
    """Parameters of the overlay node."""

    rate: float = parameter(
        10.0, "Most images sent a second.", unit="Hz", low=0.5, high=30.0, read_only=True
    )


class Overlay(CilNode[OverlayParameters]):
    """Lifecycle node that draws answers on the image they belong to."""

    Parameters = OverlayParameters

    def __init__(self, name: str = "overlay", **options: Any) -> None:
        super().__init__(name, **options)

    def configure(self) -> None:
        """Subscribe; a timer sends the newest image that has answers."""
        self._images: OrderedDict[int, Image | CompressedImage] = OrderedDict()
        self._marks: OrderedDict[int, list[Mark]] = OrderedDict()
        self._due = Throttle(lambda: self.parameters.rate)
        self._diagnostics.count("images", "sent")
        self._diagnostics.measure("draw")
        self._publisher = self.make_publisher(Image, "annotated", qos.IMAGE)
        self.make_subscription(Prediction, "predictions", self._on_prediction, qos.RESULT)
        self._subscribe("image", Image)
        self._subscribe("image/compressed", CompressedImage)
        self.make_timer(1.0 / self.parameters.rate, self._send_newest)

    def _subscribe(self, topic: str, kind: type) -> None:
        """Take images serialised, so that those above the rate cost next to nothing."""

        def take(data: bytes) -> None:
            if self._due():
                message = deserialize_message(data, kind)
                self._images[stamp_ns(message.header)] = message
                self._diagnostics.counts["images"] += 1
                trim(self._images)

        self.make_subscription(kind, topic, take, qos.IMAGE, raw=True)

    def _on_prediction(self, message: Prediction) -> None:
        mark = Mark(roi_tuple(message.roi), message.label, message.score, message.is_unknown)
        self._marks.setdefault(stamp_ns(message.header), []).append(mark)
        self._diagnostics.counts["predictions"] += 1
        trim(self._marks)

    def _send_newest(self) -> None:
        """Send the newest image that has answers, and drop what is older."""
        ready = [stamp for stamp in self._images if stamp in self._marks]
        if not ready:
            return
        newest, start = max(ready), time.monotonic()
        message, marks = self._images[newest], self._marks[newest]
        for store in (self._images, self._marks):
            for stamp in [stamp for stamp in store if stamp <= newest]:
                del store[stamp]
        pixels = image_to_rgb(message) if isinstance(message, Image) else compressed_to_rgb(message)
        self._publisher.publish(rgb_to_image(draw_marks(pixels, marks), message.header))
        self._diagnostics.counts["sent"] += 1
        self._diagnostics.latency["draw"].add(time.monotonic() - start)


def trim(store: OrderedDict[int, Any]) -> None:
    """Keep the newest entries only."""
    while len(store) > KEPT:
        store.popitem(last=False)


def main() -> int:
    """Run the overlay."""
    return run(Overlay)


if __name__ == "__main__":
    raise SystemExit(main())
