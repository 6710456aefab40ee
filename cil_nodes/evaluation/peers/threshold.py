"""A threshold for unknowns from the scores of what was learned."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PRIOR = 0.5
FALSE_UNKNOWN_RATE = 0.03


def calibrate(
    scores: NDArray[np.float64], classes: int, rate: float = FALSE_UNKNOWN_RATE
) -> tuple[float, bool]:
    """Put the threshold where at most ``rate`` of known samples lie above it.

    Parameters
    ----------
    scores : ndarray of shape (n,)
        Unknown scores of known samples, each by a model that had not learned it.
    classes : int
        With fewer than 3 classes or 5 samples a class a prior holds.
    rate : float
        Share of known samples that may be called unknown.

    Returns
    -------
    threshold : float
    calibrated : bool
        False where the prior holds.
    """
    if classes < 3 or len(scores) < 5 * classes:
        return PRIOR, False
    return float(np.quantile(scores, 1.0 - rate, method="higher")), True
