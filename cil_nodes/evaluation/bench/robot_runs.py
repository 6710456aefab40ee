"""Runs behind the robot's table: one learner, one stream, and all that a user pays for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from cil_nodes.evaluation.bench.phase_runs import Stream
from cil_nodes.evaluation.bench.sources import Source
from cil_nodes.evaluation.bench.unknown import World, world
from cil_nodes.evaluation.metrics import auroc
from cil_nodes.evaluation.protocols import (
    ROBOT_BYTES,
    Labelled,
    OverBudgetError,
    StepOutcome,
    class_phases,
    joined,
    largest_within,
    rows_of,
    show,
)
from cil_nodes.evaluation.run_record import RunRecord
from cil_nodes.evaluation.run_summary import percent_figures, summarise
from cil_nodes.learners import registry
from cil_nodes.learners.base import IncrementalLearner

GROCERY_PHASES = 9
ASKED = 101
"""Pictures asked one at a time, for the time of a prediction."""

SMALLER: dict[str, tuple[dict[str, Any], ...]] = {
    "oracil": tuple({"M": M, "covariance_rank": 128} for M in (2048, 1024, 512)),
    "clare": tuple({"hidden": units} for units in (32, 16, 8)),
    "repulsion_replay": tuple({"hidden": units} for units in (128, 64, 32)),
    "innamp": tuple({"exemplars": kept} for kept in (100, 50, 20)),
    "clifer": tuple({"neurons_per_class": kept} for kept in (16, 8, 4)),
}
"""What is tried, from the largest on, where a learner as it comes holds more than the budget."""


@lru_cache(maxsize=1)
def sim_world(seed: int) -> World:
    """Return what is taught and shown of the turntable, as the bench ``unknown`` draws it."""
    return world("sim", seed)


@lru_cache(maxsize=1)
def grocery_half(seed: int) -> World:
    """Return half of Grocery's classes to teach in one lesson, the other half never taught."""
    return world("grocery", seed)


def sim_stream(seed: int) -> Stream:
    """Return 16 things in three phases; the test pictures hold 8 others too.

    Parameters
    ----------
    seed : int
        Of the turntable.
    """
    drawn = sim_world(seed)
    phases = tuple(lesson.classes for lesson in drawn.lessons)
    return Stream(phases, joined(drawn.lessons), joined([drawn.known, drawn.unknown]))


def grocery_source(seed: int) -> Source:
    """Return Grocery's 81 classes in nine phases, by seed."""
    return Source("grocery", GROCERY_PHASES, order=seed)


def sim_run(method: str, seed: int) -> dict[str, Any]:
    """Teach a learner the turntable and return all figures; parameters as of `measured_run`."""
    return measured_run(method, seed, sim_stream(seed))


def grocery_run(method: str, seed: int) -> dict[str, Any]:
    """Teach a learner Grocery and return all figures but that of unknowns."""
    return measured_run(method, seed, grocery_source(seed).stream())


def grocery_unknown(method: str, seed: int) -> dict[str, float]:
    """Teach half of Grocery's classes in one lesson; return the AUROC of the others, in percent.

    Parameters
    ----------
    method : str
        As the registry knows it.
    seed : int
        Chooses the half.
    """
    shown = grocery_half(seed)
    learner = registry.create(method, random_state=seed)
    with threadpool_limits(1):
        for lesson in shown.lessons:
            learner.learn_phase(lesson.features, lesson.labels)
        known, unknown = (
            learner.unknown_score(part.features) for part in (shown.known, shown.unknown)
        )
    return {"unknown_auroc": 100 * auroc(known, unknown)}


