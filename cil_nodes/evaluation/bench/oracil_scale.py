"""What ORACIL costs from 10 to 10,000 classes, on made-up features."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.bench.context import Context, Work
from cil_nodes.evaluation.bench.records import Record
from cil_nodes.evaluation.bench.registry import bench
from cil_nodes.evaluation.bench.runner import BenchResult
from cil_nodes.evaluation.bench.tables import Curves, Table
from cil_nodes.learners import Oracil

SIZES = (10, 100, 1000, 10000)
DIMENSION = 1280
SAMPLES = 5
"""Of each class; memory does not depend on it once they are more than M."""

VIEWS = 20
"""Samples of the new class that an update brings."""

PER_PHASE = 1000
"""Classes taught together while the learner is built up."""

SMALL_RANK = 64
"""covariance_rank at 10,000 classes: with the default 256 they would take 4 GB."""

MINUTES = {10: 0.2, 100: 0.3, 1000: 2.0, 10000: 15.0}
CONFIGURATION: dict[str, Any] = {
    "features": f"{DIMENSION} numbers, one random direction a class, {SAMPLES} samples each",
    "learner": f"oracil, default; at 10,000 classes covariance_rank {SMALL_RANK}",
    "update": f"one new class of {VIEWS} samples, router and calibration included",
}


def made_up(
    classes: range, samples: int, dimension: int = DIMENSION
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return features (n, d) and class numbers (n,): one direction a class, and noise."""
    rows = [
        rng.normal(size=dimension) + 0.7 * rng.normal(size=(samples, dimension))
        for rng in map(np.random.default_rng, classes)
    ]
    X = np.maximum(np.concatenate(rows), 0).astype(np.float32)
    return X, np.repeat(np.array(classes), samples)


def learner_for(classes: int) -> Oracil:
    """Return an untaught learner: the default, with smaller covariances for very many classes."""
    return Oracil(covariance_rank=SMALL_RANK) if classes > 1000 else Oracil()


def measure(classes: int, per_phase: int = PER_PHASE, dimension: int = DIMENSION) -> dict[str, Any]:
    """Teach so many classes, then time one more, and answers."""
    learner = learner_for(classes)
    for start in range(0, classes, per_phase):
        several = range(start, min(start + per_phase, classes))
        learner.partial_fit(*made_up(several, SAMPLES, dimension))
    new = made_up(range(classes, classes + 1), VIEWS, dimension)
    began = time.perf_counter()
    learner.partial_fit(*new)
    update = time.perf_counter() - began
    X, _ = made_up(range(min(classes, 256)), 1, dimension)
    learner.answer(X)  # what is made ready at the first answer is not counted
    return {
        "update_s": update,
        "memory_mb": learner.memory_bytes() / 2**20,
        "predict_ms": _batched_ms(learner, X),
        "predict_single_ms": _single_ms(learner, X),
    }


def _batched_ms(learner: Oracil, X: NDArray[np.float32], rounds: int = 5) -> float:
    """Return milliseconds a sample, in batches of 256 or less."""
    batch = np.concatenate([X] * max(1, 256 // len(X)))
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        learner.answer(batch)
        taken.append((time.perf_counter() - began) / len(batch))
    return 1e3 * float(np.median(taken))


def _single_ms(learner: Oracil, X: NDArray[np.float32], rounds: int = 50) -> float:
    """Return milliseconds of a sample answered alone."""
    taken = []
    for i in range(rounds):
        began = time.perf_counter()
        learner.answer(X[i % len(X)][None])
        taken.append(time.perf_counter() - began)
    return 1e3 * float(np.median(taken))


def works(_: Context) -> Sequence[Work]:
    """List the parts."""
    return [
        Work({**CONFIGURATION, "classes": size}, partial(measure, size), f"{size} classes")
        for size in SIZES
    ]


@bench(
    "oracil-scale",
    "What an ORACIL update, its memory and its answers cost from 10 to 10,000 classes.",
    minutes=sum(MINUTES.values()),
    budgets={f"{size} classes": minutes for size, minutes in MINUTES.items()},
    plan=works,
)
def oracil_scale(context: Context) -> BenchResult:
    """Measure every size; one after the other, so that they do not slow each other down."""
    found: dict[int, Mapping[str, Any]] = {}
    for number, (size, work) in enumerate(zip(SIZES, works(context), strict=True)):
        context.progress(number / len(SIZES), f"{size} classes")
        found[size] = context.part(work.key, work.function)
    context.progress(1.0, "done")
    table, drawings = _table(found), tuple(_drawings(found))
    return BenchResult(records(found), CONFIGURATION, tables=(table,), drawings=drawings)


def records(found: Mapping[int, Mapping[str, Any]]) -> tuple[Record, ...]:
    """Return one record for each size and figure."""
    units = {"update_s": "s", "memory_mb": "MB", "predict_ms": "ms", "predict_single_ms": "ms"}
    notes = {
        "update_s": f"One new class of {VIEWS} samples, router and calibration included.",
        "memory_mb": "All that learning on needs, as saved; answering alone takes less.",
        "predict_ms": "A sample, in batches of 256.",
        "predict_single_ms": "A sample answered alone.",
    }
    small = f" With covariance_rank {SMALL_RANK}: 256 would take 4 GB."
    return tuple(
        Record(
            f"oracil.scale.{size}.{name}",
            float(f"{one[name]:.4g}"),
            unit=unit,
            better="lower",
            note=notes[name] + (small if size > 1000 else ""),
        )
        for size, one in found.items()
        for name, unit in units.items()
    )


def _table(found: Mapping[int, Mapping[str, Any]]) -> Table:
    columns = ("classes", "update, s", "memory, MB", "answer batched, ms", "answer alone, ms")
    names = ("update_s", "memory_mb", "predict_ms", "predict_single_ms")
    rows = tuple((str(size), *(one[name] for name in names)) for size, one in found.items())
    minutes = sum(MINUTES.values())
    return Table("Cost by the number of classes", columns, rows, minutes, CONFIGURATION["learner"])


def _drawings(found: Mapping[int, Mapping[str, Any]]) -> list[Curves]:
    """Draw times and memory over the number of classes."""

    def line(name: str) -> list[tuple[float, float]]:
        return [(float(size), float(one[name])) for size, one in found.items()]

    answers = {"batched": line("predict_ms"), "alone": line("predict_single_ms")}
    over = "ORACIL over the number of classes"
    return [
        Curves(
            f"{over}: update",
            "classes",
            "seconds",
            {"one new class": line("update_s")},
            "s",
            log_x=True,
        ),
        Curves(
            f"{over}: memory",
            "classes",
            "memory",
            {"to learn on": line("memory_mb")},
            "MB",
            log_x=True,
        ),
        Curves(f"{over}: answers", "classes", "a sample", answers, "ms", log_x=True),
    ]
