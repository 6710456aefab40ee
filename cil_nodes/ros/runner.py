"""Starts the graph as processes, without ``launch``: ``cil up``, the demo and the tests use it.

with GraphProcess({"source": "sim", "namespace": "robot1"}) as graph:
    ...                 # every node is active
    graph.check()       # raises when one has died

"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from cil_nodes.ros import graph
from cil_nodes.ros.graph import ArgumentError, Process

LAST_LINES = 20
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end the graph; SIGHUP is what a closed terminal sends."""
RESPAWN_DELAY = 2.0
"""Seconds before a node that died is started again."""


class GraphFailed(RuntimeError):  # noqa: N818 - says what happened
    """A node died or did not become active; the message holds its last lines."""


class _Child:
    """One running process of the graph, its last lines and its restarts."""

    def __init__(self, process: Process, echo: TextIO | None) -> None:
        self.plan, self.echo = process, echo
        self.lines: deque[str] = deque(maxlen=LAST_LINES)
        self.died_at: float | None = None
        self.start()

    @property
    def name(self) -> str:
        return self.plan.executable.name

    def start(self) -> None:
        self.died_at = None
        self.popen = subprocess.Popen(
            [sys.executable, "-m", self.plan.executable.module, *self.plan.ros_arguments()],
            env={**os.environ, "PYTHONPATH": _python_path(), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches the graph once, through the runner
        )
        self.reader = threading.Thread(target=self._read, args=(self.popen,), daemon=True)
        self.reader.start()

    def _read(self, popen: subprocess.Popen[str]) -> None:
        assert popen.stdout is not None
        for line in popen.stdout:
            self.lines.append(line.rstrip("\n"))
            if self.echo is not None:
                self.echo.write(f"[{self.name}] {line}")
                self.echo.flush()

    def signal(self, number: int) -> None:
        if self.popen.poll() is None:
            self.popen.send_signal(number)

    def story(self) -> str:
        """Say how it ended, with its last lines."""
        self.reader.join(5)
        status = self.popen.returncode
        how = f"with status {status}" if status >= 0 else f"by {signal.Signals(-status).name}"
        last = "\n".join(f"  {line}" for line in self.lines) or "  (it printed nothing)"
        return f"The node {self.name} died {how}. Its last lines:\n{last}"


class GraphProcess:
    """The running graph, as a context manager.

    Parameters
    ----------
    arguments : mapping of str to str, optional
        As for ``cil up``; see :data:`cil_nodes.ros.graph.ARGUMENTS`.
    overrides : mapping of (node, parameter) to str, optional
        Other node parameters, as typed.
    echo : text stream, optional
        Where the nodes' output goes, each line with its node in front; None keeps it quiet.
    ready_timeout : float
        Seconds in which every node must become active.

    Raises
    ------
    ArgumentError
        For an argument that does not exist or cannot be.
    GraphFailed
        On entering, when a node dies or is not active in time.
    """

    def __init__(
        self,
        arguments: Mapping[str, str] | None = None,
        overrides: Mapping[tuple[str, str], str] | None = None,
        *,
        echo: TextIO | None = None,
        ready_timeout: float = 120.0,
    ) -> None:
        self.arguments = graph.parse(arguments or {})
        self.plan = graph.plan(arguments or {}, overrides)
        self.ready_timeout = ready_timeout
        self._echo = echo
        self._children: list[_Child] = []

    def __enter__(self) -> GraphProcess:
        try:
            self.start()
            if self.arguments["autostart"] == "true":
                self.wait_active()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pids(self) -> dict[str, int]:
        """Process id of each executable."""
        return {child.name: child.popen.pid for child in self._children}

    @property
    def namespace(self) -> str:
        """Namespace of the nodes, with a leading slash."""
        return f"/{self.arguments['namespace'].strip('/')}"

    def start(self) -> None:
        """Start every process."""
        prepare_environment()
        self._children = [_Child(process, self._echo) for process in self.plan]

    def wait_active(self) -> None:
        """Wait until every node is active."""
        names = [name for process in self.plan for name in process.full_names]
        missing = _wait_active(names, self.ready_timeout, self.check)
        if missing:
            states = ", ".join(f"{name} is {state}" for name, state in missing.items())
            raise GraphFailed(
                f"After {self.ready_timeout:g} s not every node is active: {states}. "
                "Their output above, or log_level:=debug, says why."
            )

    def check(self) -> None:
        """Raise :class:`GraphFailed` when a node has died; start it again where asked to."""
        now = time.monotonic()
        for child in self._children:
            if child.popen.poll() is None:
                continue
            if not child.plan.respawn:
                raise GraphFailed(child.story())
            if child.died_at is None:
                child.died_at = now
                print(f"{child.story()}\nStarting it again.", file=sys.stderr, flush=True)
            elif now - child.died_at >= RESPAWN_DELAY:
                child.start()

    def wait(self) -> None:
        """Watch the graph until a node dies; leave by Ctrl-C."""
        while True:
            self.check()
            time.sleep(0.2)

    def stop(self, patience: float = 15.0) -> dict[str, int]:
        """End every process: SIGTERM, then Ctrl-C, then SIGKILL; returns the exit statuses.

        SIGTERM comes first because a node that still imports dies of it without a traceback.
        """
        for number, seconds in (
            (signal.SIGTERM, patience),
            (signal.SIGINT, 5.0),
            (signal.SIGKILL, 5.0),
        ):
            for child in self._children:
                child.signal(number)
            if self._gone(seconds):
                break
        statuses = {child.name: child.popen.poll() for child in self._children}
        return {name: -1 if status is None else status for name, status in statuses.items()}

    def _gone(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        for child in self._children:
            try:
                child.popen.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                return False
            child.reader.join(2)
        return True


def prepare_environment() -> None:
    """Set what the user has not: transports for large images, discovery on this machine only."""
    os.environ.update(graph.transport_variables(os.environ))
    if "ROS_LOCALHOST_ONLY" not in os.environ:
        os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")


def split_words(words: Sequence[str]) -> tuple[dict[str, str], dict[tuple[str, str], str]]:
    """Split ``name:=value`` and ``node.parameter:=value`` as typed.

    Raises
    ------
    ArgumentError
        For a word of another form.
    """
    arguments: dict[str, str] = {}
    overrides: dict[tuple[str, str], str] = {}
    for word in words:
        name, sign, value = word.partition(":=")
        if not sign or not name:
            raise ArgumentError(
                f"Cannot read {word!r}: arguments are written name:=value, such as "
                "source:=device:0 or, for any other parameter, camera.seed:=3."
            )
        node, dot, parameter = name.partition(".")
        if dot:
            overrides[node, parameter] = value
        else:
            arguments[name] = value
    return arguments, overrides


def usage() -> str:
    """The arguments of ``cil up``, one paragraph each."""
    lines = ["cil up [name:=value ...] [node.parameter:=value ...]", ""]
    for argument in graph.ARGUMENTS:
        choices = f" ({' | '.join(argument.choices)})" if argument.choices else ""
        lines += [f"  {argument.name}{choices}", f"      {argument.description}"]
    return "\n".join(lines)


def main(words: Sequence[str]) -> int:
    """Carry out ``cil up``.

    Parameters
    ----------
    words : sequence of str
        ``name:=value`` for the graph's arguments, ``node.parameter:=value`` for anything else,
        or ``--show-args``.

    Returns
    -------
    int
        0 after Ctrl-C, SIGTERM or the end of its terminal, 1 when a node failed, 2 for wrong
        arguments.
    """
    if any(word in ("--show-args", "-s", "--help", "-h") for word in words):
        print(usage())
        return 0
    before = {number: signal.getsignal(number) for number in _ENDS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as nohup sets it
            signal.signal(number, _interrupt)
    try:
        arguments, overrides = split_words(words)
        with GraphProcess(arguments, overrides, echo=sys.stdout) as running:
            print(f"All nodes are active in {running.namespace}. End with Ctrl-C.", flush=True)
            running.wait()
    except ArgumentError as error:
        print(f"{error}\nSee: cil up --show-args", file=sys.stderr)
        return 2
    except GraphFailed as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """End the graph; a second signal must not cut this short and leave nodes behind."""
    for number in _ENDS:
        # Not SIG_IGN: Python complains of a signal that had already come by then.
        signal.signal(number, lambda _number, _frame: None)
    raise KeyboardInterrupt


def _python_path() -> str:
    here = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])


def _wait_active(names: Sequence[str], timeout: float, check: Callable[[], None]) -> dict[str, str]:
    """Ask nodes for their states until all are active; returns those that are not, in the end."""
    import rclpy
    from lifecycle_msgs.srv import GetState
    from rclpy.executors import SingleThreadedExecutor

    context = rclpy.Context()
    context.init(args=[])
    node = rclpy.create_node(f"cil_up_{os.getpid()}", context=context, enable_rosout=False)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    waiting: dict[str, _Question] = {
        name: _Question(node.create_client(GetState, f"{name}/get_state")) for name in names
    }
    end = time.monotonic() + timeout
    try:
        while waiting and time.monotonic() < end:
            check()
            executor.spin_once(timeout_sec=0.1)
            waiting = {n: q for n, q in waiting.items() if q.ask(GetState.Request()) != "active"}
    finally:
        executor.shutdown(timeout_sec=1)
        node.destroy_node()
        context.try_shutdown()
    return {name: question.state for name, question in waiting.items()}


class _Question:
    """Asks one node for its state, again after 2 s: an early answer may get lost on its way."""

    def __init__(self, client: Any) -> None:
        self.client, self.future, self.asked = client, None, 0.0
        self.state = "not there"

    def ask(self, request: Any) -> str:
        now = time.monotonic()
        if self.future is not None and self.future.done():
            self.state = self.future.result().current_state.label
            self.future = None
        elif self.future is None or now - self.asked > 2.0:
            if now - self.asked > 0.2 and self.client.service_is_ready():
                self.future, self.asked = self.client.call_async(request), now
        return self.state
