"""The tables of the ClaRe benchmark, out of finished runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cil_nodes.evaluation.bench.clare_plan import BUDGETS, GROUPS, OUR_FORM, PAPER, Form
from cil_nodes.evaluation.bench.tables import Cell, Table
from cil_nodes.evaluation.published import published

if TYPE_CHECKING:
    from cil_nodes.evaluation.bench.clare_mnist import Results

Row = tuple[Cell, ...]

PHASES = 10
LITTLE = 0.1
"""Minutes of a table that is worked out of runs which others name."""


def all_tables(results: Results) -> tuple[Table, ...]:
    """Lay out every table whose runs are there."""
    laid = [
        *(by_phase(results, group) for group in GROUPS),
        bounds(results),
        ablation(results),
        looks(results),
        unbalanced(results),
        random_orders(results),
        Table.of(published("clare", "2")),
    ]
    return tuple(table for table in laid if table.rows)


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(v), 2) for v in values]


def by_phase(results: Results, group: int) -> Table:
    """Accuracy after each phase: one row of the paper's Table 1, ours, bounds and peers."""
    phases = PHASES // group
    columns = (f"g = {group}", "runs", *(f"phase {k + 1}" for k in range(phases)), "average")
    shown: list[tuple[str, np.ndarray | None]] = [
        ("the paper's form, mean", results.form(PAPER, group)),
        ("**ours**, mean", results.form(OUR_FORM, group)),
    ]
    for peer in results.plan.peers:
        seeds = results.plan.peer_seeds
        shown.append((peer, results.rows([results.plan.peer(peer, group, s) for s in seeds])))
    rows: list[Row] = []
    for name, found in shown:
        if found is None:
            continue
        mean = found.mean(axis=0)
        rows.append((name, len(found), *_rounded(mean), round(float(mean.mean()), 2)))
        if name.startswith(("the paper's", "**")):
            best = found[found[:, -1].argmax()]
            name = name.replace(", mean", ", best run")
            rows.append((name, 1, *_rounded(best), round(float(best.mean()), 2)))
    printed = published("clare", "1").rows[f"g = {group}"]
    rows.append(("published, best of runs", None, *printed, round(float(np.mean(printed)), 2)))
    note = (
        "Test accuracy over all digits known, %, digits from 0 to 9. Peers: 400-400, see the page."
    )
    minutes = BUDGETS["ours"] + BUDGETS["the paper's form"] + BUDGETS["peers"]
    title = f"Accuracy after each phase, g = {group}"
    return Table(title, columns, tuple(rows), round(minutes / 3, 1), note)


def bounds(results: Results) -> Table:
    """The paper's Table 2, like with like: means over phases, and the last phase."""
    shown: list[tuple[str, np.ndarray | None]] = [
        (peer, results.rows([results.plan.peer(peer, 1, s) for s in results.plan.peer_seeds]))
        for peer in results.plan.peers
    ]
    shown += [("the paper's form", results.form(PAPER, 1)), ("ours", results.form(OUR_FORM, 1))]
    rows = tuple(
        (
            name,
            round(float(found[:, :5].mean()), 2),
            round(float(found[:, 4].mean()), 2),
            round(float(found.mean()), 2),
            round(float(found[:, -1].mean()), 2),
        )
        for name, found in shown
        if found is not None
    )
    columns = ("g = 1", "0-4, mean", "0-4, last", "0-9, mean", "0-9, last")
    note = "Mean over the phases, and accuracy after the last one: the published table mixes them."
    return Table("Bounds and peers, one digit a phase", columns, rows, LITTLE, note)


def ablation(results: Results) -> Table:
    """What each choice brings, and what it costs."""
    plan = results.plan
    rows: list[Row] = []
    shown: list[tuple[Form, str]] = [(PAPER, ""), *((form, "ablation") for form in plan.ablation)]
    shown.append((OUR_FORM, ""))
    for form, table in shown:
        part = results.of(plan.taught(form, 1, plan.seeds[0], table))
        if part:
            told = part["accuracy"]
            cells = (
                round(float(np.mean(told)), 2),
                round(told[-1], 2),
                round(sum(part["seconds"])),
            )
            rows.append((form.name, *cells))
    columns = ("g = 1, one seed", "average", "final", "s")
    note = (
        "One change each to the paper's form; the two last rows of the shared network change "
        "several. Seconds on one thread of a machine that did other work too."
    )
    enough = tuple(rows) if len(rows) > 2 else ()
    return Table("What each choice brings", columns, enough, BUDGETS["ablation"], note)


def looks(results: Results) -> Table:
    """How diverse drawn digits are, and how long drawing takes."""
    rows: list[Row] = [
        (name, *(round(float(v), 3) for v in part["diversity"]), round(part["draw_seconds"], 2))
        for name, part in results.looked.items()
    ]
    columns = ("g = 1", *(f"phase {k + 1}" for k in range(PHASES)), "s to draw")
    note = (
        "Within-class variance of drawn digits over that of real ones, mean over known digits; "
        "seconds to draw 6,000 of each of nine digits."
    )
    return Table("Diversity of drawn digits", columns, tuple(rows), LITTLE, note)


def unbalanced(results: Results) -> Table:
    """Nine digits of 500 pictures, then one of 5."""
    rows: list[Row] = []
    for form in (PAPER, OUR_FORM):
        part = results.of(results.plan.unbalanced(form))
        if part:
            told = (part[name] for name in ("old_before", "old", "new"))
            rows.append((form.name, *(round(float(v), 2) for v in told)))
    columns = ("form", "0-8 before", "0-8 after", "9 after")
    note = "Digits 0 to 8 with 500 pictures each in three phases, then 9 with 5."
    minutes = BUDGETS["unbalanced"]
    return Table("Five new samples beside 500 old ones", columns, tuple(rows), minutes, note)


def random_orders(results: Results) -> Table:
    """Ours with the digits in other orders."""
    plan = results.plan
    found = results.rows([plan.shuffled(OUR_FORM, seed) for seed in plan.seeds])
    rows: tuple[Row, ...] = ()
    if found is not None:
        mean = found.mean(axis=0)
        rows = (("ours", len(found), *_rounded(mean), round(float(mean.mean()), 2)),)
    columns = ("g = 1", "orders", *(f"phase {k + 1}" for k in range(PHASES)), "average")
    minutes = BUDGETS["random orders"]
    return Table("Digits in random orders", columns, rows, minutes, "Mean over the orders.")
