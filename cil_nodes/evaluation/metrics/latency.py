"""Percentiles of latency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class LatencySummary:
    """Latencies in milliseconds; lower is better; NaN when nothing was measured.

    Attributes
    ----------
    count : int
        Number of measurements.
    p50_ms, p90_ms, p99_ms, max_ms, mean_ms : float
        Percentiles (linear between the two nearest measurements), maximum and mean.
    """

    count: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    mean_ms: float


def latency_summary(latencies_ms: ArrayLike) -> LatencySummary:
    """Summarise latencies; what is not finite (not measured) is left out.

    Parameters
    ----------
    latencies_ms : array-like of shape (n,)
        Milliseconds.
    """
    values = np.asarray(latencies_ms, dtype=np.float64).ravel()
    values = values[np.isfinite(values)]
    if not len(values):
        return LatencySummary(0, *(float("nan"),) * 5)
    p50, p90, p99 = (float(value) for value in np.percentile(values, [50, 90, 99]))
    return LatencySummary(len(values), p50, p90, p99, float(values.max()), float(values.mean()))
