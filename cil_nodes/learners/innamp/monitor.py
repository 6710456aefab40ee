"""The decision layer: the monitor perceptron of the paper, and its continuous form.

Of every network there is a log-odds that it fires; p is its probability. The paper's monitor adds
up binarised outputs and says "known" where the sum is 1 (Eq. 2). Its continuous form is the
probability that exactly one fires, sum_i p_i prod_{j != i} (1 - p_j): where every p is 0 or 1 it
is the paper's rule, and it falls apart into the two ways not to be known.
"""

from __future__ import annotations

import numpy as np

from cil_nodes.learners.outcomes import Reason, UnknownReason

MONITORS = ("hard", "soft", "learned")
EPSILON = 0.5
"""Eq. 2 says "nearly equal to zero"; of sums of zeros and ones any value below 1 decides alike."""

NEVER = -60.0
"""Log-odds of a network that does not fire at all."""


def hard_monitor(fires: np.ndarray) -> np.ndarray:
    """Return whether the monitor perceptron fires (n,), for binarised outputs (n, C) (Eq. 2)."""
    return np.abs(fires.sum(axis=1) - 1.0) <= EPSILON


def without_noise(odds: np.ndarray, floor: float) -> np.ndarray:
    """Silence all but the strongest network where they stay below the noise level.

    Parameters
    ----------
    odds : (n, C) array
        Log-odds that each fires.
    floor : float
        Log-odds below which a network's whisper means nothing: many of them would add up as
        classes grow. At most 0, so that binarised outputs stay as they are.
    """
    quiet = odds < floor
    if odds.shape[1]:
        quiet[np.arange(len(odds)), odds.argmax(axis=1)] = False
    return np.where(quiet, NEVER, odds)


def log_shares(odds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the logs of P(nobody fires), P(exactly one), P(several), each (n,)."""
    log_not = -np.logaddexp(0, odds)
    nobody = log_not.sum(axis=1)
    # p_i prod_{j != i} (1 - p_j) = odds_i prod_j (1 - p_j)
    one = np.minimum(nobody + np.logaddexp.reduce(odds, axis=1), 0.0)
    rest = -np.expm1(np.minimum(np.logaddexp(nobody, one), 0.0))
    return nobody, one, np.log(np.maximum(rest, 1e-300))


def novelty(odds: np.ndarray) -> np.ndarray:
    """Return the log-odds (n,) that not exactly one network fires: larger is less known."""
    _, one, _ = log_shares(odds)
    one = np.minimum(one, -1e-15)
    return np.log(-np.expm1(one)) - one


def reasons(odds: np.ndarray, classes: np.ndarray) -> list[UnknownReason]:
    """Say of each sample what speaks most against its being known.

    Parameters
    ----------
    odds : (n, C) array
        Log-odds that each fires, without noise.
    classes : (C,) array
        Labels.

    Returns
    -------
    list of UnknownReason
        ``NOBODY_FIRED``, or ``SEVERAL_FIRED`` with the claimants, strongest first: all that are
        more likely than not to fire, and the two strongest in any case. ``novelty`` is the
        probability that nobody fires.
    """
    nobody, _, several = log_shares(odds)
    found = []
    for row, none, many in zip(odds, nobody, several, strict=True):
        if none >= many or len(row) < 2:
            found.append(UnknownReason(Reason.NOBODY_FIRED, float(np.exp(none))))
            continue
        order = np.argsort(-row, kind="stable")
        claimants = order[: max(2, int((row >= 0).sum()))]
        named = tuple(classes[claimants].tolist())
        found.append(UnknownReason(Reason.SEVERAL_FIRED, float(np.exp(none)), claimants=named))
    return found
