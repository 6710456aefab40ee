"""Runs benchmarks, one result file a run, and says beforehand how long one takes."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cil_nodes.evaluation import canonical, environment
from cil_nodes.evaluation.bench.backends import Backend
from cil_nodes.evaluation.bench.context import Context
from cil_nodes.evaluation.bench.kept import parts_folder
from cil_nodes.evaluation.bench.records import Record
from cil_nodes.evaluation.bench.registry import Bench, find
from cil_nodes.evaluation.bench.tables import Curves, Table


@dataclass(frozen=True)
class BenchResult:
    """What a benchmark returns.

    Attributes
    ----------
    records : tuple of Record
        Its figures; command, commit and machine are filled in by the runner.
    configuration : mapping
        Everything needed to repeat it.
    details : mapping
        What stands behind the figures, such as the figures of each seed. ``curves`` maps names to
        one list of accuracies by phase for each seed, and is drawn.
    tables : tuple of Table
        Shown on the page, ours beside published ones.
    drawings : tuple of Curves
        Drawn beside them.
    pictures : mapping of str to bytes
        PNG files shown on the page, by name; written as ``<benchmark>-<name>.png``.
    """

    records: tuple[Record, ...]
    configuration: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    drawings: tuple[Curves, ...] = ()
    pictures: Mapping[str, bytes] = field(default_factory=dict)


def seeds_of(entry: Bench, seeds: int | None) -> range:
    """Return the seeds to run: as many as asked for, or the benchmark's own number."""
    number = entry.seeds if seeds is None else seeds
    if number < 1:
        raise ValueError(f"--seeds {number}: at least one seed is needed.")
    return range(entry.first_seed, entry.first_seed + number)


def estimate(name: str, seeds: int | None = None) -> str:
    """Say what a run would do, and how long it takes on two cores.

    Parameters
    ----------
    name : str
        The benchmark.
    seeds : int, optional
        As given to :func:`run`.
    """
    entry = find(name)
    context = Context(entry, seeds_of(entry, seeds), parts_folder(name), quiet=True)
    lines = [f"{name}: {entry.summary}", f"  {len(context.seeds)} seeds, {_minutes(context)}"]
    return "\n".join(lines + _planned(context))


def _minutes(context: Context) -> str:
    entry = context.entry
    kept = len(list(context.folder.glob("*.json")))
    return (
        f"about {entry.minutes * len(context.seeds) / entry.seeds:.1f} min on two cores; "
        f"{kept} finished parts are kept and used where they fit"
    )


def _planned(context: Context) -> list[str]:
    """One line for each table: parts that are kept, and time for the others."""
    entry = context.entry
    if not entry.plan:
        return []
    usual = Context(entry, seeds_of(entry, None), context.folder, quiet=True)
    parts = Counter(work.table for work in entry.plan(usual))
    works = list(entry.plan(context))
    lines, left = [], 0.0
    for table in dict.fromkeys(work.table for work in works):
        own = [work for work in works if work.table == table]
        kept = sum(map(context.is_kept, own))
        minutes = entry.budgets.get(table, 0.0) * (len(own) - kept) / max(parts[table], 1)
        left += minutes
        lines.append(f"  {table or 'parts'}: {kept} of {len(own)} kept, {minutes:.1f} min left")
    return [*lines, f"  in all {left:.1f} min left on two cores"]


def run(
    name: str,
    docs: Path,
    seeds: int | None = None,
    fresh: bool = False,
    quiet: bool = False,
    backend: Backend | None = None,
) -> str:
    """Run a benchmark and write its result file.

    Parameters
    ----------
    name : str
        The benchmark.
    docs : Path
        The result goes to ``benchmarks/<name>.json`` in here.
    seeds : int, optional
        Number of seeds; by default the benchmark's own.
    fresh : bool
        Drop finished parts of earlier runs first.
    quiet : bool
        No progress bar.
    backend : Backend, optional
        Where independent parts run; by default here, one after the other.

    Returns
    -------
    str
        What came out, for people.
    """
    entry = find(name)
    wanted = seeds_of(entry, seeds)
    kept = parts_folder(name)
    if fresh:
        shutil.rmtree(kept, ignore_errors=True)
    context = Context(entry, wanted, kept, quiet, backend)
    try:
        result = entry.run(context)
    finally:
        context.close()
    records = [_stamped(record, name, len(wanted), entry) for record in result.records]
    for picture, content in result.pictures.items():
        canonical.write_bytes(Path(docs) / "benchmarks" / f"{name}-{picture}.png", content)
    path = canonical.write(
        Path(docs) / "benchmarks" / f"{name}.json",
        {
            "name": name,
            "summary": entry.summary,
            "minutes_on_two_cores": entry.minutes,
            "budgets": dict(entry.budgets),
            "seeds": list(wanted),
            "commit": environment.git_commit(),
            "configuration": dict(result.configuration),
            "versions": environment.package_versions(),
            "records": [record.plain() for record in records],
            "details": dict(result.details),
            "tables": list(result.tables),
            "drawings": list(result.drawings),
            "pictures": sorted(result.pictures),
        },
    )
    return "\n".join([*map(_line, records), f"  written to {path}"])


def _stamped(record: Record, name: str, seeds: int, entry: Bench) -> Record:
    more = "" if seeds == entry.seeds else f" --seeds {seeds}"
    return replace(
        record,
        command=f"cil bench run {name}{more}",
        commit=environment.git_commit()[:7],
        machine=environment.machine(),
    )


def _line(record: Record) -> str:
    spread = f" ± {record.spread:g}" if record.spread is not None else ""
    verdict = {True: "met", False: "MISSED", None: ""}[record.met]
    goal = "" if record.goal == "reported" else f"goal {record.goal} {verdict}"
    return f"  {record.id:<40} {record.value}{spread} {record.unit:<4} {goal}".rstrip()
