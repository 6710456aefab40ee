"""What the answers of CLIFER's conditions come to: means over people, intervals, rank tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Found = Mapping[str, Mapping[str, Sequence[Mapping[str, Mapping[str, Any]]]]]
"""By condition and kind of order: one result for each order and seed, by person."""


def by_person(runs: Sequence[Mapping[str, Mapping[str, Any]]], name: str) -> NDArray[np.float64]:
    """Return one figure (people, moments), its mean over runs."""
    return np.mean([[told[name] for told in run.values()] for run in runs], axis=0)


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return mean and half the width of its 95 % interval (Student's t) over people (n,)."""
    n = len(values)
    if n < 2:
        return float(values.mean()), 0.0
    half = stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n)
    return float(values.mean()), float(half)


def order_test(
    runs: Sequence[Mapping[str, Mapping[str, Any]]], name: str, moment: int
) -> tuple[float, float]:
    """Return H and p of the Kruskal-Wallis test of one figure at one moment, over orders."""
    groups = [[told[name][moment] for told in run.values()] for run in runs]
    if len({value for group in groups for value in group}) < 2:
        return 0.0, 1.0
    found = stats.kruskal(*groups)
    return float(found.statistic), float(found.pvalue)
