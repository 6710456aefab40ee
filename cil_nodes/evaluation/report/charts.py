"""The charts of a report; each returns an inline SVG drawing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation import metrics
from cil_nodes.evaluation.goals import Goal
from cil_nodes.evaluation.report.svg import Plot, drawing, escape, spread, tag, ticks


def percent(value: float, digits: int = 1) -> str:
    """Spell a fraction in percent; a dash where there is none."""
    return f"{100 * value:.{digits}f} %" if math.isfinite(value) else "–"


def _percent_ticks(low: float, high: float) -> list[tuple[float, str]]:
    return [(value, f"{value:g} %") for value in ticks(low, high)]


def _share_ticks() -> list[tuple[float, str]]:
    return [(value / 100, f"{value} %") for value in (0, 25, 50, 75, 100)]


def accuracy_chart(
    seen: NDArray[np.float64],
    first: NDArray[np.float64],
    newest: NDArray[np.float64],
    references: Mapping[str, float],
    goal: Goal | None,
) -> str:
    """Draw accuracy over phases.

    Parameters
    ----------
    seen, first, newest : ndarray of shape (N,)
        After each phase, as fractions: on all classes taught so far, on those of the first phase,
        on those of the newest phase.
    references : mapping of str to float
        Accuracies to compare the end with, as fractions.
    goal : Goal or None
        Goal for the end, in percent.
    """
    n = len(seen)
    limit = goal.limit if goal else None
    shown = [*seen, *first, *newest, *references.values()]
    lowest = min([100 * v for v in shown if math.isfinite(v)] + ([limit] if limit else []) + [100])
    low = max(0.0, min(80.0, 10 * math.floor((lowest - 3) / 10)))
    span = (1.0, float(max(n, 2)))
    plot = Plot(span, (low, 100.0), width=900, height=380, margins=(58, 34, 210, 46))
    names = [(float(t), str(t)) for t in range(1, n + 1)]
    plot.axes("phases learned", "accuracy", names, _percent_ticks(low, 100))
    marks = [(name, 100 * value, "reference") for name, value in references.items()]
    marks += [(f"goal {goal.pretty}", limit, "goal")] if goal and limit is not None else []
    for _, value, class_ in marks:
        plot.horizontal(value, class_)
    series = [
        (newest, "s3", "diamond", "newest phase"),
        (first, "s2", "square", "first phase"),
        (seen, "s1", "circle", "all taught so far"),
    ]
    for values, class_, shape, name in series:
        points = [(t + 1.0, 100 * v) for t, v in enumerate(values)]
        plot.line(points, class_)
        for x, y in points:
            if math.isfinite(y):
                plot.mark(x, y, shape, class_, f"{name}, after phase {x:.0f}: {y:.1f} %")
    labels = [
        (f"{name} {percent(values[-1])}", 100 * float(values[-1]), f"{class_}-text")
        for values, class_, _, name in series
        if math.isfinite(values[-1])
    ]
    for name, value, class_ in marks:
        words = name if class_ == "goal" else f"{name} {value:.1f} %"
        labels.append((words, value, f"{class_}-text"))
    _label_ends(plot, labels)
    words = "; ".join(f"after phase {t}: {percent(v)}" for t, v in enumerate(seen, start=1))
    return plot.render("Accuracy over phases", f"On all classes taught so far, {words}.")


def _label_ends(plot: Plot, labels: Sequence[tuple[str, float, str]]) -> None:
    """Write labels beside the right end of the lines they belong to, moved apart if need be."""
    wanted = [plot.y(value) for _, value, _ in labels]
    heights = spread(wanted, 18, plot.top + 4, plot.bottom)
    for (words, _, class_), at in zip(labels, heights, strict=True):
        plot.text(plot.right + 14, at + 4, words, f"label {class_}")


def roc_chart(known: Sequence[float], unknown: Sequence[float], rates: metrics.UnknownRates) -> str:
    """Draw the ROC of calling something unknown, with the learner's own threshold on it.

    Parameters
    ----------
    known, unknown : sequence of float
        Unknown scores of taught and of untaught pictures.
    rates : metrics.UnknownRates
        What the threshold does.
    """
    curve, area = metrics.roc_curve(known, unknown), metrics.auroc(known, unknown)
    plot = Plot((0, 1), (0, 1), width=420, height=360, margins=(58, 34, 20, 46))
    plot.axes("known called unknown", "unknown caught", _share_ticks(), _share_ticks())
    plot.line([(0, 0), (1, 1)], "chance")
    points = list(zip(curve.false_rate, curve.true_rate, strict=True))
    plot.area(points, "fill s1-fill")
    plot.line(points, "s1")
    false, caught = rates.false_unknown_rate, rates.unknown_caught_rate
    plot.mark(false, caught, "diamond", "s2", "the learner's own threshold")
    low = plot.y(min(caught, 0.9)) + 22
    plot.text(plot.x(false) + 12, low, f"own threshold: {percent(caught)} caught,", "label s2-text")
    plot.text(plot.x(false) + 12, low + 16, f"{percent(false)} false", "label s2-text")
    plot.text(plot.right - 8, plot.bottom - 14, f"AUROC {area:.3f}", "figure", text_anchor="end")
    return plot.render(
        "ROC of unknowns",
        f"Area under the curve {area:.3f}. At the learner's own threshold {percent(caught)} of the "
        f"untaught pictures are caught and {percent(false)} of the taught are called unknown.",
    )


def _shares(values: Sequence[float], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return counts / max(len(values), 1)


def _stairs(shares: NDArray[np.float64], edges: NDArray[np.float64]) -> list[tuple[float, float]]:
    steps = [
        point
        for share, left, right in zip(shares, edges, edges[1:], strict=False)
        for point in ((float(left), float(share)), (float(right), float(share)))
    ]
    return [(float(edges[0]), 0.0), *steps, (float(edges[-1]), 0.0)]


def score_chart(known: Sequence[float], unknown: Sequence[float], threshold: float) -> str:
    """Draw how unknown scores of taught and untaught pictures are spread.

    Parameters
    ----------
    known, unknown : sequence of float
        Unknown scores.
    threshold : float
        Above it a picture is called unknown.
    """
    edges = np.linspace(0.0, 1.0, 26)
    sides = [(_shares(known, edges), "s1"), (_shares(unknown, edges), "s2")]
    top = max(float(share.max()) for share, _ in sides) * 1.25 or 1.0
    plot = Plot((0, 1), (0, top), width=420, height=360, margins=(58, 34, 20, 46))
    marks = [(v, f"{100 * v:g} %") for v in ticks(0, top, 4)]
    plot.axes("unknown score", "share of pictures", [(v, f"{v:g}") for v in ticks(0, 1)], marks)
    for (shares, class_), name in zip(sides, ("taught", "never taught"), strict=True):
        plot.area(_stairs(shares, edges), f"fill {class_}-fill")
        plot.line(_stairs(shares, edges), class_)
        peak = int(shares.argmax())
        at = plot.x((edges[peak] + edges[peak + 1]) / 2)
        anchor = "end" if at > 300 else "start" if at < 130 else "middle"
        height = plot.y(float(shares.max())) - 7
        plot.text(at, height, name, f"label {class_}-text", text_anchor=anchor)
    if math.isfinite(threshold):
        plot.vertical(threshold, "goal", f"threshold {threshold:.2f}")
    return plot.render(
        "Unknown scores",
        f"Median {np.median(known):.2f} for taught and {np.median(unknown):.2f} for untaught "
        f"pictures; the threshold is {threshold:.2f}.",
    )


def latency_chart(idle: Sequence[float], training: Sequence[float]) -> str:
    """Draw latencies while idle and while training; what lies beyond the axis is in its last bin.

    Parameters
    ----------
    idle, training : sequence of float
        Milliseconds; either may be empty, not both.
    """
    both = np.concatenate([np.asarray(idle, float), np.asarray(training, float)])
    top_ms = max(float(np.percentile(both, 99.5)) * 1.1, 1.0)
    edges = np.linspace(0.0, top_ms, 37)
    series = [
        (idle, "s1", "idle", metrics.latency_summary(idle)),
        (training, "s2", "while training", metrics.latency_summary(training)),
    ]
    series = [entry for entry in series if len(entry[0])]
    shares = [_shares(values, edges) for values, *_ in series]
    top = max(float(share.max()) for share in shares) * 1.3
    plot = Plot((0, float(edges[-1])), (0, top), width=900, height=340, margins=(58, 46, 20, 46))
    x_ticks = [(v, f"{v:g}") for v in ticks(0, float(edges[-1]), 8)]
    marks = [(v, f"{100 * v:g} %") for v in ticks(0, top, 4)]
    plot.axes("camera stamp to prediction, ms", "share of pictures", x_ticks, marks)
    words = []
    for row, ((_, class_, name, summary), share) in enumerate(zip(series, shares, strict=True)):
        plot.area(_stairs(share, edges), f"fill {class_}-fill")
        plot.line(_stairs(share, edges), class_)
        for value in (summary.p50_ms, summary.p99_ms):
            plot.vertical(min(value, float(edges[-1])), f"{class_}-rule")
        said = f"{name}: median {summary.p50_ms:.1f} ms, p99 {summary.p99_ms:.1f} ms"
        plot.text(plot.right, 14 + 17 * row, said, f"label {class_}-text", text_anchor="end")
        words.append(said)
    return plot.render("Latency", "; ".join(words) + ".")


def confusion_chart(matrix: metrics.Confusion, bounds: Sequence[int] = ()) -> str:
    """Draw the confusion matrix, rows scaled to their sums.

    Parameters
    ----------
    matrix : metrics.Confusion
        Counts.
    bounds : sequence of int
        Rows and columns before which a phase begins.
    """
    rows, columns = matrix.counts.shape
    cell = max(7.0, min(30.0, 760.0 / max(columns, 1)))
    named, numbered = cell >= 11, cell >= 20
    space = 7.2 * min(18, max(map(len, (*matrix.truths, *matrix.answers)))) + 16 if named else 26
    width, height = space + columns * cell + 14, space + rows * cell + 12
    sums = matrix.counts.sum(axis=1, keepdims=True)
    share = matrix.counts / np.maximum(sums, 1)
    parts = [tag("rect", x=space, y=space, width=columns * cell, height=rows * cell, class_="well")]
    for bound in bounds:
        at, far = space + bound * cell, space + max(rows, columns) * cell
        parts.append(tag("line", x1=at, x2=at, y1=space, y2=space + rows * cell, class_="bound"))
        parts.append(tag("line", y1=at, y2=at, x1=space, x2=min(far, width - 14), class_="bound"))
    for i, j in np.argwhere(matrix.counts).tolist():
        parts.append(_confusion_cell(matrix, float(share[i, j]), i, j, space, cell, numbered))
    if named:
        size = min(13.0, cell * 0.8)
        for i, label in enumerate(matrix.truths):
            at = space + (i + 0.5) * cell + size / 3
            parts.append(_name(label, space - 8, at, size, None, "end"))
        for j, label in enumerate(matrix.answers):
            at = space + (j + 0.5) * cell + size / 3
            parts.append(_name(label, at, space - 8, size, f"rotate(-90 {at:.1f} {space - 8:.1f})"))
    else:
        parts.append(
            _name("shown ↓", space - 8, space + 70, 13, f"rotate(-90 {space - 8} {space + 70})")
        )
        parts.append(_name("answered →", space, space - 8, 13, None))
    right = sum(
        int(matrix.counts[i, matrix.answers.index(label)])
        for i, label in enumerate(matrix.truths)
        if label in matrix.answers
    )
    total = int(matrix.counts.sum())
    return drawing(
        width,
        height,
        "".join(parts),
        "Confusion matrix",
        f"{rows} rows of what was shown, {columns} columns of what was answered; {right} of "
        f"{total} pictures lie on the diagonal. The wrong pairs are listed below.",
    )


def _confusion_cell(
    matrix: metrics.Confusion,
    share: float,
    i: int,
    j: int,
    space: float,
    cell: float,
    numbers: bool,
) -> str:
    meant, said, number = matrix.truths[i], matrix.answers[j], int(matrix.counts[i, j])
    x, y = space + j * cell, space + i * cell
    hover = tag("title", escape(f"{meant} shown, {said} answered: {number} ({percent(share)})"))
    box = {"x": x + 0.5, "y": y + 0.5, "width": cell - 1, "height": cell - 1, "rx": 2}
    kind = "hit" if meant == said or {meant, said} == {"unknown", "never taught"} else "miss"
    opacity = f"{0.15 + 0.85 * share:.3f}"
    drawn = tag("rect", hover, **box, class_=f"cell {kind}", fill_opacity=opacity)
    if not numbers:
        return drawn
    shade = "on-dark" if share > 0.55 else "on-light"
    middle = {"x": x + cell / 2, "y": y + cell / 2 + 4, "text_anchor": "middle"}
    return drawn + tag("text", str(number), **middle, class_=f"count {shade}")


def _name(
    label: str, x: float, y: float, size: float, turn: str | None, anchor: str = "start"
) -> str:
    short = label if len(label) <= 18 else label[:17] + "…"
    style = f"font-size:{size:.1f}px"
    place = {"x": x, "y": y, "transform": turn, "text_anchor": anchor}
    return tag("text", escape(short), **place, class_="tick", style=style)
