"""Help for tests that talk over real DDS: an own domain, a probe node that speaks, child processes.

Every wait has a deadline and fails with a sentence: what was awaited, for how long, what came.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy", reason="ROS 2 is not installed: rclpy is missing")

from lifecycle_msgs.srv import ChangeState, GetState  # noqa: E402
from rcl_interfaces.msg import Parameter as ParameterMsg  # noqa: E402
from rcl_interfaces.srv import SetParameters  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402

from cil_nodes.ros import qos  # noqa: E402
from cil_nodes.ros.action_client import ThreadedActionClient  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
NAMESPACE = "/cil"
DEADLINE = 20.0
"""Seconds a wait may take; long, for machines with little to spare."""

SETTLE = 0.25
"""Seconds between discovering a server and the first call to it; see ``RosProbe._settle``."""

_locks: list[socket.socket] = []


def claim_domain() -> int:
    """Take a ROS domain id that no other test process on this machine holds.

    The id is locked by listening on a local port for the life of the process.
    """
    first = 1 + os.getpid() % 97
    for step in range(97):
        domain = 1 + (first + step - 1) % 97
        lock = socket.socket()
        try:
            lock.bind(("127.0.0.1", 21900 + domain))
        except OSError:
            lock.close()
            continue
        _locks.append(lock)
        return domain
    raise RuntimeError("All 97 ROS test domains are taken: are other test runs hanging?")


def isolate() -> int:
    """Give this process and its children an own, local ROS domain; call before ``rclpy.init``."""
    domain = claim_domain()
    os.environ["ROS_DOMAIN_ID"] = str(domain)
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    os.environ["ROS_PYTHON_CHECK_FIELDS"] = "1"
    profile = ROOT / "config" / "fastdds.xml"
    if profile.exists():
        os.environ.setdefault("FASTRTPS_DEFAULT_PROFILES_FILE", str(profile))
    return domain


class RosProbe:
    """A node of the test's own, spun in a thread, that publishes, listens and calls.

    Use as a context manager. Names are relative to ``namespace``.
    """

    def __init__(self, namespace: str = NAMESPACE, name: str = "probe") -> None:
        self.context = rclpy.Context()
        self.context.init()
        self.node = rclpy.create_node(name, namespace=namespace, context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.logs: list[str] = []
        self._cond = threading.Condition()
        self._got: dict[str, list[Any]] = {}
        self._clients: dict[str, Any] = {}
        self._thread = threading.Thread(target=self._spin, name="probe", daemon=True)
        self._thread.start()

    def __enter__(self) -> RosProbe:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop spinning and leave the graph."""
        self.executor.shutdown(timeout_sec=5)
        self._thread.join(5)
        with contextlib.suppress(Exception):
            self.node.destroy_node()
        self.context.try_shutdown()

    # -- topics --------------------------------------------------------------------------------

    def publisher(self, kind: type, topic: str, profile: Any = qos.RESULT, match: int = 1) -> Any:
        """Create a publisher and wait until ``match`` subscriptions see it."""
        publisher = self.node.create_publisher(kind, topic, profile)
        self.wait(
            lambda: publisher.get_subscription_count() >= match,
            f"{match} subscription(s) of {topic}",
        )
        return publisher

    def listen(
        self, kind: type, topic: str, profile: Any = qos.RESULT, match: int = 1
    ) -> list[Any]:
        """Subscribe, wait until ``match`` publishers are there, return the growing list."""
        got = self._got.setdefault(topic, [])

        def keep(message: Any) -> None:
            with self._cond:
                got.append(message)
                self._cond.notify_all()

        self.node.create_subscription(kind, topic, keep, profile)
        self.wait(lambda: self.node.count_publishers(topic) >= match, f"a publisher of {topic}")
        return got

    def expect_message(
        self,
        topic: str,
        where: Callable[[Any], bool] = lambda _: True,
        what: str = "a message",
        timeout: float = DEADLINE,
    ) -> Any:
        """Wait for a message on a topic that is listened to; returns the first that fits."""
        got = self._got[topic]
        self.wait(
            lambda: any(where(m) for m in list(got)),
            f"{what} on {topic}",
            timeout,
            lambda: f"{len(got)} message(s) came",
        )
        return next(m for m in got if where(m))

    def expect_count(self, topic: str, count: int, timeout: float = DEADLINE) -> list[Any]:
        """Wait until ``count`` messages have come on a topic that is listened to."""
        got = self._got[topic]
        self.wait(
            lambda: len(got) >= count,
            f"{count} messages on {topic}",
            timeout,
            lambda: f"{len(got)} came",
        )
        return got

    # -- services, actions, lifecycle, parameters ------------------------------------------------

    def call_service(self, kind: type, name: str, timeout: float = DEADLINE, **fields: Any) -> Any:
        """Call a service with ``fields`` of its request and return the response."""
        client = self._clients.get(name) or self.node.create_client(kind, name)
        self.wait(client.service_is_ready, f"service {name}", timeout)
        self._settle(name, client)
        future = client.call_async(kind.Request(**fields))  # type: ignore[attr-defined]
        return self.result(future, f"answer of service {name}", timeout)

    def send_goal(
        self, kind: type, name: str, timeout: float = DEADLINE, goal: Any = None, **fields: Any
    ) -> tuple[Any, list[Any]]:
        """Send an action goal and return its goal handle and the growing list of feedback.

        The goal has ``fields``, or is given whole (where a field is called like an argument here).
        """
        client = self._clients.get(name) or ThreadedActionClient(self.node, kind, name)
        self.wait(client.server_is_ready, f"action server {name}", timeout)
        self._settle(name, client)
        feedback: list[Any] = []
        future = client.send_goal_async(
            goal or kind.Goal(**fields),  # type: ignore[attr-defined]
            feedback_callback=lambda message: feedback.append(message.feedback),
        )
        return self.result(future, f"acceptance of a goal by {name}", timeout), feedback

    def goal_result(self, handle: Any, timeout: float = DEADLINE) -> Any:
        """Wait for the result of an accepted goal: has ``.status`` and ``.result``."""
        return self.result(handle.get_result_async(), "result of an action goal", timeout)

    def state_of(self, node: str, timeout: float = DEADLINE) -> str:
        """Lifecycle state of ``node``, such as ``active``; asked again every 2 s."""
        name = f"{node}/get_state"
        client = self._clients.get(name) or self.node.create_client(GetState, name)
        end = time.monotonic() + timeout
        self.wait(client.service_is_ready, f"service {name}", timeout)
        self._settle(name, client)
        while time.monotonic() < end:
            future = client.call_async(GetState.Request())
            attempt = min(end, time.monotonic() + 2)
            while not future.done() and time.monotonic() < attempt:
                self._pause()
            if future.done():
                return str(future.result().current_state.label)
        pytest.fail(f"{node} did not say its state within {timeout:g} s.")

    def change_state(self, node: str, transition: str) -> bool:
        """Ask ``node`` for a transition by its label; returns whether it succeeded."""
        request = ChangeState.Request()
        request.transition.label = transition
        response = self.call_service(
            ChangeState, f"{node}/change_state", transition=request.transition
        )
        return bool(response.success)

    def wait_active(self, node: str, timeout: float = DEADLINE) -> None:
        """Wait until the lifecycle node is active."""
        end = time.monotonic() + timeout
        state = self.state_of(node, timeout)
        while state != "active":
            if time.monotonic() > end:
                pytest.fail(f"{node} is {state!r} after {timeout:g} s; expected 'active'")
            self._pause()
            state = self.state_of(node, timeout)

    def set_parameter(self, node: str, name: str, value: Any) -> Any:
        """Set one parameter of ``node``; returns ``SetParametersResult``."""
        message: ParameterMsg = Parameter(name, value=value).to_parameter_msg()
        response = self.call_service(SetParameters, f"{node}/set_parameters", parameters=[message])
        return response.results[0]

    # -- waiting -------------------------------------------------------------------------------

    def result(self, future: Any, what: str, timeout: float = DEADLINE) -> Any:
        """Wait for a future and return its result."""
        self.wait(future.done, what, timeout)
        return future.result()

    def wait(
        self,
        condition: Callable[[], bool],
        what: str,
        timeout: float = DEADLINE,
        seen: Callable[[], str] = lambda: "",
    ) -> None:
        """Wait until ``condition()`` is true, or fail naming ``what`` and what was seen."""
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end:
                pytest.fail(f"Waited {timeout:g} s for {what}. {seen()}".rstrip())
            self._pause()

    def _settle(self, name: str, client: Any) -> None:
        """Give the server time to see a new client.

        A client is ready when *it* sees the server; an answer sent before the server sees the
        client is dropped after 0.1 s, and nothing at this end tells when that has passed.
        """
        if name not in self._clients:
            self._clients[name] = client
            time.sleep(SETTLE)

    def _pause(self) -> None:
        with self._cond:
            self._cond.wait(0.02)

    def _spin(self) -> None:
        with contextlib.suppress(Exception):
            self.executor.spin()


