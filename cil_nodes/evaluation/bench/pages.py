"""Assembles all result files into one list and one page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cil_nodes.evaluation import canonical
from cil_nodes.evaluation.bench.plots import curve_plot, phase_plot
from cil_nodes.evaluation.bench.records import Record
from cil_nodes.evaluation.bench.tables import Curves, Table
from cil_nodes.evaluation.goals import Goal

HEAD = """# Benchmarks

Every figure here was measured by the command beside it. `cil bench report` writes this page from
the result files in [benchmarks](benchmarks); do not edit it by hand. "±" is the standard deviation
over runs. A goal that is missed stays in the list, marked, with what is known about why.
"""


@dataclass(frozen=True)
class ResultFile:
    """One file in ``docs/benchmarks``."""

    name: str
    summary: str
    minutes: float
    records: tuple[Record, ...]
    details: Mapping[str, Any]
    budgets: Mapping[str, float] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    drawings: tuple[Curves, ...] = ()
    pictures: tuple[str, ...] = ()


def read_result(path: Path) -> ResultFile:
    """Read one result file.

    Raises
    ------
    ValueError
        When it is not one; the message names the file.
    """
    try:
        content = read_content(path)
        return ResultFile(
            content["name"],
            content["summary"],
            content["minutes_on_two_cores"],
            tuple(Record.read(entry, path.name) for entry in content["records"]),
            content.get("details", {}),
            content.get("budgets", {}),
            tuple(_table(entry) for entry in content.get("tables", ())),
            tuple(Curves(**entry) for entry in content.get("drawings", ())),
            tuple(content.get("pictures", ())),
        )
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path} is no result file ({error!r}). Delete it and run its benchmark again."
        ) from error


def read_content(path: Path) -> dict[str, Any]:
    """Return all that a result file holds."""
    return json.loads(path.read_text(encoding="utf-8"))


def _table(entry: Mapping[str, Any]) -> Table:
    rows = tuple(map(tuple, entry["rows"]))
    return Table(**{**entry, "columns": tuple(entry["columns"]), "rows": rows})


def complaints_about(results: Sequence[ResultFile]) -> list[str]:
    """List what the page should not go out with: ids used twice, misses without a reason."""
    found: list[str] = []
    owners: dict[str, str] = {}
    for result in results:
        for record in result.records:
            if record.id in owners:
                found.append(f"{record.id} is in both {owners[record.id]} and {result.name}.")
            owners[record.id] = result.name
            if record.met is False and not record.note:
                found.append(f"{record.id} misses its goal ({record.goal}) and no note says why.")
    return found


def report(docs: Path) -> tuple[Path, list[str]]:
    """Write ``benchmarks.json`` and ``benchmarks.md`` from all result files.

    Parameters
    ----------
    docs : Path
        Folder that holds ``benchmarks/``.

    Returns
    -------
    page : Path
        The page written.
    complaints : list of str
        What is wrong with the results, one sentence each.

    Raises
    ------
    FileNotFoundError
        When there is no result yet.
    """
    docs = Path(docs)
    paths = sorted((docs / "benchmarks").glob("*.json"))
    if not paths:
        raise FileNotFoundError(
            f"No result in {docs / 'benchmarks'}. Run a benchmark first: cil bench run demo-sim"
        )
    results = [read_result(path) for path in paths]
    records = [record.plain() for result in results for record in result.records]
    canonical.write(docs / "benchmarks.json", sorted(records, key=lambda entry: entry["id"]))
    for result in results:
        for file, drawing in _drawn(result).items():
            canonical.write_text(docs / "benchmarks" / file, drawing)
    page = canonical.write_text(docs / "benchmarks.md", page_text(results))
    return page, complaints_about(results)


def _drawn(result: ResultFile) -> dict[str, str]:
    """SVG texts by file name; what would be empty is left out."""
    curves = result.details.get("curves", {})
    phases = phase_plot(result.name, {name: np.asarray(curve) for name, curve in curves.items()})
    drawn = {f"{result.name}.svg": phases}
    drawn.update({_file(result, entry): curve_plot(entry) for entry in result.drawings})
    return {file: text for file, text in drawn.items() if text}


def _file(result: ResultFile, drawing: Curves) -> str:
    return f"{result.name}-{drawing.slug}.svg"


def page_text(results: Sequence[ResultFile]) -> str:
    """Lay out the page in Markdown.

    Parameters
    ----------
    results : sequence of ResultFile
        In the order shown.
    """
    records = [record for result in results for record in result.records]
    met = sum(record.met is True for record in records)
    missed = [record for record in records if record.met is False]
    lines = [HEAD, f"{len(records)} figures; {met} goals met, {len(missed)} missed."]
    lines += [f"- missed: `{record.id}`" for record in missed]
    for result in results:
        lines += ["", *_section(result)]
    return "\n".join(lines) + "\n"


def _section(result: ResultFile) -> list[str]:
    """Lay out one benchmark: what, how, figures, notes."""
    first = result.records[0] if result.records else None
    lines = [f"## {result.name}", "", result.summary, ""]
    if first:
        lines += [
            f"`{first.command}`, about {result.minutes:g} minutes on two cores; "
            f"commit {first.commit or 'unknown'}, {first.machine}.",
            "",
        ]
    lines += ["| figure | ours | goal | beside it |", "| --- | --- | --- | --- |"]
    lines += [_row(record) for record in result.records]
    notes = [f"- `{record.id}`: {record.note}" for record in result.records if record.note]
    if notes:
        lines += ["", *notes]
    if result.details.get("curves"):
        lines += ["", f"![Accuracy over phases of {result.name}](benchmarks/{result.name}.svg)"]
    for drawing in result.drawings:
        lines += ["", f"![{drawing.title}](benchmarks/{_file(result, drawing)})"]
    for name in result.pictures:
        lines += ["", f"![{result.name}: {name}](benchmarks/{result.name}-{name}.png)"]
    for table in result.tables:
        lines += ["", *table.markdown()]
    return lines


def _row(record: Record) -> str:
    beside = "; ".join(f"{name}: {_number(v)}" for name, v in sorted(record.reference.items()))
    verdict = {True: " ✓ met", False: " ✗ **missed**", None: ""}[record.met]
    goal = Goal(record.goal).pretty + verdict
    value = _number(record.value)
    if record.spread is not None:
        value += f" ± {_number(record.spread)}"
    unit = f" {record.unit}" if record.unit and record.value is not None else ""
    runs = f" ({record.runs} runs)" if record.runs > 1 else ""
    return f"| `{record.id}` | {value}{unit}{runs} | {goal} | {beside} |"


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "not measured" if value is None else str(value).lower()
    return f"{value:.4g}" if abs(value) < 100 else f"{value:.1f}"
