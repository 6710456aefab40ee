"""A node of the benchmark's own, spun in a thread."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from cil_nodes.ros.lifecycle import SHUTDOWN_ERRORS

PATIENCE = 5.0
"""Seconds that its end may take."""


@contextlib.contextmanager
def station(name: str, namespace: str) -> Iterator[Node]:
    """Run a node; make its subscriptions and clients at any time."""
    context = Context()
    rclpy.init(context=context, signal_handler_options=rclpy.SignalHandlerOptions.NO)
    node = rclpy.create_node(name, namespace=namespace, context=context, enable_rosout=False)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)

    def spin() -> None:
        with contextlib.suppress(*SHUTDOWN_ERRORS):
            executor.spin()

    thread = threading.Thread(target=spin, name=name, daemon=True)
    thread.start()
    try:
        yield node
    finally:
        with contextlib.suppress(*SHUTDOWN_ERRORS):
            executor.shutdown(timeout_sec=PATIENCE)
        thread.join(PATIENCE)
        with contextlib.suppress(*SHUTDOWN_ERRORS):
            node.destroy_node()
        context.try_shutdown()