class NodeThread:
    """A node of ours in this process, in its own context, spun in a thread."""

    def __init__(
        self, make: Callable[..., Any], *arguments: str, namespace: str = NAMESPACE
    ) -> None:
        self.context = rclpy.Context()
        self.context.init(args=["--ros-args", "-r", f"__ns:={namespace}", *arguments])
        self.error: BaseException | None = None
        self.node = make(context=self.context)
        self._thread = threading.Thread(target=self._spin, name="node", daemon=True)

    def __enter__(self) -> Any:
        self._thread.start()
        return self.node

    def __exit__(self, *_: object) -> None:
        self.context.try_shutdown()
        self._thread.join(10)
        self.node.close()

    def _spin(self) -> None:
        try:
            self.node.spin()
        except BaseException as error:
            self.error = error


class NodeProcess:
    """A node executable as a child process whose output is kept and shown on failure."""

    def __init__(self, module: str, *arguments: str, env: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", module, "--ros-args", "-r", f"__ns:={NAMESPACE}"]
        surroundings = {**os.environ, "PYTHONPATH": python_path(), **(env or {})}
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [*command, *arguments],
            env=surroundings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> NodeProcess:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        self._reader.join(5)

    @property
    def output(self) -> str:
        """Everything the node has printed so far."""
        return "".join(self.lines)

    def stop(self, sign: int = signal.SIGTERM, timeout: float = DEADLINE) -> int:
        """Send a signal, wait for the end, return the exit status."""
        self.process.send_signal(sign)
        return self.wait(timeout)

    def wait(self, timeout: float = DEADLINE) -> int:
        """Wait for the node to end by itself and return the exit status."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{self.process.args!r} still runs after {timeout:g} s:\n{self.output}")
        self._reader.join(5)
        return status

    def expect_output(self, text: str, timeout: float = DEADLINE) -> None:
        """Wait until the node has printed ``text``."""
        end = time.monotonic() + timeout
        while text not in self.output:
            ended = self.process.poll() is not None
            if ended:
                self._reader.join(5)
            if text not in self.output and (ended or time.monotonic() > end):
                pytest.fail(f"{text!r} was not printed within {timeout:g} s:\n{self.output}")
            time.sleep(0.02)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)


@contextlib.contextmanager
def nodes(*threads: NodeThread) -> Iterator[Sequence[Any]]:
    """Run several nodes of ours in this process at once."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(thread) for thread in threads]


def python_path() -> str:
    """PYTHONPATH for child processes: this clone first."""
    return os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
