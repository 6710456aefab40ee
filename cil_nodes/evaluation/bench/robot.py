"""The table a user chooses by: all five methods on one stream, with what each costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from cil_nodes.evaluation.bench.context import Context, Work
from cil_nodes.evaluation.bench.features import DEFAULT_ENCODER
from cil_nodes.evaluation.bench.records import Record, measured, missing
from cil_nodes.evaluation.bench.registry import bench
from cil_nodes.evaluation.bench.robot_runs import (
    SMALLER,
    grocery_run,
    grocery_source,
    grocery_unknown,
    sim_run,
)
from cil_nodes.evaluation.bench.runner import BenchResult
from cil_nodes.evaluation.bench.tables import Cell, Table
from cil_nodes.evaluation.bench.unknown import FIRST_SIM_SEED

METHODS = {
    "oracil": "ORACIL",
    "clare": "ClaRe",
    "repulsion_replay": "RR+RA",
    "innamp": "INNAMP",
    "clifer": "CLIFER",
}
PEERS = {
    "joint_ridge": "joint ridge",
    "slda": "streaming LDA",
    "nearest_class_mean": "nearest class mean",
}
EVERYBODY = {**METHODS, **PEERS}

BUDGETS = {"sim": 8.0, "grocery": 20.0}
"""Minutes on two cores by world, for all seeds."""

GROCERY_SEEDS = 1
"""How many of the seeds Grocery is run with."""

LEFT_OUT: tuple[tuple[str, str], ...] = (("grocery", "repulsion_replay"),)
"""Pairs of world and method not run yet; their records say so. Empty this to run everything."""

FIGURES = {
    "final_accuracy": ("accuracy %", "%", "higher"),
    "forgetting": ("forgetting", "%", "lower"),
    "unknown_auroc": ("unknown AUROC %", "%", "higher"),
    "phase_s": ("s a phase", "s", "lower"),
    "predict_ms": ("ms a prediction", "ms", "lower"),
    "memory_mb": ("memory MB", "MB", "lower"),
    "accuracy_64mb": ("accuracy % in 64 MB", "%", "higher"),
}
"""Heading, unit and direction of each."""

NOTES = {
    "phase_s": "Processor seconds of a lesson, mean over the phases, one thread.",
    "predict_ms": "One picture at a time, all there is to say; processor time, median, one thread. "
    "The encoder is not in it.",
    "memory_mb": "All that answering and learning on need, the most after any phase.",
}
WORLDS = {
    "sim": "Turntable: 16 things in three phases, 20 views each; fresh views before unseen "
    "backdrops; unknown are 8 things never taught.",
    "grocery": "Grocery photographs: 81 classes in nine phases, official splits; unknown are the "
    "other classes after half of them were taught in one lesson.",
}

CONFIGURATION: dict[str, Any] = {
    "encoder": DEFAULT_ENCODER,
    "learners": "as they come, without consolidation between phases",
    "threads": 1,
    "smaller forms tried for 64 MB": SMALLER,
}


@dataclass(frozen=True)
class Run:
    """One learner in one world with one seed.

    Attributes
    ----------
    world : str
        One of `WORLDS`.
    method : str
        One of `EVERYBODY`.
    seed : int
        Of the stream and of the learner.
    """

    world: str
    method: str
    seed: int

    def works(self) -> list[Work]:
        """Return its parts; their results together hold every figure."""
        if self.world == "sim":
            return [self._work("stream", sim_run, ("evaluation/bench/unknown.py",))]
        return [
            self._work("stream", grocery_run),
            self._work("half", grocery_unknown, ("evaluation/bench/unknown.py",)),
        ]

    def _work(
        self,
        part: str,
        function: Callable[[str, int], Mapping[str, Any]],
        more: tuple[str, ...] = (),
    ) -> Work:
        source = {} if self.world == "sim" else grocery_source(self.seed).key()
        key = {**CONFIGURATION, **vars(self), "part": part, "source": source}
        own = f"learners/{self.method}" if self.method in METHODS else "evaluation/peers"
        code = (own, *CODE, *more)
        return Work(key, partial(function, self.method, self.seed), self.world, code)


CODE = (
    "evaluation/bench/robot_runs.py",
    "evaluation/protocols",
    "learners/base.py",
    "learners/calibration.py",
    "learners/networks",
)
"""What the figures of every learner depend on."""


def runs_of(context: Context) -> list[Run]:
    """List who is run where, the shorter first."""
    of_world = {
        "sim": [FIRST_SIM_SEED + seed for seed in context.seeds],
        "grocery": list(context.seeds[:GROCERY_SEEDS]),
    }
    return [
        Run(world, method, seed)
        for world, seeds in of_world.items()
        for seed in seeds
        for method in EVERYBODY
        if (world, method) not in LEFT_OUT
    ]


def works(context: Context) -> list[Work]:
    """List every part, for ``--dry-run``."""
    return [work for run in runs_of(context) for work in run.works()]


Found = dict[tuple[str, str], list[dict[str, Any]]]


@bench(
    "robot",
    "The five methods and three peers on the same streams, the turntable and Grocery: accuracy, "
    "forgetting, unknowns, time, memory, and accuracy within 64 MB.",
    minutes=sum(BUDGETS.values()),
    seeds=2,
    budgets=BUDGETS,
    plan=works,
)
def robot(context: Context) -> BenchResult:
    """Run whatever is not kept, and lay out records and tables."""
    runs = runs_of(context)
    results = iter(context.parts(works(context), "learners and streams"))
    found: Found = {}
    for run in runs:
        parts: dict[str, Any] = {}
        for _ in run.works():
            parts |= next(results)
        found.setdefault((run.world, run.method), []).append(parts)
    details = {"runs": {".".join(place): each for place, each in found.items()}}
    tables = (table_of(world, found) for world in WORLDS)
    return BenchResult(
        tuple(records_of(found)),
        CONFIGURATION,
        details,
        tuple(table for table in tables if table.rows),
    )


def records_of(found: Found) -> list[Record]:
    """Return the five methods' figures; what was left out says so.

    Parameters
    ----------
    found : dict
        Figures by world and method, one dict a seed.
    """
    return [
        _record(f"robot.{world}.{method}", figure, found.get((world, method), []), WORLDS[world])
        for world in WORLDS
        for method in METHODS
        for figure in FIGURES
    ]


def _record(place: str, figure: str, runs: list[dict[str, Any]], note: str) -> Record:
    if not runs:
        return missing(f"{place}.{figure}")
    values = [run[figure] for run in runs]
    _, unit, better = FIGURES[figure]
    if figure == "accuracy_64mb":
        note += f" {_form(runs)}"
    if None in values:
        return Record(f"{place}.{figure}", None, unit, better, note=note)
    more = f" {NOTES[figure]}" if figure in NOTES else ""
    return measured(f"{place}.{figure}", values, unit=unit, better=better, note=note + more)


def _form(runs: list[dict[str, Any]]) -> str:
    """Say in words what stayed within the budget."""
    if any(run["accuracy_64mb"] is None for run in runs):
        return "No form that was tried stays within 64 MB."
    settings = runs[0]["settings_64mb"]
    if not settings:
        return "As it comes."
    return "With " + ", ".join(f"{name}={value}" for name, value in settings.items()) + "."


def table_of(world: str, found: Found) -> Table:
    """Lay out one world, methods and peers; parameters as of `records_of`."""
    rows: list[tuple[Cell, ...]] = [
        (name, *(_cell(found[world, method], figure) for figure in FIGURES), _form_of(found, place))
        for method, name in EVERYBODY.items()
        if (place := (world, method)) in found
    ]
    heads = ("learner", *(head for head, _, _ in FIGURES.values()), "what fits")
    seeds = max((len(each) for (w, _), each in found.items() if w == world), default=0)
    times = "Times are processor time on one thread, without the encoder."
    note = f"{WORLDS[world]} {seeds} {'seed' if seeds == 1 else 'seeds'}. {times}"
    return Table(f"The robot's choice: {world}", heads, tuple(rows), BUDGETS[world], note)


def _cell(runs: list[dict[str, Any]], figure: str) -> Cell:
    values = [run[figure] for run in runs]
    return None if None in values else float(np.round(np.mean(values), 4))


def _form_of(found: Found, place: tuple[str, str]) -> str:
    return _form(found[place]).rstrip(".")
