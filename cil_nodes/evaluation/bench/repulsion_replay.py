"""RR+RA on CIFAR-100 in ten phases, beside BI-R with and without synaptic intelligence."""

from __future__ import annotations

from typing import Any

from cil_nodes.evaluation.bench.context import Context, Work
from cil_nodes.evaluation.bench.registry import bench
from cil_nodes.evaluation.bench.repulsion_plan import Found, Plan, frame_work
from cil_nodes.evaluation.bench.repulsion_settings import REPULSION, SIZES, SYNAPSES
from cil_nodes.evaluation.bench.repulsion_tables import (
    drawings,
    frame_table,
    gains_table,
    inside_table,
    lines_table,
    records,
    settings_tables,
)
from cil_nodes.evaluation.bench.runner import BenchResult
from cil_nodes.evaluation.bench.tables import Table
from cil_nodes.evaluation.published import published

BUDGETS = {
    "settings": 18.0,
    "lines": 40.0,
    "joint": 4.0,
    "iterations": 4.0,
    "extractor's features": 6.0,
    "other factors": 30.0,
    "frame": 4.0,
}
"""Minutes on two cores by table."""

LEFT_OUT: tuple[str, ...] = ("f50", "f100", "joint ridge")
"""Tables, lines and peers not run yet; their records say so. Empty this to run everything."""


def has_gpu() -> bool:
    """Say whether torch is there and sees a GPU; the full size needs one."""
    try:
        import torch
    except ImportError:
        return False
    return torch.cuda.is_available()


def plans(context: Context) -> list[Plan]:
    """Return the scaled runs, and on a machine with a GPU those at full size."""
    scaled = Plan(context.seeds, "scaled", LEFT_OUT)
    return [scaled, Plan(context.seeds, "full", LEFT_OUT)] if has_gpu() else [scaled]


def works(context: Context) -> list[Work]:
    """List every part, for ``--dry-run``."""
    each = [run.work(table) for plan in plans(context) for table, run in plan.runs()]
    first = plans(context)[0]
    return [*each, *(frame_work(*peer, first.orders[0]) for peer in first.frame())]


@bench(
    "repulsion-replay",
    "RR+RA on CIFAR-100, 100 classes in ten phases, beside BI-R and BI-R + SI on the same internal "
    "features; scaled size, and full size where there is a GPU.",
    minutes=sum(BUDGETS.values()),
    seeds=3,
    budgets=BUDGETS,
    plan=works,
)
def repulsion_replay(context: Context) -> BenchResult:
    """Run whatever is not kept, and lay out records and tables."""
    scaled, *full = plans(context)
    found = Found(scaled, context, (0.0, 0.9))
    frame = _frame(scaled, context)
    every, tables = records(found, "scaled"), _tables(found, frame)
    for plan in full:
        large = Found(plan, context, (0.9, 1.0))
        every += records(large, "full")
        tables += [lines_table(large, 60.0), gains_table(large, 60.0)]
    configuration: dict[str, Any] = {
        "dataset": "cifar100",
        "phases": 10,
        "features": "five convolutions trained on CIFAR-10, 1,024 values",
        "sizes": {plan.size: SIZES[plan.size] for plan in (scaled, *full)},
        "synaptic intelligence": SYNAPSES,
        "repulsion": REPULSION,
        "settings chosen on": "a fifth of the training pictures, class order 7",
    }
    tables += [
        Table.of(published("repulsion_replay", "1")),
        Table.of(published("brain_inspired_replay", "A1")),
    ]
    return BenchResult(
        tuple(every),
        configuration,
        {"curves": _curves(found)},
        tuple(tables),
        tuple(drawings(found, scaled)),
    )


def _frame(plan: Plan, context: Context) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the peers by name and features."""
    works = [frame_work(*peer, plan.orders[0]) for peer in plan.frame()]
    return dict(zip(plan.frame(), context.parts(works, "frame", (0.9, 1.0)), strict=True))


def _tables(found: Found, frame: dict[tuple[str, str], dict[str, Any]]) -> list[Table]:
    return [
        lines_table(found, BUDGETS["lines"] + BUDGETS["other factors"]),
        gains_table(found, BUDGETS["lines"] + BUDGETS["other factors"]),
        frame_table(found, frame),
        inside_table(found),
        *settings_tables(found, found.plan),
    ]


def _curves(found: Found) -> dict[str, list[list[float]]]:
    """Return accuracies by phase of the main lines, drawn by the page."""
    lines = {"BI-R": "bir", "BI-R + SI": "bir_si", "RR+RA, f = 20": "f20"}
    return {
        name: [result["phases"] for _, result in found.of(line)] for name, line in lines.items()
    }
