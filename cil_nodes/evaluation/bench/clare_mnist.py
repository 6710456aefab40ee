"""ClaRe on handwritten digits: Table 1 in the paper's form and in ours, beside bounds and peers."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from cil_nodes.evaluation.bench.clare_plan import (
    BUDGETS,
    GROUPS,
    OUR_FORM,
    PAPER,
    STEPS,
    Form,
    Plan,
    data_is_there,
    first,
)
from cil_nodes.evaluation.bench.clare_runs import SHEET, SIDE
from cil_nodes.evaluation.bench.clare_tables import all_tables
from cil_nodes.evaluation.bench.context import Context, Work
from cil_nodes.evaluation.bench.png import grey_png
from cil_nodes.evaluation.bench.records import Record, measured, missing
from cil_nodes.evaluation.bench.registry import bench
from cil_nodes.evaluation.bench.runner import BenchResult
from cil_nodes.evaluation.published import published

PAPER_SEEDS, PEER_SEEDS = 5, 3
PEERS = ("joint", "fine-tuning", "EWC", "replay", "replay, distilled")
LEFT_OUT: tuple[str, ...] = (
    "the paper's form",
    "peers",
    "ablation",
    "random orders",
    "unbalanced",
)
"""Tables not run yet. Empty this to run everything."""

CONFIGURATION: dict[str, Any] = {
    "dataset": "mnist, 60,000 training and 10,000 test pictures, pixels in [0, 1]",
    "order": "0 to 9",
    "iterations a phase, the paper's form and peers": STEPS,
    "settings chosen on": "the last 10,000 training pictures",
}

GOALS = {
    "g1.ours.average": ">= 95 %",
    "g1.ours.final": ">= 90 %",
    "g2.ours.final": ">= 94 %",
    "g5.ours.final": ">= 96 %",
}


class Results:
    """Finished parts, found again by what they are.

    Parameters
    ----------
    plan : Plan
    context : Context
        Runs what is missing.
    """

    def __init__(self, plan: Plan, context: Context) -> None:
        self.plan = plan
        works = plan.works()
        found = context.parts(works, "runs")
        self._found = {str(w.key): part for w, part in zip(works, found, strict=True)}

    def of(self, work: Work) -> dict[str, Any] | None:
        """Return a finished part; None for one that was left out."""
        return self._found.get(str(work.key))

    def rows(self, works: Sequence[Work]) -> np.ndarray | None:
        """Return accuracies by phase (runs, phases) of those that were run."""
        found = [part["accuracy"] for part in map(self.of, works) if part]
        return np.array(found) if found else None

    def form(self, form: Form, group: int) -> np.ndarray | None:
        """Return accuracies of one form over its seeds."""
        seeds = self.plan.paper_seeds if form is PAPER else self.plan.seeds
        return self.rows([self.plan.taught(form, group, seed) for seed in seeds])

    @cached_property
    def looked(self) -> dict[str, dict[str, Any]]:
        """Runs that kept sheets, by form."""
        pairs = {
            name: self.of(self.plan.taught(form, 1, self.plan.seeds[0]))
            for name, form in (("ours", OUR_FORM), ("paper", PAPER))
        }
        return {name: part for name, part in pairs.items() if part}


def plan_of(context: Context) -> Plan:
    """Return the runs for a context's seeds."""
    seeds = context.seeds
    return Plan(
        seeds,
        first(seeds, PAPER_SEEDS),
        first(seeds, PEER_SEEDS),
        peers=PEERS,
        left_out=LEFT_OUT,
    )


def works(context: Context) -> list[Work]:
    """List every part, for ``--dry-run``."""
    return plan_of(context).works()


