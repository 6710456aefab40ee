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
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TextIO

from cil_nodes.ros import graph
from cil_nodes.ros.graph import PATIENCE, RESPAWN_DELAY, ArgumentError
from cil_nodes.ros.node_states import wait_for_state
from cil_nodes.ros.planning import Process, check, plan
from cil_nodes.ros.share import transport_variables

LAST_LINES = 20
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end the graph; SIGHUP is what a closed terminal sends."""


class GraphFailed(RuntimeError):  # noqa: N818 - says what happened
    """A node died or did not become active; the message holds its last lines."""


class _Child:
    """One running process of the graph, its last lines and its restarts."""

    def __init__(self, process: Process, lifeline: int, echo: TextIO | None) -> None:
        self.plan, self.lifeline, self.echo = process, lifeline, echo
        self.lines: deque[str] = deque(maxlen=LAST_LINES)
        self.died_at: float | None = None
        self.start()

    @property
    def name(self) -> str:
        return self.plan.executable.name

    def start(self) -> None:
        self.died_at = None
        command = [sys.executable, "-m", "cil_nodes.ros.child", self.plan.executable.module]
        self.popen = subprocess.Popen(
            [*command, *self.plan.ros_arguments()],
            env={**os.environ, "PYTHONPATH": _python_path(), "PYTHONUNBUFFERED": "1"},
            stdin=self.lifeline,
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
        self.plan = plan(arguments or {}, overrides)
        check(self.plan)
        self.ready_timeout = ready_timeout
        self._echo = echo
        self._children: list[_Child] = []
        self._lifeline: tuple[int, ...] = ()

    def __enter__(self) -> GraphProcess:
        try:
            self.start()
            self.wait_ready()
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

    @property
    def ready_state(self) -> str:
        """State that nodes reach by themselves."""
        return "active" if self.arguments["autostart"] == "true" else "unconfigured"

    def start(self) -> None:
        """Start every process, each holding the end of a pipe that tells when this one is gone."""
        prepare_environment()
        self._lifeline = os.pipe()
        self._children = [_Child(p, self._lifeline[0], self._echo) for p in self.plan]

    def wait_ready(self) -> None:
        """Wait until every node is active or, without autostart, waits for a manager."""
        names = [name for process in self.plan for name in process.full_names]
        missing = wait_for_state(names, self.ready_state, self.ready_timeout, self.check)
        if missing:
            states = ", ".join(f"{name} is {state}" for name, state in missing.items())
            raise GraphFailed(
                f"After {self.ready_timeout:g} s not every node is {self.ready_state}: {states}. "
                "Their output above, or log_level:=debug, says why."
            )

    def check(self) -> set[str]:
        """Look after the processes; start again what died, where asked to.

        Returns
        -------
        set of str
            Full names of the nodes that died and are not needed.

        Raises
        ------
        GraphFailed
            When a node has died that is, or none is left.
        """
        for child in self._children:
            if child.popen.poll() is not None:
                self._attend(child)
        gone = [child for child in self._children if child.died_at and not child.plan.respawn]
        if self._children and len(gone) == len(self._children):
            raise GraphFailed("No node is left.")
        return {name for child in gone for name in child.plan.full_names}

    def _attend(self, child: _Child) -> None:
        """Decide what becomes of a child that has died."""
        now = time.monotonic()
        if not child.plan.respawn and child.plan.required:
            raise GraphFailed(child.story())
        if child.died_at is None:
            child.died_at = now
            next_step = "Starting it again." if child.plan.respawn else "The others go on."
            print(f"{child.story()}\n{next_step}", file=sys.stderr, flush=True)
        elif child.plan.respawn and now - child.died_at >= RESPAWN_DELAY:
            child.start()

    def wait(self) -> None:
        """Watch the graph until a node dies; leave by Ctrl-C."""
        while True:
            self.check()
            time.sleep(0.2)

    def stop(self, patience: float = PATIENCE) -> dict[str, int]:
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
        while self._lifeline:
            os.close(self._lifeline[0])
            self._lifeline = self._lifeline[1:]
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
    os.environ.update(transport_variables(os.environ))
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
            print(_ready(running), flush=True)
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


def _ready(running: GraphProcess) -> str:
    """Say that the graph runs, and what to do next."""
    said = f"All nodes are {running.ready_state} in {running.namespace}. End with Ctrl-C."
    if running.ready_state == "active":
        return said
    node = running.plan[0].full_names[0]
    return f"{said} Lead each on: ros2 lifecycle set {node} configure, then activate."


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """End the graph; a second signal must not cut this short and leave nodes behind."""
    for number in _ENDS:
        # Not SIG_IGN: Python complains of a signal that had already come by then.
        signal.signal(number, lambda _number, _frame: None)
    raise KeyboardInterrupt


def _python_path() -> str:
    here = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
