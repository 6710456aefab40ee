"""Tables of the report."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from cil_nodes.evaluation import metrics
from cil_nodes.evaluation.report.charts import percent
from cil_nodes.evaluation.report.svg import escape, tag
from cil_nodes.evaluation.run_record import RunRecord
from cil_nodes.evaluation.run_summary import RunSummary


def table(caption: str, head: Sequence[str], body: Iterable[str]) -> str:
    """Lay out rows already spelled as ``tr`` under a caption and a head; it scrolls if wide."""
    cells = "".join(tag("th", escape(words), scope="col") for words in head)
    content = tag("caption", escape(caption)) + tag("thead", tag("tr", cells))
    return tag("div", tag("table", content + tag("tbody", "".join(body))), class_="scroll")


def row(name: str, cells: Iterable[str]) -> str:
    """Spell one row: its name, then its cells as text."""
    rest = "".join(tag("td", escape(cell)) for cell in cells)
    return tag("tr", tag("th", escape(name), scope="row") + rest)


def _shaded(value: float) -> str:
    if not math.isfinite(value):
        return tag("td", "")
    style = f"--heat:{60 * value:.0f}%"
    return tag("td", percent(value), class_="shade", style=style)


def matrix_table(summary: RunSummary) -> str:
    """The accuracy matrix: one row a phase learned, one column a phase of classes."""
    learned = len(summary.seen_accuracy)
    head = ["after phase", *(f"classes of {k}" for k in range(1, learned + 1)), "all so far"]
    body = []
    for t in range(learned):
        cells = "".join(_shaded(summary.matrix.values[t, k]) for k in range(learned))
        last = tag("td", tag("b", percent(summary.seen_accuracy[t])))
        body.append(tag("tr", tag("th", str(t + 1), scope="row") + cells + last))
    return table("Accuracy on the classes of each phase (the darker, the higher)", head, body)


def unknown_table(summary: RunSummary) -> str:
    """Unknown figures after each phase."""
    head = ["after phase", "AUROC", "FPR95", "OSCR", "taught, called unknown", "untaught, caught"]
    body = []
    for phase, figures in enumerate(summary.unknown, start=1):
        areas = [f"{v:.3f}" if math.isfinite(v) else "–" for v in (figures.auroc,)]
        rates = figures.rates
        body.append(
            row(
                str(phase),
                [
                    *areas,
                    percent(figures.fpr95),
                    f"{figures.oscr:.3f}" if math.isfinite(figures.oscr) else "–",
                    f"{percent(rates.false_unknown_rate)} of {rates.known}",
                    f"{percent(rates.unknown_caught_rate)} of {rates.unknown}",
                ],
            )
        )
    return table("Unknowns after each phase", head, body)


def confused_table(matrix: metrics.Confusion) -> str:
    """The most frequent wrong pairs; empty where there is none."""
    pairs = [
        pair
        for pair in metrics.most_confused(matrix, limit=40)
        if (pair[0], pair[1]) != ("never taught", "unknown")
    ][:12]
    body = [row(meant, [said, str(number)]) for meant, said, number in pairs]
    return table("Most frequent mistakes", ["shown", "answered", "times"], body) if body else ""


def latency_table(summary: RunSummary, dropped: Mapping[str, int]) -> str:
    """Percentiles of latency, and frames dropped."""
    body = [
        row(
            name,
            [str(s.count), *(f"{v:.1f} ms" for v in (s.p50_ms, s.p90_ms, s.p99_ms, s.max_ms))],
        )
        for name, s in (("idle", summary.idle), ("while training", summary.training))
        if s.count
    ]
    times = table("Camera stamp to prediction", ["", "pictures", "p50", "p90", "p99", "max"], body)
    if not dropped:
        return times
    lost = [row(name, [str(number)]) for name, number in sorted(dropped.items())]
    return times + table("Frames dropped", ["node", "frames"], lost)


def settings_table(
    record: RunRecord, versions: Mapping[str, str], commit: str, machine: str
) -> str:
    """Configuration, versions and place of the run."""
    settings = {
        "method": record.method,
        "seed": str(record.seed),
        **{name: str(value) for name, value in sorted(record.configuration.items())},
        **{f"{name} (version)": number for name, number in sorted(versions.items())},
        "commit": commit or "not from a clone",
        "machine": machine,
    }
    body = [
        tag("tr", tag("th", escape(name), scope="row") + tag("td", escape(value), class_="words"))
        for name, value in settings.items()
    ]
    return table("Configuration", ["setting", "value"], body)