@bench(
    "clare-mnist",
    "ClaRe on MNIST, one, two and five digits a phase: the paper's form and ours, five seeds; "
    "bounds and peers with the same budget; what each choice brings.",
    minutes=sum(BUDGETS.values()),
    seeds=5,
    budgets=BUDGETS,
    plan=works,
)
def clare_mnist(context: Context) -> BenchResult:
    """Run whatever is not kept, and lay out records, tables and sheets."""
    data_is_there()
    results = Results(plan_of(context), context)
    context.progress(1.0, "done")
    details = {
        "curves": _curves(results),
        "diversity": {name: part["diversity"] for name, part in results.looked.items()},
        "seconds": {name: part["seconds"] for name, part in results.looked.items()},
    }
    return BenchResult(
        tuple(records(results)),
        CONFIGURATION,
        details,
        all_tables(results),
        pictures={name: sheets(part["sheets"]) for name, part in results.looked.items()},
    )


def records(results: Results) -> list[Record]:
    """Return average, last and best last accuracy of both forms for each g."""
    found: list[Record] = []
    for group in GROUPS:
        printed = published("clare", "1").rows[f"g = {group}"]
        for name, form in (("paper", PAPER), ("ours", OUR_FORM)):
            found += _accuracies(f"g{group}.{name}", results.form(form, group), printed)
    found.append(_minutes(results))
    return found


def _accuracies(at: str, rows: np.ndarray | None, printed: Sequence[float]) -> list[Record]:
    names = ("average", "final", "best_final")
    if rows is None:
        return [missing(f"clare.mnist.{at}.{name}") for name in names]
    values = {"average": rows.mean(axis=1), "final": rows[:, -1]}
    beside = {"average": round(float(np.mean(printed)), 2), "final": printed[-1]}
    records = [
        measured(
            f"clare.mnist.{at}.{name}",
            values[name].tolist(),
            unit="%",
            goal=GOALS.get(f"{at}.{name}", "reported"),
            reference={"the paper, best of runs": float(beside[name])},
            note=_NOTES[at.split(".")[1]],
        )
        for name in values
    ]
    best = Record(
        f"clare.mnist.{at}.best_final",
        round(float(rows[:, -1].max()), 4),
        "%",
        reference={"the paper, best of runs": float(printed[-1])},
        runs=len(rows),
        note="The best of the runs, as the paper reports.",
    )
    return [*records, best]


_NOTES = {
    "paper": "One network for all classes, from scratch each phase, D_C answers. The paper names "
    f"no optimiser, rate, batch or length: Adam, 0.001 at first, 128, {STEPS} iterations.",
    "ours": "One small network for each class; the one that explains a picture best answers.",
}


def _minutes(results: Results) -> Record:
    """Return how long all ten phases of ours with g = 1 took."""
    plan = results.plan
    parts = [results.of(plan.taught(OUR_FORM, 1, seed)) for seed in plan.seeds]
    minutes = [sum(part["seconds"]) / 60 for part in parts if part]
    if not minutes:
        return missing("clare.mnist.g1.ours.minutes")
    return measured(
        "clare.mnist.g1.ours.minutes",
        minutes,
        unit="min",
        better="lower",
        goal="< 10",
        note="Ten phases of 6,000 pictures, one thread, on a machine that did other work too.",
    )


def _curves(results: Results) -> dict[str, list[list[float]]]:
    """Accuracies by phase with g = 1, one line a seed."""
    shown = {"ours": results.form(OUR_FORM, 1), "the paper's form": results.form(PAPER, 1)}
    curves = {name: rows.tolist() for name, rows in shown.items() if rows is not None}
    return curves | {"published, best of runs": [list(published("clare", "1").rows["g = 1"])]}


def sheets(texts: Sequence[str]) -> bytes:
    """Lay the sheets of all phases side by side, as one PNG.

    Parameters
    ----------
    texts : sequence of str
        As `clare_runs.sheet` makes them; each phase has more rows than the one before.
    """
    each = [_sheet(text) for text in texts]
    height = max(len(one) for one in each)
    wide = [np.pad(one, ((0, height - len(one)), (0, SIDE // 2))) for one in each]
    return grey_png(np.concatenate(wide, axis=1)[:, : -(SIDE // 2)])


def _sheet(text: str) -> np.ndarray:
    grey = np.frombuffer(base64.b64decode(text), np.uint8)
    return grey.reshape(-1, SHEET * SIDE)
