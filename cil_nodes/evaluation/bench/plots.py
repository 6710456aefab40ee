"""Plots beside the tables: SVG files that follow the reader's light or dark theme."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.report.svg import Plot, spread, ticks

_STYLE = """
:root { --ink: #17202b; --soft: #5a6673; --rule: #dde2e8; --page: #ffffff;
  --s1: #1f5fbf; --s2: #b8500f; --s3: #3d7a4e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf2; --soft: #9aa7b4; --rule: #313b46;
  --page: #11161c; --s1: #7fb0ff; --s2: #f2a065; --s3: #86cf9b; } }
svg { font: 13px system-ui, "Noto Sans", sans-serif; background: var(--page); }
text { fill: var(--ink); } .tick, .axis-name { fill: var(--soft); }
.grid { stroke: var(--rule); } .axis { stroke: var(--soft); } .label { font-weight: 600; }
.line { fill: none; stroke-width: 2.2; } .s1 { stroke: var(--s1); }
.s2 { stroke: var(--s2); stroke-dasharray: 7 4; }
.s3 { stroke: var(--s3); stroke-dasharray: 2 4; }
.mark { stroke: var(--page); stroke-width: 1.5; stroke-dasharray: none; }
.mark.s1, .s1-text { fill: var(--s1); } .mark.s2, .s2-text { fill: var(--s2); }
.mark.s3, .s3-text { fill: var(--s3); }
"""
_LOOKS = (("s1", "circle"), ("s2", "square"), ("s3", "diamond"))


def phase_plot(title: str, curves: Mapping[str, NDArray[np.float64]]) -> str:
    """Draw mean accuracies over phases, three curves at most; empty text for none.

    Parameters
    ----------
    title : str
        Name of the drawing.
    curves : mapping of str to ndarray of shape (seeds, phases)
        Accuracies in percent.
    """
    if not curves:
        return ""
    means = {name: values.mean(axis=0) for name, values in list(curves.items())[: len(_LOOKS)]}
    phases = max(len(mean) for mean in means.values())
    lowest = min(float(mean.min()) for mean in means.values())
    low = max(0.0, min(80.0, 10 * math.floor((lowest - 3) / 10)))
    plot = Plot((1.0, max(phases, 2)), (low, 100.0), 820.0, 340.0, (58.0, 34.0, 230.0, 46.0))
    names = [(float(t), str(t)) for t in range(1, phases + 1)]
    plot.axes("phases learned", "accuracy", names, [(v, f"{v:g} %") for v in ticks(low, 100)])
    for (class_, shape), (name, mean) in zip(_LOOKS, means.items(), strict=False):
        plot.line([(t + 1.0, float(v)) for t, v in enumerate(mean)], class_)
        for t, value in enumerate(mean):
            plot.mark(t + 1.0, float(value), shape, class_, f"{name}, phase {t + 1}: {value:.1f} %")
    ends = [plot.y(float(mean[-1])) for mean in means.values()]
    heights = spread(ends, 18, plot.top, plot.bottom)
    for (class_, _), (name, mean), at in zip(_LOOKS, means.items(), heights, strict=False):
        plot.text(plot.right + 14, at + 4, f"{name} {mean[-1]:.1f} %", f"label {class_}-text")
    said = "; ".join(f"{name} ends at {mean[-1]:.1f} %" for name, mean in means.items())
    drawn = plot.render(f"{title}: accuracy over phases", f"{said}.")
    start = drawn.index(">") + 1
    return f"{drawn[:start]}<style>{_STYLE}</style>{drawn[start:]}\n"
