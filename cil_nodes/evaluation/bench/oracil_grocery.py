"""ORACIL on grocery photographs in nine phases, beside peers on equal terms."""

from __future__ import annotations

from typing import Any

from cil_nodes.evaluation.bench.context import Context, Work
from cil_nodes.evaluation.bench.oracil_plan import Plan, Results
from cil_nodes.evaluation.bench.oracil_records import (
    accuracy_records,
    order_records,
    paper_records,
)
from cil_nodes.evaluation.bench.oracil_tables import all_tables, curves
from cil_nodes.evaluation.bench.registry import bench
from cil_nodes.evaluation.bench.runner import BenchResult

CONFIGURATION: dict[str, Any] = {
    "dataset": "grocery",
    "phases": 9,
    "encoder": "efficientnet_lite0",
    "settings chosen on": "the official validation split",
}

BUDGETS = {
    "peers": 4.0,
    "the paper's form": 5.0,
    "ablation": 1.0,
    "LEAK": 1.0,
    "metrics, thresholds, capacities": 6.0,
    "ORACIL": 4.0,
    "built orders": 2.0,
    "ORACIL, accurate": 8.0,
}
"""Minutes on two cores by table."""


LEFT_OUT: tuple[str, ...] = ()
"""Tables and contenders not run yet; their records say so. Empty this to run everything."""


def plan_of(context: Context) -> Plan:
    """Return the runs: one class order a seed."""
    return Plan("grocery", 9, (1, 5, 9), context.seeds, LEFT_OUT)


def works(context: Context) -> list[Work]:
    """List every part, for ``--dry-run``."""
    return plan_of(context).works()


@bench(
    "oracil-grocery",
    "ORACIL on grocery photographs, 81 classes in nine phases, five class orders; peers on the "
    "same features.",
    minutes=sum(BUDGETS.values()),
    seeds=5,
    first_seed=1993,
    budgets=BUDGETS,
    plan=works,
)
def oracil_grocery(context: Context) -> BenchResult:
    """Run whatever is not kept, and lay out records and tables."""
    plan = plan_of(context)
    results = Results(plan, context)
    records = (
        *accuracy_records(results),
        *order_records(results),
        *paper_records(results),
    )
    return BenchResult(
        records,
        {**CONFIGURATION, "orders": plan.orders},
        {"curves": curves(results)},
        all_tables(results, BUDGETS),
    )
