"""What a lesson and an answer cost ORACIL: the last of ten phases of CIFAR-100, measured alone."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np

from cil_nodes.evaluation.bench.contenders import OURS
from cil_nodes.evaluation.bench.context import Work
from cil_nodes.evaluation.bench.records import Record, missing
from cil_nodes.evaluation.bench.sources import Source
from cil_nodes.learners.oracil import Oracil

SINGLE = 200
"""Pictures asked about one at a time."""

GOALS = {"update_s": "< 3", "predict_ms_batched": "< 0.3", "predict_ms_single": "< 2"}
PUBLISHED = {"update_s": 72.8, "predict_ms_batched": 0.29}
NOTES = {
    "update_s": "5,000 new pictures of ten classes on top of ninety, router included.",
    "predict_ms_batched": "All 10,000 test pictures in one call.",
    "predict_ms_single": f"Median of {SINGLE} pictures, one a call.",
}


def work(source: Source, table: str) -> Work:
    """Return the measurement as a part of a benchmark."""
    key = {"source": source.key(), "single": SINGLE, "measured": "last phase"}
    return Work(key, partial(measure, source), table, (*OURS, "evaluation/bench/oracil_cost.py"))


def measure(source: Source) -> dict[str, Any]:
    """Teach all phases but the last at once, then time the last and the answers.

    Parameters
    ----------
    source : Source
        What is taught.
    """
    stream, learner = source.stream(), Oracil()
    lessons = stream.lessons([len(stream.phases) - 1, len(stream.phases)])
    (_, before), (_, last) = lessons
    learner.learn_phase(before.features, before.labels)
    learner.consolidate()
    learner.predict(stream.test.features[:64])
    start = time.perf_counter()
    learner.learn_phase(last.features, last.labels)
    update = time.perf_counter() - start
    start = time.perf_counter()
    learner.predict(stream.test.features)
    batched = (time.perf_counter() - start) / len(stream.test.features)
    return {
        "update_s": update,
        "predict_ms_batched": 1e3 * batched,
        "predict_ms_single": 1e3 * _single(learner, stream.test.features),
    }


def _single(learner: Oracil, features: np.ndarray) -> float:
    """Return the median time of one picture, in seconds."""
    taken = np.empty(SINGLE)
    for i in range(SINGLE):
        start = time.perf_counter()
        learner.predict(features[i : i + 1])
        taken[i] = time.perf_counter() - start
    return float(np.median(taken))


def records(found: dict[str, Any] | None, dataset: str) -> list[Record]:
    """Return the figures of `measure` as records; None where it was left out."""
    if found is None:
        return [missing(f"oracil.{dataset}.{name}") for name in GOALS]
    units = {"update_s": "s"}
    return [
        Record(
            f"oracil.{dataset}.{name}",
            round(found[name], 4),
            units.get(name, "ms"),
            better="lower",
            goal=goal,
            reference={"paper, one V100": PUBLISHED[name]} if name in PUBLISHED else {},
            note=NOTES[name],
        )
        for name, goal in GOALS.items()
    ]
