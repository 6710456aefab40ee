"""What the unknown bench prints: records and tables out of its figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cil_nodes.evaluation.bench.records import Record, measured
from cil_nodes.evaluation.bench.tables import Cell, Table
from cil_nodes.evaluation.detectors import DETECTORS

FIGURES = ("auroc", "fpr95", "oscr")
OURS = "ORACIL"

WORLDS = {
    "cifar100": "Half of CIFAR-100's classes, by seed, taught in one lesson, the other half never: "
    "near unknowns, from the same set and often of the same kind as what is known.",
    "grocery": "Half of Grocery's classes, by seed, taught in one lesson, the other half never: "
    "near unknowns, other sorts of the same fruit and cartons among them.",
    "sim": "Sixteen things of the simulated turntable taught in three lessons, eight others never; "
    "the settings of ORACIL's unknown score were chosen on other seeds of this simulator.",
}
BUDGETS = {"cifar100": 12.0, "grocery": 3.0, "sim": 4.0}
NOTE = (
    "The goal is the detector with the best AUROC; another choice of classes moves a figure by a "
    "point or two, so a smaller difference decides nothing."
)


def records_of(name: str, runs: Sequence[dict[str, Any]]) -> list[Record]:
    """Return the figures of one world.

    Parameters
    ----------
    name : str
        One of ``WORLDS``.
    runs : sequence of dict
        Figures of every score, one dict a seed.
    """
    means = {d: float(np.mean([run[d]["auroc"] for run in runs])) for d in DETECTORS}
    best = max(means, key=means.__getitem__)
    records = []
    for figure in FIGURES:
        beside = {d: round(float(np.mean([r[d][figure] for r in runs])), 4) for d in DETECTORS}
        lower = figure == "fpr95"
        record = measured(
            f"unknown.{name}.oracil.{figure}",
            [run[OURS][figure] for run in runs],
            unit="%",
            better="lower" if lower else "higher",
            goal=f"{'<=' if lower else '>='} {best}",
            reference=beside,
            note=f"{WORLDS[name]} {NOTE}",
        )
        records.append(record)
    detected = [run[best]["auroc"] for run in runs]
    return [
        *records,
        measured(f"unknown.{name}.best_detector", detected, unit="%", note=f"AUROC of {best}."),
        Record(f"unknown.{name}.best_detector_name", best, better=""),
    ]


def table_of(name: str, runs: Sequence[dict[str, Any]]) -> Table:
    """Lay out every score of one world; parameters as of `records_of`."""
    rows: list[tuple[Cell, ...]] = [
        (words, *(round(float(np.mean([run[words][f] for run in runs])), 2) for f in FIGURES))
        for words in runs[0]
    ]
    heads = ("score", "AUROC", "FPR at 95 %", "OSCR")
    note = (
        f"{WORLDS[name]} Percent, {len(runs)} choices of classes; detectors as published, "
        "so that 50 neighbours are more than the views of one thing."
    )
    return Table(f"Unknowns: {name}", heads, tuple(rows), BUDGETS[name], note)
