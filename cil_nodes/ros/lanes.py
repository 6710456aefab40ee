"""Threads for nodes that must answer while they wait.

A `Lane` takes some subscriptions off a node's executor: they run on a thread of their own, so that
a service that waits for a disk or for another node never delays them. `spin_pool` runs the rest of
the node on a few threads. rclpy gives a node one executor only, so a lane is a hidden node of its
own (its name begins with an underscore); topic names are resolved by the node it belongs to, so
namespaces and remappings hold.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.executors import MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.qos import QoSProfile

from cil_nodes.ros import qos
from cil_nodes.ros.lifecycle import SHUTDOWN_ERRORS, CilNode

JOIN_SECONDS = 5.0
"""How long the end of a lane waits for the callback that is running."""


class Lane:
    """Some subscriptions of a node, on a thread of their own.

    Parameters
    ----------
    node : CilNode
        The node they belong to; callbacks run only while it is active, and a failure in one is
        logged while the node lives on.
    name : str
        What the lane carries; the thread and the hidden node are called after it.
    """

    def __init__(self, node: CilNode, name: str) -> None:
        self._owner = node
        self._node = rclpy.create_node(
            f"_{node.get_name()}_{name}",
            namespace=node.get_namespace(),
            context=node.context,
            use_global_arguments=False,
            start_parameter_services=False,
            enable_rosout=False,
        )
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, name=f"{node.get_name()}-{name}")
        self._thread.daemon = True

    def subscribe(
        self,
        kind: type,
        topic: str,
        callback: Callable[[Any], None],
        profile: QoSProfile = qos.RESULT,
        raw: bool = False,
    ) -> None:
        """Subscribe to a topic of the owner's namespace; before `start`.

        With ``raw`` the callback gets the serialised bytes.
        """
        name = self._owner.resolve_topic_name(topic)
        self._node.create_subscription(
            kind,
            name,
            self._owner._guarded(callback, name),
            profile,
            raw=raw,
            event_callbacks=qos.subscription_events(self._owner, name),
        )

    def start(self) -> None:
        """Begin to call back."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread and destroy the subscriptions; safe to call again."""
        with contextlib.suppress(*SHUTDOWN_ERRORS):
            self._executor.shutdown(timeout_sec=JOIN_SECONDS)
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(JOIN_SECONDS)
        with contextlib.suppress(*SHUTDOWN_ERRORS):
            self._node.destroy_node()

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except SHUTDOWN_ERRORS:
            if self._owner.context.ok() and not self._executor._is_shutdown:
                self._owner.log_traceback(f"thread {self._thread.name}")


def spin_pool(node: CilNode, threads: int) -> None:
    """Run a node's callbacks on ``threads`` threads until shut down.

    Its start runs alone first: a failure there must end the process at once, and a pool reports
    failures only with the next callback.
    """
    start = SingleThreadedExecutor(context=node.context)
    start.add_node(node)
    try:
        while node._starter is not None and node.context.ok():
            start.spin_once()
    finally:
        with contextlib.suppress(*SHUTDOWN_ERRORS):
            start.remove_node(node)
    pool = MultiThreadedExecutor(num_threads=max(2, threads), context=node.context)
    pool.add_node(node)
    try:
        pool.spin()
    finally:
        with contextlib.suppress(*SHUTDOWN_ERRORS):
            pool.shutdown(timeout_sec=JOIN_SECONDS)
