"""The variants of the graph whose latency is measured, and how."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from cil_nodes.evaluation.metrics.latency import latency_summary
from cil_nodes.live_bench.canned import MODEL
from cil_nodes.live_bench.meter import Meter, Tally
from cil_nodes.live_bench.rig import running

SECONDS, TRAINING_SECONDS = 30.0, 60.0
SETTLE = 3.0
"""Seconds at the start that do not count: caches and clocks warm up."""

STAGES = {
    "extractor": ("arrival", "read", "encode", "latency"),
    "learner": ("arrival", "answer"),
}
"""What the nodes' own diagnostics tell of where the time goes."""


def at_rest(
    nodes: str,
    pipeline: bool = False,
    overrides: Mapping[tuple[str, str], str] | None = None,
    model: str = MODEL,
    seconds: float = SECONDS,
) -> dict[str, Any]:
    """Measure a graph that has nothing else to do."""
    with running(nodes, pipeline, overrides, model) as (meter, _):
        time.sleep(SETTLE)
        tally = watch(meter, lambda: time.sleep(seconds))
        return {**figures(tally), "stages": stages(meter)}


def while_training(seconds: float = TRAINING_SECONDS, per_class: int = 50) -> dict[str, Any]:
    """Measure while lessons of 100 classes are learned, one after the other."""
    with (
        running("extractor,learner") as (meter, _),
        teacher(meter, seconds, per_class) as give_lessons,
    ):
        time.sleep(SETTLE)
        lessons: list[tuple[int, int]] = []
        tally = watch(meter, lambda: lessons.extend(give_lessons()))
        during = [tally.between(start, end) for start, end in lessons]
        taught = Tally(
            [stamp for part in during for stamp in part.announced],
            {stamp: came for part in during for stamp, came in part.answered.items()},
        )
        return {
            **figures(taught),
            "lessons": len(lessons),
            "lesson_seconds": [(end - start) * 1e-9 for start, end in lessons],
            "with_handing_over": figures(tally),
            "stages": stages(meter),
        }


def watch(meter: Meter, work: Callable[[], object]) -> Tally:
    """Return the tally of the frames taken while ``work`` runs."""
    start = time.time_ns()
    work()
    end = time.time_ns()
    time.sleep(1.0)  # the last of them are still under way
    return meter.tally.between(start, end)


@contextlib.contextmanager
def teacher(
    meter: Meter, seconds: float, per_class: int
) -> Iterator[Callable[[], list[tuple[int, int]]]]:
    """Start a process that gives lessons; what is yielded has it begin, and says when each was.

    It has found the learner when this is entered: a process that joins a graph holds up everybody
    for a moment, and that is not what is measured.
    """
    command = [sys.executable, "-m", "cil_nodes.live_bench.lessons"]
    words = [meter.node.get_namespace(), str(seconds), str(per_class)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        [*command, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,  # so that it can give way to everybody
    )

    def give() -> list[tuple[int, int]]:
        told, _ = process.communicate("go\n")
        if process.returncode:
            raise RuntimeError(f"No lessons could be given: {' '.join(command)} failed; see above.")
        return [(start, end) for start, end in map(json.loads, told.splitlines())]

    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield give
    finally:
        process.kill()
        process.wait(10)


def figures(tally: Tally) -> dict[str, Any]:
    """Summarise a tally."""
    summary = asdict(latency_summary(tally.latencies_ms()))
    return {**summary, "sent": len(tally.announced), "dropped": tally.dropped}


def stages(meter: Meter) -> dict[str, float]:
    """Return the medians and 99th percentiles that the nodes tell of their own stages, in ms."""
    return {
        f"{node}.{stage}_{percentile}_ms": float(value)
        for node, names in STAGES.items()
        for stage in names
        for percentile in ("p50", "p99")
        if (value := meter.diagnostics.get(node, {}).get(f"{stage}_{percentile}_ms"))
    }
