"""A camera driver for measurements: canned pictures at a steady rate, from a process of its own.

Its images are serialised once and sent as bytes, since a driver in C++ spends next to nothing on
making a message, and what is measured is everything after it. ``camera_info`` goes out with the
same stamp just after each image, as drivers publish it.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import struct
import threading
import time
from collections.abc import Sequence

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, Image

from cil_nodes.live_bench.canned import HEIGHT, RATE, WIDTH, pictures
from cil_nodes.ros import qos
from cil_nodes.ros.conversions import make_header, rgb_to_image
from cil_nodes.ros.lifecycle import SHUTDOWN_ERRORS

FRAME = "canned"
STAMP = struct.Struct("<iI")
STAMP_AT = 4
"""Where the stamp of a message lies that begins with a header: after the encapsulation."""


def canned_messages() -> list[bytearray]:
    """Return the pictures as serialised bgr8 images."""
    header = make_header(0, FRAME)
    made = (rgb_to_image(picture, header, "bgr8") for picture in pictures())
    return [bytearray(serialize_message(image)) for image in made]


def send(node: rclpy.node.Node, rate: float, stop: threading.Event) -> int:
    """Send images until told to stop; return how many."""
    images = node.create_publisher(Image, "image", qos.IMAGE)
    infos = node.create_publisher(CameraInfo, "camera_info", qos.IMAGE)
    messages, sent, due = canned_messages(), 0, time.monotonic()
    while not stop.wait(max(0.0, due - time.monotonic())):
        due = max(due + 1.0 / rate, time.monotonic())  # a camera never catches up in a burst
        stamp = time.time_ns()
        message = messages[sent % len(messages)]
        STAMP.pack_into(message, STAMP_AT, *divmod(stamp, 1_000_000_000))
        images.publish(bytes(message))
        infos.publish(CameraInfo(header=make_header(stamp, FRAME), height=HEIGHT, width=WIDTH))
        sent += 1
    return sent


def main(arguments: Sequence[str] | None = None) -> None:
    """Send until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("namespace")
    parser.add_argument("--rate", type=float, default=RATE)
    options = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    rclpy.init(args=[], signal_handler_options=rclpy.SignalHandlerOptions.NO)
    node = rclpy.create_node("driver", namespace=options.namespace, enable_rosout=False)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    with contextlib.suppress(*SHUTDOWN_ERRORS):
        send(node, options.rate, stop)
    executor.shutdown(1)
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()
