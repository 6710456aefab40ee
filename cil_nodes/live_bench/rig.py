"""The graph under measurement: started, taught what it must know, and watched."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cil_msgs.action import TrainPhase
from cil_msgs.srv import AddSamples

from cil_nodes.garbage import spare_what_is_loaded
from cil_nodes.live_bench.canned import CLASSES, MODEL, Classes, write_pictures
from cil_nodes.live_bench.meter import Meter
from cil_nodes.live_bench.station import station
from cil_nodes.ros.calls import Caller, TeacherTimeout, checked
from cil_nodes.ros.runner import GraphProcess, prepare_environment

CHUNK = 256
"""Most samples of one call, as everybody sends them."""

PATIENCE = 60.0


class Teaching:
    """The calls by which a learner is taught.

    Parameters
    ----------
    node : rclpy.node.Node
        In the learner's namespace; another thread spins it.
    """

    def __init__(self, node: Any) -> None:
        self._caller = Caller(
            node, {AddSamples: "add_samples"}, {TrainPhase: "train_phase"}, PATIENCE
        )

    def wait(self) -> None:
        """Wait until the learner answers."""
        self._caller.call("add_samples", AddSamples.Request(source="canned"))

    def add(self, samples: list[Any], source: str = "canned") -> None:
        """Hand over labelled samples; they are on disk when it returns."""
        for start in range(0, len(samples), CHUNK):
            part = AddSamples.Request(samples=samples[start : start + CHUNK], source=source)
            checked(self._caller.call("add_samples", part))

    def train(self, tell: Callable[[Any], None] = lambda _: None) -> Any:
        """Have what is pending learned; return the action's result."""
        return self._caller.act("train_phase", TrainPhase.Goal(), tell, PATIENCE)


def lesson(classes: Classes, count: int, number: int, per_class: int) -> list[Any]:
    """Return lesson ``number``: so many samples of each of ``count`` classes."""
    return [s for c in range(count) for s in classes.samples(c, per_class, number)]


@contextlib.contextmanager
def running(
    nodes: str,
    pipeline: bool = False,
    overrides: Mapping[tuple[str, str], str] | None = None,
    model: str = MODEL,
) -> Iterator[tuple[Meter, Teaching]]:
    """Run the graph on canned pictures; it knows 100 classes when this is entered.

    Parameters
    ----------
    nodes : str
        Executables of the graph, such as ``extractor,learner``.
    pipeline : bool
        Whether our own camera, in one process with the extractor, sends the pictures instead of a
        driver.
    overrides : mapping of (node, parameter) to str, optional
        Other parameters.
    model : str
        The extractor's encoder.
    """
    namespace = f"cil_bench_{os.getpid()}"
    prepare_environment()
    os.environ["ROS_PYTHON_CHECK_FIELDS"] = "0"  # a help for tests, which takes milliseconds
    with contextlib.ExitStack() as stack:
        stack.enter_context(_ended_by_sigterm())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cil-bench-")))
        source = f"file:{write_pictures(folder / 'pictures.npy')}" if pipeline else "topic"
        words = {"namespace": namespace, "source": source, "nodes": nodes, "log_level": "warn"}
        words["folder"] = str(folder / "learner")
        more = {("extractor", "providers"): "cpu", ("extractor", "model"): model}
        more |= overrides or {}
        if pipeline:
            more |= {("camera", "rate"): "30", ("camera", "loop"): "true"}
        graph = stack.enter_context(GraphProcess(words, more))
        meter = Meter(stack.enter_context(station("meter", f"/{namespace}")))
        teaching = Teaching(meter.node)
        teaching.add(lesson(Classes(model=model), CLASSES, 0, 20))
        teaching.train()
        if not pipeline:
            stack.enter_context(_driver(namespace))
        spare_what_is_loaded()  # the meter's own pauses are not the graph's
        wait(lambda: len(meter.tally.answered) > 30, "30 predictions", graph.check)
        yield meter, teaching


@contextlib.contextmanager
def _driver(namespace: str) -> Iterator[None]:
    here = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        [sys.executable, "-m", "cil_nodes.live_bench.driver", f"/{namespace}"],
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Turn SIGTERM into what Ctrl-C does, so that no process of the graph stays behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def wait(
    condition: Callable[[], bool], what: str, check: Callable[[], object] = lambda: None
) -> None:
    """Wait until something has happened, or say what has not; ``check`` may raise earlier."""
    end = time.monotonic() + PATIENCE
    while not condition():
        check()
        if time.monotonic() > end:
            raise TeacherTimeout(f"Waited {PATIENCE:g} s for {what}; the graph gave none.")
        time.sleep(0.01)
