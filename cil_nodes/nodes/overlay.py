"""The overlay: the camera's image with what the learner says written on it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
from cil_msgs.msg import Prediction
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from cil_nodes.ros import qos
from cil_nodes.ros.conversions import compressed_to_rgb, image_to_rgb, rgb_to_image
from cil_nodes.ros.drawing import Mark, draw_marks
from cil_nodes.ros.lifecycle import BaseParameters, CilNode
from cil_nodes.ros.main import run
from cil_nodes.ros.parameters import parameter
from cil_nodes.ros.teaching_messages import region_to_tuple, stamp_to_ns
from cil_nodes.ros.throttle import Throttle

KEPT = 16
"""Images and stamps kept while the other half is missing."""


class OverlayParameters(BaseParameters):
    """Parameters of the overlay node."""

    rate: float = parameter(10.0, "Most images sent a second.", unit="Hz", low=0.5, high=30.0)


class Overlay(CilNode[OverlayParameters]):
    """Lifecycle node that draws predictions on the image they belong to."""

    Parameters = OverlayParameters

    def configure(self) -> None:
        """Subscribe; the timer sends."""
        self._images: OrderedDict[int, tuple[Header, np.ndarray]] = OrderedDict()
        self._marks: OrderedDict[int, list[Mark]] = OrderedDict()
        self._due = Throttle(lambda: self.parameters.rate)
        self._publisher = self.make_publisher(Image, "annotated", qos.IMAGE)
        self.make_subscription(Prediction, "predictions", self._on_prediction, qos.RESULT)
        for topic, kind, convert in (
            ("image", Image, image_to_rgb),
            ("image/compressed", CompressedImage, compressed_to_rgb),
        ):
            self._subscribe_raw(topic, kind, convert)
        self.make_timer(1.0 / self.parameters.rate, self._send_newest)

    def __init__(self, name: str = "overlay", **options: Any) -> None:
        super().__init__(name, **options)

    def _subscribe_raw(self, topic: str, kind: type, convert: Any) -> None:
        """Take images serialised, so that those over the rate cost next to nothing."""

        def take(data: bytes) -> None:
            if self._due():
                message = deserialize_message(data, kind)
                self._keep(self._images, stamp_to_ns(message.header.stamp)).append(message)
                stamp = stamp_to_ns(message.header.stamp)
                self._images[stamp] = (message.header, convert(message))

        handle = self.create_subscription(
            kind, topic, self._guarded(take, topic), qos.IMAGE, raw=True
        )
        self.own(handle, self.destroy_subscription)
