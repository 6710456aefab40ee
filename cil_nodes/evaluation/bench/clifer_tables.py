"""The tables and drawings of the CLIFER benchmark, beside the published figures."""

from __future__ import annotations

from cil_nodes.evaluation.bench.clifer_caae import EXPRESSIONS
from cil_nodes.evaluation.bench.clifer_conditions import CONDITIONS, EXPERIMENTS, MEMORIES, SPLITS
from cil_nodes.evaluation.bench.clifer_figures import Found, by_person, interval, order_test
from cil_nodes.evaluation.bench.tables import Cell, Curves, Table
from cil_nodes.evaluation.published import published

NAMES = {"mlp": "MLP", "gdm": "GDM", "gdm_replay": "GDM + replay", "clifer": "CLIFER"}
_SPLITS = {"train": "trained frames", "heldout": "frames never shown"}


def tables(found: Found, minutes: float) -> tuple[Table, ...]:
    """Return F1 in both evaluations, F1 by class taught, order tests, costs."""
    after = [
        _after_each(found, experiment, split, minutes)
        for experiment in EXPERIMENTS
        for split in SPLITS
    ]
    return (
        _final(found, minutes),
        Table.of(published("clifer", "F3")),
        *after,
        _order_tests(found, minutes),
        Table.of(published("clifer", "1")),
        _best_starts(found, minutes),
        _costs(found, minutes),
    )


def _spelled(mean: float, half: float) -> str:
    return f"{mean:.3f} ± {half:.3f}"


def _final(found: Found, minutes: float) -> Table:
    """F1 after the last class, micro and macro."""
    rows: list[tuple[Cell, ...]] = []
    for condition in CONDITIONS:
        for memory in MEMORIES[: 1 if condition == "mlp" else 2]:
            cells: list[Cell] = [_row_name(condition, memory)]
            for split in SPLITS:
                for kind in ("", ".macro"):
                    name = f"all.{memory}.{split}{kind}"
                    values = by_person(found[condition]["main"], name)[:, -1]
                    cells.append(_spelled(*interval(values)))
            rows.append(tuple(cells))
    columns = ("condition", "trained, micro", "macro", "held out, micro", "macro ")
    note = (
        "95 % intervals over people. The published code tests on the frames it trained on: compare "
        "the paper with the first column. After the sixth class both experiments are the same."
    )
    return Table("F1 after all six classes, main order", columns, tuple(rows), minutes, note)


def _row_name(condition: str, memory: str) -> str:
    return NAMES[condition] if condition == "mlp" else f"{NAMES[condition]}, {memory}"


def _after_each(found: Found, experiment: str, split: str, minutes: float) -> Table:
    """F1 after each class."""
    rows: list[tuple[Cell, ...]] = []
    for condition in CONDITIONS:
        for memory in MEMORIES[: 1 if condition == "mlp" else 2]:
            values = by_person(found[condition]["main"], f"{experiment}.{memory}.{split}")
            spelled = [_spelled(*interval(values[:, t])) for t in range(values.shape[1])]
            rows.append((_row_name(condition, memory), *spelled))
    asked = "classes seen so far" if experiment == "seen" else "all six classes"
    title = f"F1 on {asked} after each, {_SPLITS[split]}"
    return Table(title, ("after", *EXPRESSIONS), tuple(rows), minutes)


def _order_tests(found: Found, minutes: float) -> Table:
    """Kruskal-Wallis over the six orders that start with different classes, as Table I."""
    rows: list[tuple[Cell, ...]] = []
    for condition in CONDITIONS[1:]:
        for memory in MEMORIES:
            cells: list[Cell] = [_row_name(condition, memory)]
            for split in SPLITS:
                for moment in (0, -1):
                    name = f"all.{memory}.{split}"
                    h, p = order_test(found[condition]["first"], name, moment)
                    cells.append(f"H = {h:.1f}, p = {p:.2g}")
            rows.append(tuple(cells))
    columns = ("condition", "trained, first", "final", "held out, first", "final ")
    title = "Does the order matter? Kruskal-Wallis over six orders, accuracy on all classes"
    note = "After the first class nearly all that is measured is which class it was."
    return Table(title, columns, tuple(rows), minutes, note)


def _best_starts(found: Found, minutes: float) -> Table:
    """Mean accuracy on all classes over the six moments, by the class that came first."""
    rows: list[tuple[Cell, ...]] = []
    for number, expression in enumerate(EXPRESSIONS):
        cells: list[Cell] = [f"{expression} first"]
        for memory in MEMORIES:
            for split in SPLITS:
                run = found["clifer"]["first"][number]
                values = by_person([run], f"all.{memory}.{split}").mean(axis=1)
                cells.append(_spelled(*interval(values)))
        rows.append(tuple(cells))
    columns = ("CLIFER", *(f"{m}, {s}" for m in MEMORIES for s in ("trained", "held out")))
    title = "Which class first? Accuracy on all classes, mean over the six moments"
    return Table(title, columns, tuple(rows), minutes)


def _costs(found: Found, minutes: float) -> Table:
    """What a person's six classes cost."""
    rows: list[tuple[Cell, ...]] = []
    for condition in CONDITIONS:
        people = [told for run in found[condition]["main"] for told in run.values()]
        kept = [sum(told[f"numbers.{m}"] for m in MEMORIES) for told in people]
        if condition == "mlp":
            kept = [told["numbers.episodic"] for told in people]
        seconds = [told["seconds"] for told in people]
        mean = len(people)
        rows.append((NAMES[condition], sum(seconds) / mean, 4e-3 * sum(kept) / mean))
    columns = ("condition", "seconds to teach six classes", "kB of weights")
    note = "A person's share; CLIFER's auto-encoder, the same for everybody, is not counted."
    return Table("What a person costs", columns, tuple(rows), minutes, note)


def drawings(found: Found) -> tuple[Curves, ...]:
    """Return F1 on all classes after each, episodic, in both evaluations."""
    return tuple(
        Curves(
            f"F1 on all six classes, episodic, {_SPLITS[split]}",
            "classes taught",
            "F1",
            {
                NAMES[condition]: [
                    (t + 1.0, 100 * float(v))
                    for t, v in enumerate(
                        by_person(found[condition]["main"], f"all.episodic.{split}").mean(axis=0)
                    )
                ]
                for condition in CONDITIONS
            },
        )
        for split in SPLITS
    )
