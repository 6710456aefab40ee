"""The threshold for unknowns: held-back novelty of each class, kept true as the network changes.

When a class is taught, a fifth of its samples is held back for most of the phase; their novelty is
kept as a few quantiles. Later phases change the network and with it the novelty of old classes,
whose samples are gone: what the old network draws of a class is shown to both networks, and the
class's quantiles move by the mean difference.
"""

from __future__ import annotations

import numpy as np

from cil_nodes.learners import calibration
from cil_nodes.learners.calibration import ScoreMap
from cil_nodes.learners.repulsion_replay import answering
from cil_nodes.learners.repulsion_replay.model import Model

QUANTILES = 20
"""Kept of each class: those at 0.025, 0.075, ..., 0.975."""

LEAST = 5
"""Samples of a class from which on every fifth is held back."""

PROBES = 8
"""Samples drawn of each old class to see how far its novelty moved."""

ROOM = 0.5
"""New views differ more from the taught ones than those do among each other: the threshold lies
beyond the limit of held-back samples by this part of that limit's distance from their median."""

PRIOR = 4.0
"""Prior: a new sample of a class is reconstructed up to four times worse than a learned one."""

PRIOR_LEAST = 0.05
"""A single sample can be learned by heart; its error counts as at least 5 % of its size."""


def novelty(model: Model, x: np.ndarray) -> np.ndarray:
    """Return the relative reconstruction error (n,) of scaled features (n, d).

    Not its logarithm: what a changed network adds to the error of drawn samples and of real ones
    is about the same, but drawn ones start much lower.
    """
    return np.exp(answering.novelty(model, x))


def held_back(positions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return (n,) bool: a fifth of the samples of each class that has at least `LEAST`."""
    chosen = np.zeros(len(positions), dtype=bool)
    for position in np.unique(positions):
        rows = np.flatnonzero(positions == position)
        if len(rows) >= LEAST:
            chosen[rng.permutation(rows)[: len(rows) // LEAST]] = True
    return chosen


def quantiles(raw: np.ndarray) -> np.ndarray:
    """Return the `QUANTILES` (Q,) of raw novelty (n,)."""
    return np.quantile(raw, (np.arange(QUANTILES) + 0.5) / QUANTILES).astype(np.float32)


def measured(
    logs: np.ndarray, positions: np.ndarray, held: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return quantiles (C, Q), NaN for classes without samples, and which are measured (C,).

    Parameters
    ----------
    logs : (n,) array
        `answering.novelty` of this phase's samples, by the network that did not learn those held
        back.
    positions : (n,) int array
        Classes.
    held : (n,) bool array
        Which were held back; a class without any gets the prior.
    classes : int
    """
    errors = np.exp(logs)
    rows = np.full((classes, QUANTILES), np.nan, dtype=np.float32)
    seen = np.zeros(classes, dtype=bool)
    for position in np.unique(positions):
        own = positions == position
        seen[position] = (own & held).any()
        if seen[position]:
            rows[position] = quantiles(errors[own & held])
        else:
            rows[position] = quantiles(PRIOR * np.maximum(errors[own], PRIOR_LEAST))
    return rows, seen


def moved(old: Model, new: Model, rng: np.random.Generator) -> np.ndarray:
    """Return how far the novelty of each class of ``old`` moved (C_old,), on drawn samples."""
    classes = np.repeat(np.arange(old.classes), PROBES)
    x = answering.drawn(old, classes, rng)
    change = novelty(new, x) - novelty(old, x)
    return change.reshape(old.classes, PROBES).mean(axis=1)


def together(
    old: tuple[np.ndarray, np.ndarray], new: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Join what earlier phases and this one know; of a class in both, the later, if measured."""
    held, seen = new[0].copy(), new[1].copy()
    earlier = len(old[0])
    keep = np.isnan(held[:earlier, 0]) | (old[1] & ~seen[:earlier])
    held[:earlier][keep] = old[0][keep]
    seen[:earlier][keep] = old[1][keep]
    return held, seen


def score_map(
    held: np.ndarray, seen: np.ndarray, counts: np.ndarray, rate: float
) -> tuple[ScoreMap, bool]:
    """Lay the map from novelty to unknown score.

    Parameters
    ----------
    held : (C, Q) array
        Quantiles of every class.
    seen : (C,) bool array
        Which are measured.
    counts : (C,) int array
        Samples learned of each class.
    rate : float
        Share of held-back known samples that may be called unknown.

    Returns
    -------
    ScoreMap
    bool
        Whether the threshold is calibrated, or a prior holds.
    """
    enough = calibration.enough(np.where(seen, counts, 0))
    pool = (held[seen] if enough else held).ravel().astype(np.float64)
    map_ = calibration.fit_score_map(pool, None, rate, 0.0)
    room = ROOM * max(map_.centre - float(np.median(pool)), 0.0)
    return ScoreMap(map_.centre + room, map_.width), enough
