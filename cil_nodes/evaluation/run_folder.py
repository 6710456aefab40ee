"""Writes the folder of a run: figures, timing, every answer, and the report.

``results.json`` and ``predictions.csv`` hold nothing that a clock decides: the same run leaves the
same bytes. What the clock decides stands in ``timing.json``.
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cil_nodes.evaluation import canonical, environment
from cil_nodes.evaluation.run_record import RunRecord
from cil_nodes.evaluation.run_summary import RunSummary, goals_met, summarise

SCHEMA = 1
COLUMNS = (
    "number",
    "phase",
    "truth",
    "label",
    "score",
    "is_unknown",
    "unknown_score",
    "taught",
    "correct",
    "test",
    "training",
)


@dataclass(frozen=True)
class Environment:
    """Versions, commit and machine a run took place with; by default those of this process."""

    versions: dict[str, str] = field(default_factory=environment.package_versions)
    commit: str = field(default_factory=environment.git_commit)
    machine: str = field(default_factory=environment.machine)


def results(record: RunRecord, summary: RunSummary, place: Environment) -> dict[str, Any]:
    """Assemble the content of ``results.json``: accuracies and rates as fractions.

    Parameters
    ----------
    record : RunRecord
        The run.
    summary : RunSummary
        Its figures.
    place : Environment
        Versions and commit.
    """
    final = summary.final_unknown
    return {
        "schema": SCHEMA,
        "title": record.title,
        "method": record.method,
        "seed": record.seed,
        "command": record.command,
        "configuration": dict(record.configuration),
        "versions": place.versions,
        "commit": place.commit,
        "phases": record.phases,
        "accuracy_matrix": summary.matrix.values,
        "test_pictures": summary.matrix.counts,
        "accuracy_by_phase": summary.seen_accuracy,
        "final_accuracy": summary.final_accuracy,
        "final_accuracy_unknown_counts_as_wrong": summary.accepted_accuracy,
        "average_accuracy": summary.average_accuracy,
        "forgetting": summary.forgetting,
        "backward_transfer": summary.backward_transfer,
        "macro_f1": summary.macro_f1,
        "unknown": {
            "threshold": record.unknown_threshold,
            "calibrated": record.unknown_calibrated,
            "auroc": final.auroc,
            "fpr95": final.fpr95,
            "oscr": final.oscr,
            **canonical.plain(final.rates),
            "by_phase": summary.unknown,
            "before_teaching": summary.before_teaching,
        },
        "references": dict(record.references),
        "goals": dict(record.goals),
        "goals_met": goals_met(record, summary),
        "notes": record.notes,
    }


def timing(record: RunRecord, summary: RunSummary, place: Environment) -> dict[str, Any]:
    """Assemble the content of ``timing.json``: milliseconds, and frames dropped by node."""
    return {
        "schema": SCHEMA,
        "machine": place.machine,
        "latency_idle": summary.idle,
        "latency_while_training": summary.training,
        "p99_ratio": _ratio(summary.training.p99_ms, summary.idle.p99_ms),
        "dropped": dict(record.dropped),
    }


def _ratio(over: float, under: float) -> float:
    return over / under if under else math.nan


def predictions_csv(record: RunRecord) -> str:
    """Spell every answer as a line of CSV, without clock times."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for number, row in enumerate(record.predictions):
        scores = (f"{row.score:.6f}", f"{row.unknown_score:.6f}")
        flags = [int(flag) for flag in (row.taught, row.correct, row.test, row.training)]
        called = int(row.is_unknown)
        writer.writerow(
            [number, row.phase, row.truth, row.label, scores[0], called, scores[1], *flags]
        )
    return buffer.getvalue()


def write_run_folder(
    folder: Path | str, record: RunRecord, place: Environment | None = None
) -> Path:
    """Write results.json, timing.json, predictions.csv and report.html.

    Parameters
    ----------
    folder : path
        Made when missing; files of an earlier run in it are replaced.
    record : RunRecord
        The run.
    place : Environment, optional
        By default that of this process.

    Returns
    -------
    Path
        The folder's ``report.html``.
    """
    from cil_nodes.evaluation.report import render_report

    folder, place = Path(folder), place or Environment()
    summary = summarise(record)
    canonical.write(folder / "results.json", results(record, summary, place))
    canonical.write(folder / "timing.json", timing(record, summary, place))
    canonical.write_text(folder / "predictions.csv", predictions_csv(record))
    page = render_report(record, summary, place.versions, place.commit, place.machine)
    return canonical.write_text(folder / "report.html", page)
