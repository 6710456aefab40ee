"""Services and actions called from outside the graph: blocking, with deadlines, errors in words."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from rclpy.node import Node

from cil_nodes.ros.action_client import ThreadedActionClient
from cil_nodes.ros.teaching_messages import code_name

GONE = 3
"""Seconds in a row that an action's server is not there until it counts as ended."""


class TeacherError(RuntimeError):
    """The graph refused; ``code`` is the error code's name, such as ``NOTHING_PENDING``."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class TeacherTimeout(TimeoutError):  # noqa: N818 - reads as what happened
    """Something did not come in time; the text says what, from where, and what to look at."""


class Caller:
    """Clients of one graph; another thread spins the node.

    Parameters
    ----------
    node : rclpy.node.Node
        Relative names are resolved by it.
    services, actions : mapping
        {type: name}. All clients are made now: both ends need a moment to find each other.
    timeout : float
        Seconds for a call that is not told otherwise.
    """

    def __init__(
        self,
        node: Node,
        services: Mapping[Any, str],
        actions: Mapping[Any, str],
        timeout: float,
    ) -> None:
        self._node = node
        self._timeout = timeout
        self._services = {name: node.create_client(kind, name) for kind, name in services.items()}
        self._actions = {
            name: ThreadedActionClient(node, kind, name) for kind, name in actions.items()
        }

    def call(self, name: str, request: Any, timeout: float | None = None) -> Any:
        """Call a service and return its response.

        Raises
        ------
        TeacherTimeout
            When nobody offers it, or the answer does not come in time.
        """
        seconds = self._timeout if timeout is None else timeout
        client = self._services[name]
        if not client.wait_for_service(timeout_sec=seconds):
            raise TeacherTimeout(self._nobody("service", name, seconds))
        future = client.call_async(request)
        try:
            return _result(future, seconds, f"The service {self._name(name)} did not answer")
        except TeacherTimeout:
            client.remove_pending_request(future)
            raise

    def act(self, name: str, goal: Any, on_feedback: Callable[[Any], None], timeout: float) -> Any:
        """Send a goal and return its result; on a timeout or Ctrl-C the goal is cancelled.

        Raises
        ------
        TeacherTimeout
            When nobody offers it, or the result does not come in time.
        TeacherError
            When the goal or its work is refused.
        """
        client = self._actions[name]
        if not client.wait_for_server(timeout_sec=self._timeout):
            raise TeacherTimeout(self._nobody("action", name, self._timeout))
        sent = client.send_goal_async(
            goal, feedback_callback=lambda message: on_feedback(message.feedback)
        )
        where = f"The action {self._name(name)}"
        handle = _result(sent, self._timeout, f"{where} did not answer the goal")
        if not handle.accepted:
            raise TeacherError(f"{where} refused the goal; is the node active?", "REJECTED")
        try:
            done = handle.get_result_async()
            return checked(_outcome(client, done, timeout, where).result)
        except (TeacherTimeout, KeyboardInterrupt):
            handle.cancel_goal_async()
            raise

    def _name(self, name: str) -> str:
        return str(self._node.resolve_service_name(name))

    def _nobody(self, kind: str, name: str, seconds: float) -> str:
        namespace = self._node.get_namespace()
        nodes = [n for n, where in self._node.get_node_names_and_namespaces() if where == namespace]
        others = sorted(n for n in nodes if n != self._node.get_name() and not n.startswith("_"))
        return (
            f"Waited {seconds:g} s for the {kind} {self._name(name)}, which nobody offers. Nodes "
            f"in {namespace}: {', '.join(others) or 'none'}. Check the namespace and ROS_DOMAIN_ID."
        )


def checked(answer: Any) -> Any:
    """Return an answer that is not an error.

    Raises
    ------
    TeacherError
        With the answer's own words and the name of its code.
    """
    if answer.error_code != 0:
        text = str(getattr(answer, "error_msg", "") or getattr(answer, "message", ""))
        raise TeacherError(text, code_name(answer))
    return answer


def _outcome(client: Any, future: Any, seconds: float, where: str) -> Any:
    """Return what a goal brings; a server that has ended is not waited for."""
    done, end, misses = threading.Event(), time.monotonic() + seconds, 0
    future.add_done_callback(lambda _: done.set())
    while not done.wait(min(1.0, max(0.0, end - time.monotonic()))):
        if time.monotonic() >= end:
            raise TeacherTimeout(f"{where} did not finish within {seconds:g} s.")
        misses = 0 if client.server_is_ready() else misses + 1
        if misses >= GONE:
            raise TeacherTimeout(f"{where} is gone: its node has ended, and its log says why.")
    return future.result()


def _result(future: Any, seconds: float, what: str) -> Any:
    """Return what a future brings, within ``seconds``."""
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    if not done.wait(seconds):
        raise TeacherTimeout(f"{what} within {seconds:g} s.")
    return future.result()
