"""The records of the CLIFER benchmark."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cil_nodes.evaluation.bench.clifer_conditions import CONDITIONS, EXPERIMENTS, MEMORIES, SPLITS
from cil_nodes.evaluation.bench.clifer_figures import Found, by_person, interval
from cil_nodes.evaluation.bench.records import Record

_GOAL = 0.9
_NOTES = {
    "seen": "After the sixth and last class",
    "all": "Mean over the six moments, of classes not yet taught as well",
}


def records(found: Found, steps: Mapping[str, float]) -> tuple[Record, ...]:
    """Return one record for each condition, experiment, memory and split, and for a step.

    Parameters
    ----------
    found : mapping
        As `clifer_figures.Found`.
    steps : mapping of str to float
        Microseconds of a step by dimension.
    """
    faces = [
        _record(found, condition, experiment, memory, split)
        for condition in CONDITIONS
        for experiment in EXPERIMENTS
        for memory in MEMORIES
        for split in SPLITS
    ]
    return (*faces, *_steps(steps))


def _record(found: Found, condition: str, experiment: str, memory: str, split: str) -> Record:
    """Return one figure in the main order."""
    values = by_person(found[condition]["main"], f"{experiment}.{memory}.{split}")
    each = values[:, -1] if experiment == "seen" else values.mean(axis=1)
    mean, half = interval(each)
    main = (condition, experiment, memory, split) == ("clifer", "seen", "episodic", "train")
    note = f"{_NOTES[experiment]}; {len(each)} people, 95 % interval ± {half:.3f}, micro-averaged."
    if condition == "mlp":
        note += " There is only one network: both memories' figures are its own."
    if main and mean < _GOAL:
        note += " Neurons of earlier classes are overwritten or age away; see the method's page."
    return Record(
        f"clifer.faces.{condition}.{experiment}.{memory}.f1_{split}",
        round(mean, 4),
        goal=f">= {_GOAL}" if main else "reported",
        spread=round(float(np.std(each, ddof=1)), 4) if len(each) > 1 else None,
        runs=len(each),
        note=note,
    )


def _steps(steps: Mapping[str, float]) -> list[Record]:
    told = {int(dimension): round(value, 1) for dimension, value in steps.items()}
    note = "One thread; 1,000 neurons, mini-episodes of 5 samples, median."
    return [
        Record("clifer.step_us", told[50], "us", "lower", "< 100", note=f"50 dimensions. {note}"),
        Record("clifer.step_1280_us", told[1280], "us", "lower", note=f"1,280 dimensions. {note}"),
    ]
