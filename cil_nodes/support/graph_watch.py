"""Looks at a running graph from outside: who is there, in which state, and what each tells.

It subscribes to diagnostics and to the learner's latched state only, never to images.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import rclpy
from cil_msgs.msg import LearnerState
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import GetState
from rclpy.executors import SingleThreadedExecutor

from cil_nodes.ros import graph, qos
from cil_nodes.ros.lifecycle import SHUTDOWN_ERRORS
from cil_nodes.ros.teaching_messages import state_from_message
from cil_nodes.teaching.records import SessionState

LEVELS = {b"\x00": "ok", b"\x01": "warning", b"\x02": "error", b"\x03": "stale"}
STALE = 4.0
"""Seconds after which a node that told of itself every second has fallen silent."""

AGAIN = 2.0
"""Seconds after which a node is asked for its state again; an early answer gets lost."""


@dataclass(frozen=True)
class NodeReport:
    """One node of the graph as it is seen from outside.

    Attributes
    ----------
    name : str
        Without its namespace.
    running : int
        How many nodes of this name there are.
    state : str
        Lifecycle state; ``no answer`` where it does not say.
    level : str
        ``ok``, ``warning``, ``error``, ``stale`` (silent for seconds) or ``silent`` (from the
        beginning).
    message : str
        What it says of itself.
    values : dict of str to str
        Everything it tells; see docs/help.md.
    """

    name: str
    running: int
    state: str
    level: str
    message: str
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class GraphReport:
    """A graph at one moment; ``learner`` is None while no state has come."""

    namespace: str
    nodes: tuple[NodeReport, ...]
    image_publishers: int
    learner: SessionState | None = None


class GraphWatch:
    """Follows the graph of one namespace; a context manager.

    Parameters
    ----------
    namespace : str
        Without slashes at its ends.
    """

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace.strip("/")
        self._lock = threading.Lock()
        self._told: dict[str, tuple[float, Any]] = {}
        self._states: dict[str, str] = {}
        self._asked: dict[str, float] = {}
        self._clients: dict[str, Any] = {}
        self._learner: LearnerState | None = None

    def __enter__(self) -> GraphWatch:
        self._context = rclpy.Context()
        self._context.init(args=[])
        self.node = rclpy.create_node(
            f"_cil_status_{os.getpid()}",
            namespace=f"/{self.namespace}",
            context=self._context,
            enable_rosout=False,
            start_parameter_services=False,
        )
        for topic in ("/diagnostics", "diagnostics"):  # remapped by cil up, or as a node has it
            self.node.create_subscription(DiagnosticArray, topic, self._on_told, qos.RESULT)
        self.node.create_subscription(LearnerState, "state", self._on_state, qos.STATE)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, name="status", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(timeout_sec=2.0)
        self._thread.join(2.0)
        with contextlib.suppress(*SHUTDOWN_ERRORS):
            self.node.destroy_node()
        self._context.try_shutdown()

    def _spin(self) -> None:
        with contextlib.suppress(*SHUTDOWN_ERRORS):
            self._executor.spin()

    def _on_told(self, message: DiagnosticArray) -> None:
        with self._lock:
            for status in message.status:
                self._told[status.name] = (time.monotonic(), status)

    def _on_state(self, message: LearnerState) -> None:
        self._learner = message

    def settle(self, seconds: float, whole: Callable[[GraphReport], bool]) -> GraphReport:
        """Look until the graph is whole and every node has told of itself.

        Parameters
        ----------
        seconds : float
            How long at most; nodes on a busy machine are found late.
        whole : callable
            Whether all that should be there is.

        Returns
        -------
        GraphReport
            What was seen by then.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            report = self.report()
            told = report.learner is not None and all(_has_told(node) for node in report.nodes)
            if told and whole(report):
                return report
            time.sleep(0.1)
        return self.report()

    def report(self) -> GraphReport:
        """Return what is known now; questions that it puts are answered by a later one."""
        running = self.names()
        running += [name for name in self._heard() if name not in running]
        image = self.node.resolve_topic_name("image")
        state = self._learner
        return GraphReport(
            namespace=self.namespace,
            nodes=tuple(
                self._node_report(name, running.count(name))
                for name in graph.NODES
                if name in running
            ),
            image_publishers=self.node.count_publishers(image),
            learner=None if state is None else state_from_message(state),
        )

    def _heard(self) -> list[str]:
        """Names of nodes that tell of themselves, found or not."""
        with self._lock:
            told = {
                name.rpartition("/"): at
                for name, (at, _) in self._told.items()
                if time.monotonic() - at <= STALE
            }
        return [name for namespace, _, name in told if namespace == self.namespace]

    def names(self) -> list[str]:
        """Names of all nodes in this namespace, ours or not, without hidden ones."""
        return [
            name
            for name, namespace in self.node.get_node_names_and_namespaces()
            if namespace.strip("/") == self.namespace and not name.startswith("_")
        ]

    def _node_report(self, name: str, running: int) -> NodeReport:
        self._ask_state(name)
        with self._lock:
            at, status = self._told.get(f"{self.namespace}/{name}", (0.0, None))
        state = self._states.get(name, "no answer")
        if status is None:
            return NodeReport(name, running, state, "silent", "")
        old = time.monotonic() - at > STALE
        level = "stale" if old else LEVELS.get(bytes(status.level), "error")
        values = {pair.key: pair.value for pair in status.values}
        return NodeReport(name, running, state, level, status.message, values)

    def _ask_state(self, name: str) -> None:
        if name not in self._clients:
            self._clients[name] = self.node.create_client(GetState, f"{name}/get_state")
            self._asked[name] = time.monotonic()  # not at once: it has not found us yet
            return
        waited = time.monotonic() - self._asked[name]
        if waited < (AGAIN if name in self._states else 0.5):
            return
        if self._clients[name].service_is_ready():
            self._asked[name] = time.monotonic()
            future = self._clients[name].call_async(GetState.Request())
            future.add_done_callback(lambda done: self._keep_state(name, done))

    def _keep_state(self, name: str, done: Any) -> None:
        with contextlib.suppress(*SHUTDOWN_ERRORS):
            self._states[name] = str(done.result().current_state.label)


def _has_told(node: NodeReport) -> bool:
    """Whether a node has said all that it will: an unconfigured one sends no diagnostics."""
    return node.state != "no answer" and (node.level != "silent" or node.state == "unconfigured")
