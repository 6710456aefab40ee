"""Plots beside the tables: SVG files that follow the reader's light or dark theme."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.bench.tables import Curves
from cil_nodes.evaluation.report.svg import Plot, spread, ticks

_STYLE = """
:root { --ink: #17202b; --soft: #5a6673; --rule: #dde2e8; --page: #ffffff;
  --s1: #1f5fbf; --s2: #b8500f; --s3: #3d7a4e; --s4: #8a3fa0; --s5: #a3263e; --s6: #5f6b00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf2; --soft: #9aa7b4; --rule: #313b46;
  --page: #11161c; --s1: #7fb0ff; --s2: #f2a065; --s3: #86cf9b; --s4: #d19be3; --s5: #f28b9c;
  --s6: #c9d25a; } }
svg { font: 13px system-ui, "Noto Sans", sans-serif; background: var(--page); }
text { fill: var(--ink); } .tick, .axis-name { fill: var(--soft); }
.grid { stroke: var(--rule); } .axis { stroke: var(--soft); } .label { font-weight: 600; }
.line { fill: none; stroke-width: 2.2; }
.mark { stroke: var(--page); stroke-width: 1.5; stroke-dasharray: none; }
"""
_LOOKS = (
    ("s1", "circle", "none"),
    ("s2", "square", "7 4"),
    ("s3", "diamond", "2 4"),
    ("s4", "circle", "9 3 2 3"),
    ("s5", "square", "4 2"),
    ("s6", "diamond", "1 3"),
)
MOST = len(_LOOKS)
"""Lines in one drawing; more cannot be told apart."""


def phase_plot(title: str, curves: Mapping[str, NDArray[np.float64]]) -> str:
    """Draw mean accuracies over phases, six curves at most; empty text for none.

    Parameters
    ----------
    title : str
        Name of the drawing.
    curves : mapping of str to ndarray of shape (seeds, phases)
        Accuracies in percent.
    """
    means = {name: values.mean(axis=0) for name, values in list(curves.items())[:MOST]}
    series = {
        name: [(t + 1.0, float(value)) for t, value in enumerate(mean)]
        for name, mean in means.items()
    }
    heading = f"{title}: accuracy over phases"
    return curve_plot(Curves(heading, "phases learned", "accuracy", series))


def curve_plot(curves: Curves) -> str:
    """Draw lines over a common axis; empty text for none.

    Raises
    ------
    ValueError
        For more lines than can be told apart, or a logarithm of what is not positive.
    """
    series = {name: list(points) for name, points in curves.series.items() if len(points)}
    if not series:
        return ""
    if len(series) > MOST:
        raise ValueError(f"{curves.title}: {len(series)} lines, at most {MOST} can be drawn.")
    plot = _axes(curves, [point for points in series.values() for point in points])
    ends = []
    for (class_, shape, _), (name, points) in zip(_LOOKS, series.items(), strict=False):
        placed = [(_across(curves, x), y) for x, y in points]
        plot.line(placed, class_)
        for (x, y), (told, _) in zip(placed, points, strict=True):
            words = f"{name}, {curves.x_name} {told:g}: {_figure(y)} {curves.unit}"
            plot.mark(x, y, shape, class_, words)
        ends.append(plot.y(points[-1][1]))
    _name_lines(plot, curves, series, ends)
    said = "; ".join(
        f"{name} ends at {_figure(points[-1][1])} {curves.unit}" for name, points in series.items()
    )
    drawn = plot.render(curves.title, f"{said}.")
    start = drawn.index(">") + 1
    return f"{drawn[:start]}<style>{_STYLE}{_line_styles()}</style>{drawn[start:]}\n"


def _axes(curves: Curves, points: list[tuple[float, float]]) -> Plot:
    across = [_across(curves, x) for x, _ in points]
    low, high = _heights(curves, [y for _, y in points])
    left, right = min(across), max(max(across), min(across) + 1)
    plot = Plot((left, right), (low, high), 820.0, 340.0, (58.0, 34.0, 230.0, 46.0))
    told = sorted({x for x, _ in points})
    shown = told if len(told) <= 12 else told[:: math.ceil(len(told) / 12)]
    names = [(_across(curves, x), f"{x:g}") for x in shown]
    heights = [(v, f"{v:g} {curves.unit}".strip()) for v in ticks(low, high)]
    plot.axes(curves.x_name, curves.y_name, names, heights)
    return plot


def _heights(curves: Curves, values: list[float]) -> tuple[float, float]:
    """Percentages end at 100 and begin at a round ten; anything else begins at zero."""
    if curves.unit != "%":
        return min(0.0, min(values)), max(max(values) * 1.05, 1e-9)
    return max(0.0, min(80.0, 10 * math.floor((min(values) - 3) / 10))), 100.0


def _across(curves: Curves, x: float) -> float:
    if not curves.log_x:
        return float(x)
    if x <= 0:
        raise ValueError(f"{curves.title}: {x:g} has no place on a logarithmic axis.")
    return math.log10(x)


def _name_lines(
    plot: Plot,
    curves: Curves,
    series: Mapping[str, list[tuple[float, float]]],
    ends: list[float],
) -> None:
    """Write the name and the last figure of each line beside its end."""
    heights = spread(ends, 18, plot.top, plot.bottom)
    for (class_, *_), (name, points), at in zip(_LOOKS, series.items(), heights, strict=False):
        words = f"{name} {_figure(points[-1][1])} {curves.unit}".strip()
        plot.text(plot.right + 14, at + 4, words, f"label {class_}-text")


def _line_styles() -> str:
    return "".join(
        f".{class_} {{ stroke: var(--{class_}); stroke-dasharray: {dash}; }} "
        f".mark.{class_}, .{class_}-text {{ fill: var(--{class_}); }}\n"
        for class_, _, dash in _LOOKS
    )


def _figure(value: float) -> str:
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"
