"""The tables of the ORACIL benchmarks, in the shape of the paper's, out of finished runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.bench.contenders import Contender
from cil_nodes.evaluation.bench.oracil_plan import SMALL, Results
from cil_nodes.evaluation.bench.phase_runs import FIGURES
from cil_nodes.evaluation.bench.run_outcome import Outcome
from cil_nodes.evaluation.bench.sources import DEALT_OUT, SIDE_BY_SIDE
from cil_nodes.evaluation.bench.tables import Cell, Table
from cil_nodes.evaluation.metrics import aopd, mopd, opd, paired_gain


def all_tables(results: Results, budgets: Mapping[str, float]) -> tuple[Table, ...]:
    """Lay out every table of a data set.

    Parameters
    ----------
    results : Results
        Finished runs.
    budgets : mapping of str to float
        Minutes on two cores by group of runs; a table names those of the runs that it is the first
        to print.
    """
    laid = (
        (by_phase, ("peers", "ORACIL", "ORACIL, accurate", "LEAK")),
        (gains, ()),
        (ablation, ("the paper's form", "ablation")),
        (class_orders, ("built orders",)),
        (groups_by_phase, ()),
        (router_weights, ()),
        (options, ("metrics, thresholds, capacities",)),
        (cost, ("cost",)),
    )
    return tuple(
        replace(lay(results), minutes=sum(budgets.get(name, 0.0) for name in names) or LITTLE)
        for lay, names in laid
        if lay in (by_phase, ablation) or not set(names) & set(results.plan.left_out)
    )


LITTLE = 0.1
"""Minutes of a table that is worked out of runs which others name."""


def table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], note: str = ""
) -> Table:
    """Return a table with numbers rounded to two places and NaN left out."""
    plain = tuple(tuple(_plain(cell) for cell in row) for row in rows)
    return Table(title, tuple(columns), plain, LITTLE, note)


def _plain(cell: Cell) -> Cell:
    if isinstance(cell, str) or cell is None:
        return cell
    return round(float(cell), 2) if np.isfinite(cell) else None


def by_phase(results: Results) -> Table:
    """Accuracy after each phase, the shape of the paper's Tables 3 to 5."""
    plan = results.plan
    first = plan.orders[0]
    shown = [
        *((c.name, c, "own") for c in (*plan.peers, *plan.larger)),
        ("ORACIL's head, no router", plan.default, "joint"),
        ("ORACIL, the paper's form", plan.paper, "own"),
        ("**ORACIL**", plan.default, "own"),
        ("**ORACIL, accurate**", plan.accurate, "own"),
    ]
    there = [(name, results.outcome(c, first, view)) for name, c, view in shown if results.ran(c)]
    if results.ran(plan.leak, each=SMALL):
        there += [
            (words, results.outcome(plan.leak, first, view, SMALL)) for words, view in _LEAK_ROWS
        ]
    rows = [[name, *o.averages, o.final, o.forgetting] for name, o in there]
    phases = [str(t) for t in range(1, plan.phases + 1)]
    return table(
        f"Accuracy over phases, class order {first} (Tables 3 to 5)",
        ["", *phases, "all pictures", "F_N"],
        rows,
        "A_t (Eq. 18) in percent; the last column but one counts every test picture alike. Costly "
        "methods are shown pictures after few phases only. The row marked LEAK is no result: "
        "there the router is told in which phase the true class was taught, as the parent "
        "method's public code does.",
    )


_LEAK_ROWS = (
    (f"the paper's form, {SMALL} pictures a class, honest", "own"),
    ("LEAK: the same, told the phase", "leak"),
)


def gains(results: Results) -> Table:
    """Paired intervals between ORACIL and every other contender."""
    plan = results.plan
    rows: list[list[Cell]] = []
    for ours in filter(results.ran, (plan.default, plan.accurate)):
        mine = results.outcomes(ours)
        joint = results.outcomes(ours, "joint")
        rows.append([ours.name, "its own head, no router", *_gain(mine, joint)])
        for other in filter(results.ran, (*plan.peers, *plan.larger)):
            theirs = results.outcome(other, plan.orders[0])
            rows.append([ours.name, other.name, *_gain(mine[:1], [theirs])])
    return table(
        "Gains, in points, with 95 % intervals",
        ["ours", "over", "gain", "from", "to", "so it is a"],
        rows,
        "Paired bootstrap over test pictures, and over class orders where both were run in all of "
        "them; a gain whose interval holds zero is called none.",
    )


def _gain(ours: Sequence[Outcome], theirs: Sequence[Outcome]) -> list[Cell]:
    found = paired_gain([o.right for o in ours], [o.right for o in theirs])
    return [100 * found.value, 100 * found.low, 100 * found.high, found.verdict]


def ablation(results: Results) -> Table:
    """What each part brings, the shape of the paper's Table 6."""
    plan = results.plan
    shown = (
        ("head only: the last phase alone", plan.head_only, "own"),
        ("+ recursion: the joint head", plan.default, "joint"),
        ("+ grouping and router, the paper's", plan.paper, "own"),
        ("+ grouping and router, ours", plan.default, "own"),
    )
    rows = [
        [words, *_ablation_row(results.outcomes(contender, view))]
        for words, contender, view in shown
        if results.ran(contender)
    ]
    return table(
        "Ablation (Table 6)",
        ["", "A_N", "F_N", "AOPD", "MOPD", "orders"],
        rows,
        "Means over class orders; AOPD and MOPD over the phases shown, for two orders or more.",
    )


def _ablation_row(outcomes: Sequence[Outcome]) -> list[Cell]:
    averages = _shown(np.array([o.averages for o in outcomes]))
    spread = [aopd(averages), mopd(averages)] if len(outcomes) > 1 else [None, None]
    lost = float(np.mean([o.forgetting for o in outcomes]))
    return [float(averages[:, -1].mean()), lost, *spread, str(len(outcomes))]


