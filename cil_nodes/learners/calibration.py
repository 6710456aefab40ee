"""From raw novelty to a score in [0, 1] and a threshold, on what was learned alone.

Two sorts of out-of-fold scores go in: known samples scored by a model that never saw them, and,
where that is cheap, whole classes scored by a model that never saw the class. The latter stand in
for things not yet taught; nothing real and unknown is ever needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

THRESHOLD = 0.5
"""The unknown score's threshold: the map is laid so that it is always this."""

LEAST_CLASSES = 3
LEAST_SAMPLES = 5


@dataclass(frozen=True)
class ScoreMap:
    """A strictly rising map from raw novelty to [0, 1] that meets `THRESHOLD` at ``centre``.

    Attributes
    ----------
    centre : float
        Raw novelty from which on something is called unknown.
    width : float
        How fast the score rises there.
    """

    centre: float
    width: float

    def __call__(self, novelty: np.ndarray) -> np.ndarray:
        """Return scores (n,) for raw novelty (n,)."""
        return expit((np.asarray(novelty, dtype=np.float64) - self.centre) / self.width)


def fit_score_map(
    known: np.ndarray, left_out: np.ndarray | None, false_unknown_rate: float, push: float
) -> ScoreMap:
    """Lay the threshold.

    Parameters
    ----------
    known : (n,) array
        Novelty of known samples, out of fold.
    left_out : (m,) array or None
        Novelty of samples of classes that the scoring model never saw.
    false_unknown_rate : float
        At most this share of ``known`` may lie above the threshold.
    push : float
        How far, from there towards where the left-out classes begin (their lower quartile),
        the threshold moves: 0 not at all, 1 all the way. New views differ more from the taught
        ones than those do among each other, so the room between is shared.
    """
    centre = float(np.quantile(known, 1 - false_unknown_rate, method="higher"))
    middle = float(np.median(known))
    width = max((centre - middle) / 3.0, 1e-6 * max(abs(centre), 1.0))
    if left_out is not None and len(left_out):
        begin = float(np.quantile(left_out, 0.25))
        centre += push * max(begin - centre, 0.0)
    return ScoreMap(centre, width)


def enough(counts: np.ndarray) -> bool:
    """Whether a threshold can be set from classes with these sample counts (C,)."""
    usable = counts[counts >= 2]
    return len(usable) >= LEAST_CLASSES and int(usable.sum()) >= LEAST_SAMPLES
