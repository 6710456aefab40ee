"""Puts the page together: summary, tiles, sections."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from cil_nodes.evaluation.goals import Goal
from cil_nodes.evaluation.report import charts, tables
from cil_nodes.evaluation.report.charts import percent
from cil_nodes.evaluation.report.mistakes import gallery
from cil_nodes.evaluation.report.style import STYLE
from cil_nodes.evaluation.report.svg import escape, tag
from cil_nodes.evaluation.run_record import RunRecord
from cil_nodes.evaluation.run_summary import RunSummary, final_confusion, goals_met

_TILES = (
    ("final_accuracy", "Final accuracy"),
    ("forgetting", "Forgetting"),
    ("false_unknown_rate", "Taught, called unknown"),
    ("unknown_caught_rate", "Untaught, caught"),
)


def one_sentence(record: RunRecord, summary: RunSummary) -> str:
    """Say in one sentence how the run went.

    Parameters
    ----------
    record : RunRecord
        The run.
    summary : RunSummary
        Its figures.
    """
    if not len(summary.seen_accuracy):
        return "Nothing was taught in this run, so everything counts as unknown."
    classes, phases = len(record.phase_of), len(record.phases)
    rates = summary.final_unknown.rates
    plural = "phase" if phases == 1 else "phases"
    words = (
        f"After {phases} {plural}, {record.method} tells {classes} classes apart with "
        f"{percent(summary.final_accuracy)} accuracy"
    )
    if math.isfinite(summary.forgetting):
        words += f", having forgotten {percent(summary.forgetting)}"
    if rates.unknown:
        words += (
            f"; it calls {percent(rates.unknown_caught_rate)} of the never-taught pictures "
            f"unknown, and {percent(rates.false_unknown_rate)} of the taught ones"
        )
    return words + "."


def _tile(name: str, value: str, below: str = "") -> str:
    content = tag("div", name, class_="name") + tag("div", value, class_="value")
    return tag("li", content + (tag("div", below, class_="goal") if below else ""), class_="tile")


def _goal_words(text: str | None, met: bool | None) -> str:
    if text is None:
        return ""
    said = f"goal {escape(Goal(text).pretty)}"
    if met is None:
        return said
    class_, verdict = ("met", "✓ met") if met else ("missed", "✗ missed")
    return said + tag("span", verdict, class_=class_)


def _tiles(record: RunRecord, summary: RunSummary) -> str:
    met = goals_met(record, summary)
    rates = summary.final_unknown.rates
    values = {
        "final_accuracy": summary.final_accuracy,
        "forgetting": summary.forgetting,
        "false_unknown_rate": rates.false_unknown_rate,
        "unknown_caught_rate": rates.unknown_caught_rate,
    }
    shown = [
        _tile(words, percent(values[name]), _goal_words(record.goals.get(name), met.get(name)))
        for name, words in _TILES
        if math.isfinite(values[name])
    ]
    for words, latency in (("Latency", summary.idle), ("While training", summary.training)):
        if latency.count:
            below = f"p50; p99 {latency.p99_ms:.1f} ms"
            shown.append(_tile(words, f"{latency.p50_ms:.1f} ms", below))
    return tag("ul", "".join(shown), class_="tiles", aria_label="Main figures")


def _section(title: str, *content: str) -> str:
    name = title.lower().replace(" ", "-")
    return tag(
        "section", tag("h2", escape(title), id=name) + "".join(content), aria_labelledby=name
    )


def _figure(drawing: str, caption: str = "") -> str:
    return tag("figure", drawing + (tag("figcaption", escape(caption)) if caption else ""))


def _fold(words: str, content: str) -> str:
    return tag("details", tag("summary", escape(words)) + content)


def _accuracy_section(record: RunRecord, summary: RunSummary) -> str:
    learned = len(summary.seen_accuracy)
    values = summary.matrix.values[:learned, :learned]
    text = record.goals.get("final_accuracy")
    drawing = charts.accuracy_chart(
        summary.seen_accuracy,
        values[:, 0],
        np.diag(values),
        record.references,
        Goal(text) if text else None,
    )
    lead = tag(
        "p",
        "After each phase: on all classes taught so far, on those of the first phase (what "
        "forgetting would bring down), and on those just taught.",
        class_="lead",
    )
    fold = _fold("The figures as a table", tables.matrix_table(summary))
    return _section("Accuracy over phases", lead, _figure(drawing), fold)


def _unknown_section(record: RunRecord, summary: RunSummary) -> str:
    rows = record.test_rows()
    known = [row.unknown_score for row in rows if row.taught]
    unknown = [row.unknown_score for row in rows if not row.taught]
    before = summary.before_teaching
    lead = "Objects never taught should score high, taught ones low. The learner set its threshold "
    lead += "by itself, on what it was taught" if record.unknown_calibrated else "by a prior"
    lead += "; none of the pictures below took part in that."
    if before.unknown:
        lead += (
            f" Before the first lesson, {percent(before.unknown_caught_rate)} of "
            f"{before.unknown} pictures were called unknown."
        )
    fold = _fold("The figures as a table", tables.unknown_table(summary))
    if not known or not unknown:
        missing = tag("p", "This run showed nothing that was never taught, so there is no curve.")
        return _section("Unknown objects", missing, fold)
    drawings = _figure(charts.roc_chart(known, unknown, summary.final_unknown.rates))
    drawings += _figure(charts.score_chart(known, unknown, record.unknown_threshold))
    words = tag("p", escape(lead), class_="lead")
    return _section("Unknown objects", words, tag("div", drawings, class_="pair"), fold)


def _confusion_section(record: RunRecord) -> str:
    matrix = final_confusion(record)
    bounds = np.cumsum([len(labels) for labels in record.phases])
    lead = tag(
        "p",
        "Rows: what was shown. Columns: what was answered. The stronger a cell, the larger its "
        "share of the row; right answers lie on the diagonal, thin lines part the phases. "
        "Hovering names a cell.",
        class_="lead",
    )
    drawing = _figure(charts.confusion_chart(matrix, bounds.tolist()))
    return _section("Confusion", lead, drawing, tables.confused_table(matrix))


def _latency_section(record: RunRecord, summary: RunSummary) -> str:
    if not summary.idle.count and not summary.training.count:
        return ""
    measured = [row for row in record.predictions if math.isfinite(row.latency_ms)]
    idle = [row.latency_ms for row in measured if not row.training]
    training = [row.latency_ms for row in measured if row.training]
    drawing = _figure(charts.latency_chart(idle, training))
    return _section("Latency", drawing, tables.latency_table(summary, record.dropped))


def _notes(record: RunRecord) -> str:
    if not record.notes:
        return ""
    return tag("ul", "".join(tag("li", escape(note)) for note in record.notes))


def _settings_section(
    record: RunRecord, versions: Mapping[str, str], commit: str, machine: str
) -> str:
    command = f"<p>Run it again: <code>{escape(record.command)}</code></p>"
    settings = tables.settings_table(record, versions, commit, machine)
    return _section("How it was made", command if record.command else "", settings)


def render_report(
    record: RunRecord,
    summary: RunSummary,
    versions: Mapping[str, str],
    commit: str,
    machine: str,
) -> str:
    """Render the report of a run as one self-contained HTML page.

    Parameters
    ----------
    record : RunRecord
        The run.
    summary : RunSummary
        Its figures.
    versions : mapping of str to str
        Versions by package.
    commit, machine : str
        Where the run took place.

    Returns
    -------
    str
        HTML; nothing in it is fetched from elsewhere.
    """
    kicker = f"{record.method} · seed {record.seed} · {len(record.phases)} phases"
    head = tag(
        "header",
        tag("p", escape(kicker), class_="kicker")
        + tag("h1", escape(record.title))
        + tag("p", escape(one_sentence(record, summary)), class_="summary")
        + _notes(record)
        + _tiles(record, summary),
    )
    body = [head]
    if len(summary.seen_accuracy):
        body.append(_accuracy_section(record, summary))
        body.append(_unknown_section(record, summary))
        body.append(_confusion_section(record))
    body.append(_latency_section(record, summary))
    if len(summary.seen_accuracy):
        body.append(_section("Worst mistakes", gallery(record.test_rows())))
    body.append(_settings_section(record, versions, commit, machine))
    files = "Beside this page: results.json, timing.json, predictions.csv."
    main = tag("main", "".join(body) + tag("footer", files))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(record.title)}</title><style>{STYLE}</style></head>"
        f"<body>{main}</body></html>\n"
    )