def _shown(averages: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keep the phases (columns) after which something was shown in every order."""
    return averages[:, np.isfinite(averages).all(axis=0)]


def class_orders(results: Results) -> Table:
    """What the order of the classes does (Figures 5 and 6; the built orders are ours)."""
    plan = results.plan
    rows: list[list[Cell]] = []
    for order in plan.orders:
        paper = results.outcome(plan.paper, order).final if results.ran(plan.paper, order) else None
        rows.append([str(order), *_order_row(results, plan.default, order), paper])
    for built in (SIDE_BY_SIDE, DEALT_OUT):
        if not results.ran(plan.default, built):
            continue
        rows.append([f"look-alikes {built}", *_order_row(results, plan.default, built), None])
    return table(
        "Class orders: accuracy after the last phase",
        ["order", "ORACIL", "its head, no router", "difference", "the paper's form"],
        rows,
        "All test pictures. The head is the same in every order, to rounding.",
    )


def _order_row(results: Results, contender: Contender, order: int | str) -> list[Cell]:
    own = results.outcome(contender, order).final
    joint = results.outcome(contender, order, "joint").final
    return [own, joint, own - joint]


def order_figures(results: Results) -> dict[str, float]:
    """Return AOPD, MOPD, OPD of the last phase and AOPD of the regret, in points.

    The regret is the joint head's A_t less ours, on the same classes.
    """
    own = np.array([o.averages for o in results.outcomes(results.plan.default)])
    joint = np.array([o.averages for o in results.outcomes(results.plan.default, "joint")])
    return {
        "aopd": aopd(own),
        "mopd": mopd(own),
        "joint_aopd": aopd(joint),
        "joint_mopd": mopd(joint),
        "opd_last": float(opd(own)[-1]),
        "regret_aopd": aopd(joint - own),
    }


def groups_by_phase(results: Results) -> Table:
    """Groups and how well the router knows them (Figures 7 and 8)."""
    plan = results.plan
    first, rows = plan.orders[0], []
    for contender in filter(results.ran, (plan.default, plan.paper)):
        run = results.run(contender, first)
        rows.append([f"{contender.name}: groups", *run[FIGURES + "groups"]])
        routed = run.get(FIGURES + "router_accuracy", np.full(plan.phases, np.nan))
        rows.append([f"{contender.name}: router right, %", *(100 * routed)])
        told = results.outcome(contender, first, "told").averages
        rows.append([f"{contender.name}: A_t if the group were told", *told])
    return table(
        f"Groups and router by phase, class order {first} (Figures 7 and 8)",
        ["", *(str(t) for t in range(1, plan.phases + 1))],
        rows,
    )


def router_weights(results: Results) -> Table:
    """Weights of the paper's three classifiers (Table 2), and of ours where it has any."""
    run = results.run(results.plan.paper, results.plan.orders[0])
    weights = run.get(FIGURES + "router_weights", np.zeros((0, 3)))
    rows = [[str(t + 1), *row] for t, row in enumerate(weights) if np.isfinite(row).all()]
    return table(
        "Weights of the paper's router (Table 2)",
        ["phase", "neighbours", "forest", "boosted trees"],
        rows,
        "In the paper after the last phase: CIFAR-100 .71 / .01 / .28, CUB200 .68 / .25 / .07, "
        "OmniBenchmark .5 / .5 / 0.",
    )


def options(results: Results) -> Table:
    """Similarity metrics, thresholds and capacities of the paper's form (Tables 8 and 9)."""
    plan, rows = results.plan, []
    for contender in plan.options:
        if not results.ran(contender, each=SMALL):
            continue
        outcome = results.outcome(contender, plan.orders[0], each=SMALL)
        run = results.run(contender, plan.orders[0], each=SMALL)
        routed = run.get(FIGURES + "router_accuracy", np.array([np.nan]))[-1]
        said = {k: v for k, v in contender.settings.items() if k not in ("M", "reservoir")}
        words = ", ".join(f"{k} {v}" for k, v in said.items())
        rows.append([words, outcome.averages[-1], float(run[FIGURES + "groups"][-1]), 100 * routed])
    return table(
        "The paper's form under its options (Tables 8 and 9)",
        ["option", "A_N", "groups", "router right, %"],
        rows,
        f"{SMALL} training pictures a class at most, after the last phase. Options not named: "
        "cosine, mean, capacity 10.",
    )


def cost(results: Results) -> Table:
    """Time and memory of each phase (Tables A1 to A3)."""
    plan = results.plan
    first, rows = plan.orders[0], []
    for contender in filter(results.ran, (plan.default, plan.accurate, plan.paper)):
        run = results.run(contender, first)
        for name, words in _COSTS.items():
            rows.append([f"{contender.name}: {words}", *run[name]])
    return table(
        "Cost by phase (Tables A1 to A3)",
        ["", *(str(t) for t in range(1, plan.phases + 1))],
        rows,
        "As it went while other things ran on the same machine; the records have times measured "
        "alone. Idle work is the search of the ridge strength, when nobody waits.",
    )


_COSTS = {
    "update_s": "update, s",
    "idle_s": "idle work, s",
    "predict_ms": "prediction, ms a picture",
    "memory_mb": "memory, MB",
}


def curves(results: Results) -> dict[str, list[list[float]]]:
    """Return A_t in every order, for the plot."""
    own = [o.averages.tolist() for o in results.outcomes(results.plan.default)]
    joint = [o.averages.tolist() for o in results.outcomes(results.plan.default, "joint")]
    return {"ORACIL": own, "its head, no router": joint}
