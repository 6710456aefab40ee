"""Latency of the running graph: from the camera's stamp to the prediction."""

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

from cil_nodes.evaluation.bench import BenchResult, Context, Record
from cil_nodes.evaluation.metrics.latency import latency_summary
from cil_nodes.live_bench.canned import CLASSES, HEIGHT, RATE, WIDTH
from cil_nodes.live_bench.meter import Meter, Tally
from cil_nodes.live_bench.rig import running

SECONDS, TRAINING_SECONDS = 30.0, 60.0
SETTLE = 3.0
"""Seconds at the start that do not count: caches and clocks warm up."""

CODE = ("encoders", "learners", "live_bench", "nodes", "ros", "teaching")
CONFIGURATION: dict[str, Any] = {
    "picture": f"{WIDTH}x{HEIGHT} bgr8",
    "rate": RATE,
    "seconds": SECONDS,
    "training_seconds": TRAINING_SECONDS,
    "classes": CLASSES,
    "encoder": "efficientnet_lite0",
    "lesson_samples": 5000,
}

STAGES = {
    "extractor": ("arrival", "read", "encode", "latency"),
    "learner": ("arrival", "answer"),
}
"""What the nodes' own diagnostics tell of where the time goes."""

GOALS = {"idle": ("< 10", "< 20"), "pipeline": ("< 7", "< 15")}
WORDS = {
    "idle": "A driver, the extractor and the learner in three processes.",
    "graph": "The same with the labeler, which takes images and predictions besides.",
    "pipeline": "Our camera and the extractor in one process, the learner in another.",
    "cuda": "As idle, with the encoder on CUDA.",
}


def run(context: Context) -> BenchResult:
    """Measure every variant; those done by an earlier run are kept."""
    variants: dict[str, Callable[[], Mapping[str, Any]]] = {
        "idle": lambda: at_rest("extractor,learner"),
        "graph": lambda: at_rest("extractor,learner,labeler"),
        "pipeline": lambda: at_rest("pipeline,learner", pipeline=True),
        "training": while_training,
    }
    if has_cuda():
        overrides = {("extractor", "providers"): "cuda"}
        variants["cuda"] = lambda: at_rest("extractor,learner", overrides=overrides)
    found = {}
    for number, (name, measure) in enumerate(variants.items()):
        context.progress(number / len(variants), name)
        found[name] = context.part({**CONFIGURATION, "variant": name}, measure, CODE)
    context.progress(1.0, "done")
    return BenchResult(tuple(records(found)), CONFIGURATION, {"variants": found})


def has_cuda() -> bool:
    """Whether ONNX Runtime can compute on CUDA here."""
    import onnxruntime

    return "CUDAExecutionProvider" in onnxruntime.get_available_providers()


def at_rest(
    nodes: str,
    pipeline: bool = False,
    overrides: Mapping[tuple[str, str], str] | None = None,
    seconds: float = SECONDS,
) -> dict[str, Any]:
    """Measure a graph that has nothing else to do."""
    with running(nodes, pipeline, overrides) as (meter, _):
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


def records(found: Mapping[str, Mapping[str, Any]]) -> list[Record]:
    """Make the records of all variants."""
    made = []
    for name in ("idle", "graph", "pipeline"):
        made += variant_records(name, found[name])
    made += training_records(found["training"], found["idle"])
    return [*made, *cuda_records(found.get("cuda"))]


def variant_records(name: str, figures: Mapping[str, Any]) -> list[Record]:
    """Make the records of one variant."""
    goals = GOALS.get(name, ("reported", "reported"))
    note = f"{WORDS[name]} {figures['sent']} frames; the worst took {figures['max_ms']:.1f} ms."
    made = [
        Record(
            f"latency.{name}.{p}_ms",
            round(figures[f"{p}_ms"], 2),
            unit="ms",
            better="lower",
            goal=goal,
            note=note,
        )
        for p, goal in zip(("p50", "p99"), goals, strict=True)
    ]
    return [*made, _dropped(name, figures, note)]


def training_records(training: Mapping[str, Any], idle: Mapping[str, Any]) -> list[Record]:
    """Make the records of the variant that learns, over the one that does not."""
    shared = training["with_handing_over"]
    note = (
        f"{training['lessons']} lessons of 5,000 samples of {CLASSES} classes in a minute, through "
        f"the learner's own services; {training['sent']} frames while they were learned. While "
        "samples are handed over besides, 25 MB a lesson, the 99th percentile is "
        f"{shared['p99_ms']:.1f} ms over {shared['sent']} frames."
    )
    ratio = Record(
        "latency.training.p99_ratio",
        round(training["p99_ms"] / idle["p99_ms"], 3),
        better="lower",
        goal="<= 2",
        reference={
            "p99 idle, ms": round(idle["p99_ms"], 2),
            "p99 while learning, ms": round(training["p99_ms"], 2),
        },
        note=note,
    )
    return [ratio, _dropped("training", shared, note)]


def cuda_records(figures: Mapping[str, Any] | None) -> list[Record]:
    """Make the records of the variant on a GPU, empty where there is none."""
    if figures is not None:
        return variant_records("cuda", figures)[:2]
    note = "Not measured: ONNX Runtime has no CUDA provider on this machine."
    return [
        Record(f"latency.cuda.{p}_ms", None, unit="ms", better="lower", note=note)
        for p in ("p50", "p99")
    ]


def _dropped(name: str, figures: Mapping[str, Any], note: str) -> Record:
    goal = "reported" if name == "graph" else "<= 0"
    return Record(
        f"latency.{name}.dropped", figures["dropped"], better="lower", goal=goal, note=note
    )
