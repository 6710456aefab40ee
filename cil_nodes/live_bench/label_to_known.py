"""From the label call to the first prediction by the new model, in the running graph."""

from __future__ import annotations

import time
from typing import Any

from cil_msgs.msg import Prediction

from cil_nodes.evaluation.bench import BenchResult, Context, measured
from cil_nodes.live_bench.canned import CLASSES, Classes
from cil_nodes.live_bench.latency import CODE
from cil_nodes.live_bench.meter import Meter
from cil_nodes.live_bench.rig import Teaching, running, wait
from cil_nodes.ros import qos
from cil_nodes.ros.teaching_messages import STAGES

SAMPLES = 20
GOALS = {"oracil": "< 1", "innamp": "reported"}
"""The methods that are measured, one graph after the other, and their goals."""

CONFIGURATION: dict[str, Any] = {"samples": SAMPLES, "known": CLASSES, "methods": tuple(GOALS)}
GIVE_WAY = 2.0
"""Seconds between two lessons, in which the learner does its idle work."""

OWN_CODE = (*CODE, "live_bench/label_to_known.py")
PARTS = ("labelled", "preparing", "fitting", "validating", "swapping", "first_prediction")
NOTE = (
    "The samples go straight to the learner, in one call, on top of 2,000 samples of 100 classes; "
    "images come at 30 Hz meanwhile and are embedded on the same two cores. Medians of the parts, "
    "in ms: "
)


class Versions:
    """When the first prediction of each version came."""

    def __init__(self, meter: Meter) -> None:
        self.first: dict[int, float] = {}
        meter.node.create_subscription(Prediction, "predictions", self._keep, qos.PATIENT)

    def _keep(self, message: Prediction) -> None:
        self.first.setdefault(message.version, time.monotonic())


def run(context: Context) -> BenchResult:
    """Teach one class for each seed, one after the other, with every method."""
    records, details = [], {}
    for number, (method, goal) in enumerate(GOALS.items()):
        context.progress(number / len(GOALS), f"{method}: the graph starts")
        found = measure(context, method)
        seconds = [one["seconds"] for one in found]
        record = measured(
            f"label_to_known.{method}.seconds",
            seconds,
            unit="s",
            better="lower",
            goal=goal,
            reference={"the slowest": round(max(seconds), 3)},
            note=NOTE + parts_in_words(found),
        )
        records.append(record)
        details[method] = found
    context.progress(1.0, "done")
    return BenchResult(tuple(records), CONFIGURATION, {"repeats": details})


def measure(context: Context, method: str) -> list[dict[str, Any]]:
    """Return the repeats of one method: measured here, or kept from an earlier run."""
    count = len(context.seeds)
    key = {"samples": SAMPLES, "known": CLASSES, "method": method, "repeats": count}
    return context.part(key, lambda: {"repeats": repeats(count, method)}, OWN_CODE)["repeats"]


def parts_in_words(found: list[dict[str, Any]]) -> str:
    """Return the medians of the parts as a list."""
    middle = len(found) // 2
    medians = {name: sorted(one["parts"][name] for one in found)[middle] for name in PARTS}
    return ", ".join(f"{name.replace('_', ' ')} {1e3 * v:.0f}" for name, v in medians.items()) + "."


def repeats(count: int, method: str) -> list[dict[str, Any]]:
    """Teach ``count`` new classes, each on top of a hundred and those before it."""
    overrides = {("learner", "method"): method}
    with running("extractor,learner", overrides=overrides) as (meter, teaching):
        versions = Versions(meter)
        wait(lambda: bool(versions.first), "a prediction")
        found = []
        for number in range(count):
            time.sleep(GIVE_WAY)
            found.append(once(teaching, versions, CLASSES + number))
        return found


def once(teaching: Teaching, versions: Versions, new_class: int) -> dict[str, Any]:
    """Teach one class; return seconds in all, and of each part."""
    names = {number: name for name, number in STAGES.items()}
    began: dict[str, float] = {}

    def tell(feedback: Any) -> None:
        stage = "swapped" if feedback.progress >= 1.0 else names[feedback.stage]
        began.setdefault(stage, time.monotonic())

    samples = list(Classes().samples(new_class, SAMPLES))
    start = time.monotonic()
    teaching.add(samples)
    labelled = time.monotonic()
    version = teaching.train(tell).version
    wait(lambda: version in versions.first, f"a prediction of version {version}")
    end = versions.first[version]
    return {"seconds": end - start, "parts": split(start, labelled, began, end)}


def split(start: float, labelled: float, began: dict[str, float], end: float) -> dict[str, float]:
    """Cut the whole time where each stage was announced; one that nobody told of takes none.

    ``swapping`` ends with the announcement that the new model answers; the rest is waiting for the
    next frame and its way through the graph.
    """
    marks = [start, labelled]
    for stage in ("fitting", "validating", "swapping"):
        marks.append(began.get(stage, marks[-1]))
    marks += [began.get("swapped", marks[-1]), end]
    pairs = zip(PARTS, marks[:-1], marks[1:], strict=True)
    return {name: later - earlier for name, earlier, later in pairs}
