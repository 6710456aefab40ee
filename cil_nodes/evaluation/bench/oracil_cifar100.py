"""ORACIL on CIFAR-100 in ten phases: the paper's tables in shape, beside peers on equal terms."""

from __future__ import annotations

from functools import partial
from typing import Any

from cil_nodes.evaluation.bench import oracil_cost
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
from cil_nodes.evaluation.bench.tables import Table
from cil_nodes.evaluation.published import published

CONFIGURATION: dict[str, Any] = {
    "dataset": "cifar100",
    "phases": 10,
    "encoder": "efficientnet_lite0",
    "settings chosen on": "a fifth of the training pictures, class order 1993",
}

BUDGETS = {
    "peers": 45.0,
    "the paper's form": 30.0,
    "ablation": 3.0,
    "LEAK": 4.0,
    "metrics, thresholds, capacities": 20.0,
    "ORACIL": 25.0,
    "built orders": 10.0,
    "ORACIL, accurate": 40.0,
    "cost": 2.0,
}
"""Minutes on two cores by table; under three hours in all."""


LEFT_OUT: tuple[str, ...] = ()
"""Tables and contenders not run yet; their records say so. Empty this to run everything."""

BESIDE = ("3", "6", "2", "F5", "F8")
"""Published tables printed below ours; the others are in the paper."""


def plan_of(context: Context) -> Plan:
    """Return the runs: one class order a seed."""
    return Plan("cifar100", 10, (1, 5, 10), context.seeds, LEFT_OUT)


def works(context: Context) -> list[Work]:
    """List every part, for ``--dry-run``."""
    plan = plan_of(context)
    return [*plan.works(), *_cost(plan)]


def _cost(plan: Plan) -> list[Work]:
    """Return the one part that is timed, where it is not left out."""
    if "cost" in plan.left_out:
        return []
    return [oracil_cost.work(plan.source(plan.orders[0]), "cost")]


@bench(
    "oracil-cifar100",
    "ORACIL on CIFAR-100, 100 classes in ten phases, five class orders: accuracy, order effects, "
    "ablations, router, cost; peers on the same features.",
    minutes=sum(BUDGETS.values()),
    seeds=5,
    first_seed=1993,
    budgets=BUDGETS,
    plan=works,
)
def oracil_cifar100(context: Context) -> BenchResult:
    """Run whatever is not kept, and lay out records and tables."""
    plan = plan_of(context)
    results = Results(plan, context)
    taken = context.parts(_cost(plan), "cost")
    records = (
        *accuracy_records(results),
        *order_records(results),
        *paper_records(results),
        *oracil_cost.records(taken[0] if taken else None, plan.dataset),
    )
    return BenchResult(
        records,
        {**CONFIGURATION, "orders": plan.orders},
        {"curves": curves(results)},
        (*all_tables(results, BUDGETS), *map(Table.of, map(partial(published, "oracil"), BESIDE))),
    )
