"""A threshold for unknowns from the doubts about what was learned."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PRIOR = 0.5
FALSE_UNKNOWN_RATE = 0.03
BINS = 4096
CALIBRATION_ROWS = 512
"""Samples of a phase, at most, whose held-out doubt goes into a threshold where that is dear."""


def tally(
    doubts: NDArray[np.floating], before: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Count doubts in equal bins of [0, 1], so that memory does not grow with samples.

    Parameters
    ----------
    doubts : ndarray of shape (n,)
        In [0, 1], each about a known sample by a model that had not learned it.
    before : ndarray of shape (BINS,), optional
        Counts of earlier samples, to be added.

    Returns
    -------
    ndarray of shape (BINS,)
    """
    bins = np.minimum((np.asarray(doubts) * BINS).astype(np.int64), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    return counts if before is None else counts + before


def calibrate(
    counts: NDArray[np.int64], classes: int, rate: float = FALSE_UNKNOWN_RATE
) -> tuple[float, bool]:
    """Put the threshold where at most ``rate`` of known samples lie above it.

    Parameters
    ----------
    counts : ndarray of shape (BINS,)
        From `tally`.
    classes : int
        With fewer than 3 classes or 5 samples a class a prior holds.
    rate : float
        Share of known samples that may be called unknown.

    Returns
    -------
    threshold : float
        Upper end of a bin.
    calibrated : bool
        False where the prior holds.
    """
    total = int(counts.sum())
    if classes < 3 or total < 5 * classes:
        return PRIOR, False
    below = np.cumsum(counts)
    bin_ = int(np.searchsorted(below, (1.0 - rate) * total))
    return (bin_ + 1) / BINS, True
