"""What learning costs: time of an update, time of an answer, memory and how it grows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cil_nodes.evaluation.metrics._checks import same_length


@dataclass(frozen=True)
class Cost:
    """Costs of one run; lower is better.

    Attributes
    ----------
    update_s : float
        Seconds of the last update: it has the most classes behind it.
    longest_update_s : float
        Seconds of the longest.
    predict_ms : float
        Milliseconds an answer after the last update, batched; NaN where nothing was shown.
    memory_bytes : int
        Held after the last update, all that learning on needs included.
    growth_bytes : float
        :func:`growth` of the memory by sample learned.
    """

    update_s: float
    longest_update_s: float
    predict_ms: float
    memory_bytes: int
    growth_bytes: float


def cost(
    samples: ArrayLike,
    update_s: ArrayLike,
    predict_s: ArrayLike,
    shown: ArrayLike,
    memory_bytes: ArrayLike,
) -> Cost:
    """Sum up what the steps of a run cost.

    Parameters
    ----------
    samples : array-like of int, shape (N,)
        Samples taught in each step.
    update_s, predict_s : array-like of shape (N,)
        Seconds for the lesson, and for answering all that was shown after it.
    shown : array-like of int, shape (N,)
        Pictures shown after each step.
    memory_bytes : array-like of int, shape (N,)
        Held after each step.

    Raises
    ------
    ValueError
        For lengths that differ, or no step.
    """
    taught, update, predict, seen, held = same_length(
        samples=samples,
        update_s=update_s,
        predict_s=predict_s,
        shown=shown,
        memory_bytes=memory_bytes,
    )
    if not len(taught):
        raise ValueError("A run without a step has no cost.")
    asked = np.flatnonzero(seen)
    last = asked[-1] if len(asked) else None
    return Cost(
        float(update[-1]),
        float(update.max()),
        float("nan") if last is None else 1e3 * float(predict[last] / seen[last]),
        int(held[-1]),
        growth(np.cumsum(taught), held),
    )


def growth(amount: ArrayLike, held: ArrayLike) -> float:
    """Slope of what is held over what was learned; lower is better, 0 is bounded.

    ``sum (x - mean x)(y - mean y) / sum (x - mean x)^2``, the least-squares line (Legendre 1805),
    over the second half of the run (at least two points), so that a first filling of fixed
    buffers is no growth. 0 for a single step.

    Parameters
    ----------
    amount : array-like of shape (N,)
        Samples, or classes, learned so far.
    held : array-like of shape (N,)
        Bytes, or seconds, after each step.
    """
    x, y = (_second_half(array) for array in same_length(amount=amount, held=held))
    x, y = x - x.mean(), y - y.mean()
    spread = float(x @ x)
    return float(x @ y) / spread if spread > 0 else 0.0


def _second_half(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    return array[min(len(array) // 2, max(len(array) - 2, 0)) :]