def measured_run(
    method: str, seed: int, stream: Stream, budget: int = ROBOT_BYTES
) -> dict[str, Any]:
    """Teach a learner as it comes, on one thread, and return what it answers, takes and holds.

    Parameters
    ----------
    method : str
        As the registry knows it.
    seed : int
        Of the learner's draws.
    stream : Stream
        What is taught and shown; test pictures of classes in no phase are untaught ones.
    budget : int
        Bytes of the second figure of accuracy.

    Returns
    -------
    dict
        ``final_accuracy``, ``forgetting`` and, with untaught pictures, ``unknown_auroc`` in
        percent; ``phase_s``; ``predict_ms``; ``memory_mb``; ``accuracy_64mb`` (%, or None where
        no size fits) and ``settings_64mb``; ``curve``, ``seconds`` and ``megabytes`` by phase.
    """
    with threadpool_limits(1):
        learner = registry.create(method, random_state=seed)
        outcomes = taught(learner, stream)
        asked = single_ms(learner, stream.test)
        seconds = [outcome.update_s for outcome in outcomes]
        megabytes = [outcome.memory_bytes / 1e6 for outcome in outcomes]
        record = RunRecord("", method, seed, stream.phases, tuple(rows_of(outcomes)))
        summary = summarise(record)
        percent = percent_figures(summary)
        wanted = ("final_accuracy", "forgetting", "unknown_auroc")
        figures = {name: percent[name] for name in wanted if np.isfinite(percent[name])}
        costs = {"phase_s": float(np.mean(seconds)), "predict_ms": asked}
        rest = {"memory_mb": max(megabytes), "seconds": seconds, "megabytes": megabytes}
        curve = {"curve": [100 * float(value) for value in summary.seen_accuracy]}
        within = _within(method, seed, stream, figures["final_accuracy"], max(megabytes), budget)
        return {**figures, **costs, **rest, **curve, **within}


def taught(learner: IncrementalLearner, stream: Stream) -> list[StepOutcome]:
    """Teach phase by phase and show all test pictures after each.

    Unlike `run_stream` it counts the process's own processor time, which on one thread is what a
    free machine takes, however much else runs on this one.

    Parameters
    ----------
    learner : IncrementalLearner
        Taught in place.
    stream : Stream
        What is taught and shown.
    """
    outcomes = []
    for step in class_phases(stream.phases, stream.train, stream.test):
        lesson = step.lesson
        learned = _timed(partial(learner.learn_phase, lesson.features, lesson.labels))
        shown = show(learner, stream.test, step.known)
        held = learner.memory_bytes()
        outcomes.append(StepOutcome(step.new, len(lesson), learned, 0.0, held, shown))
    return outcomes


def single_ms(learner: IncrementalLearner, shown: Labelled, asked: int = ASKED) -> float:
    """Return the median time to answer all there is to say about one picture.

    Parameters
    ----------
    learner : IncrementalLearner
        Already taught.
    shown : Labelled
        Pictures; some of them, evenly spaced, are asked one at a time.
    asked : int
        How many.
    """
    rows = np.unique(np.linspace(0, len(shown) - 1, asked).astype(int))
    taken = [_timed(partial(learner.answer, shown.features[row : row + 1])) for row in rows]
    return 1e3 * float(np.median(taken))


def _timed(call: Callable[[], object]) -> float:
    """Return processor seconds of this process."""
    began = time.process_time()
    call()
    return time.process_time() - began


def _within(
    method: str, seed: int, stream: Stream, accuracy: float, megabytes: float, budget: int
) -> dict[str, Any]:
    """Return accuracy and settings of the largest form that stays within the budget."""
    if megabytes * 1e6 <= budget:
        return {"accuracy_64mb": accuracy, "settings_64mb": {}}

    def make(settings: Mapping[str, Any]) -> IncrementalLearner:
        return registry.create(method, random_state=seed, **settings)

    steps = partial(class_phases, stream.phases, stream.train, stream.test)
    try:
        settings, outcomes = largest_within(SMALLER.get(method, ()), make, steps, budget)
    except (OverBudgetError, ValueError):  # ValueError: a peer without smaller forms.
        return {"accuracy_64mb": None, "settings_64mb": {}}
    shown = outcomes[-1].shown
    return {"accuracy_64mb": 100 * shown.accuracy if shown else None, "settings_64mb": settings}
