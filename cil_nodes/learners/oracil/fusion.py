"""Groups, heads and router become one answer (ORACIL, section 3.5, Eq. 15 to 17)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

FUSIONS = ("log", "clipped", "product")
_TINY = 1e-12


@dataclass(frozen=True)
class Temperatures:
    """What was fitted on out-of-fold scores.

    Attributes
    ----------
    head : float
        Divides the heads' outputs before a softmax; they are regressions to 0 and 1.
    lda : float
        Divides the LDA scores, which few samples in many dimensions make overconfident.
    share : float
        Weight of LDA in the router, in [0, 1].
    own : float
        Divides the scores of class covariances.
    own_share : float
        Weight of class covariances in the router; the heads' own opinion has the rest.
    """

    head: float = 0.1
    lda: float = 10.0
    share: float = 0.3
    own: float = 10.0
    own_share: float = 0.0


def log_softmax(scores: np.ndarray) -> np.ndarray:
    """Return log softmax over the columns of (n, C); SciPy's costs 0.1 ms for one row."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def group_masses(scores: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return log of the summed exponentials of (n, C) within groups (C,): (n, G).

    Groups are numbered 0 .. G - 1, and none is empty.
    """
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], np.arange(int(groups.max()) + 1))
    sorted_ = scores[:, order]
    top = np.maximum.reduceat(sorted_, starts, axis=1)
    shifted = np.exp(sorted_ - top[:, groups[order]])
    return top + np.log(np.add.reduceat(shifted, starts, axis=1))


def mix(rest: np.ndarray, others: Sequence[np.ndarray], shares: Sequence[float]) -> np.ndarray:
    """Return the normalised geometric mixture of log distributions (n, G).

    ``others`` weigh as ``shares`` (none, where there are more shares), ``rest`` what is left of 1.
    """
    pairs = list(zip(others, shares, strict=False))
    mixture = (1 - sum(share for _, share in pairs)) * rest
    for other, share in pairs:
        mixture = mixture + share * other
    return log_softmax(mixture)


def fuse(
    z: np.ndarray, log_p: np.ndarray, groups: np.ndarray, rule: str, temperature: float
) -> np.ndarray:
    """Combine heads and router into class log probabilities.

    Parameters
    ----------
    z : (n, C) array
        Heads' outputs, all groups side by side (Eq. 15).
    log_p : (n, G) array
        Log of the router's p(g | x) (Eq. 6).
    groups : (C,) int array
    rule : {"log", "clipped", "product"}
        "product" is Eq. 16, Z_c = p(g) z_c: z is a regression output, and where it is negative
        a small p(g) *raises* the class. "clipped" is p(g) max(z, 0). "log" (default, ours) is
        log p(g) + log softmax within the group of z / temperature.

    Returns
    -------
    (n, C) array
    """
    if rule == "log":
        within = z / temperature
        within = within - group_masses(within, groups)[:, groups]
        return log_softmax(log_p[:, groups] + within)
    p = np.exp(log_p)[:, groups]
    Z = p * (np.maximum(z, 0) if rule == "clipped" else z)
    return log_softmax(Z / temperature)


def negative_log_likelihood(log_proba: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean of -log p of the true columns (n,)."""
    return float(-np.mean(log_proba[np.arange(len(truth)), truth]))


def best_temperature(scores: np.ndarray, truth: np.ndarray, grid: np.ndarray) -> float:
    """Return the temperature of ``grid`` under which softmax(scores / T) explains ``truth``."""
    losses = [negative_log_likelihood(log_softmax(scores / T), truth) for T in grid]
    return float(grid[int(np.argmin(losses))])


def fit_temperatures(
    z: np.ndarray,
    lda: np.ndarray,
    groups: np.ndarray,
    truth: np.ndarray,
    own: np.ndarray | None = None,
) -> Temperatures:
    """Fit on out-of-fold scores of what was learned: each temperature alone, then the shares.

    Parameters
    ----------
    z, lda, own : (n, C) arrays
        Out-of-fold outputs of the heads, LDA scores, and scores of class covariances where there
        are some.
    groups : (C,) int array
    truth : (n,) int array
    """
    head = best_temperature(z, truth, np.geomspace(0.02, 1.0, 18))
    wide = _best_divisor(lda, truth)
    rest = group_masses(log_softmax(z / head), groups)
    others = [group_masses(log_softmax(lda / wide), groups)]
    if own is None:
        shares = _best_shares(rest, others, groups[truth])
        return Temperatures(head, wide, *shares)
    wider = _best_divisor(own, truth)
    others.append(group_masses(log_softmax(own / wider), groups))
    share, own_share = _best_shares(rest, others, groups[truth])
    return Temperatures(head, wide, share, wider, own_share)


def _best_divisor(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return a temperature for scores (n, C) of no known scale."""
    spread = max(float(np.std(scores[np.isfinite(scores)])), _TINY)
    return best_temperature(scores, truth, spread * np.geomspace(0.01, 3.0, 18))


def _best_shares(
    rest: np.ndarray, others: list[np.ndarray], right: np.ndarray
) -> tuple[float, ...]:
    """Return the weights of ``others``, in tenths, that explain the groups ``right`` (n,) best.

    Within groups the heads decide, whatever the weights.
    """
    tenths = [t for t in product(range(11), repeat=len(others)) if sum(t) <= 10]
    grid = [tuple(t / 10 for t in ts) for ts in tenths]
    losses = [negative_log_likelihood(mix(rest, others, shares), right) for shares in grid]
    return grid[int(np.argmin(losses))]


def entropy(log_p: np.ndarray) -> np.ndarray:
    """Return the entropy (n,) of log distributions (n, G), in [0, 1] over log G."""
    if log_p.shape[1] < 2:
        return np.full(len(log_p), np.nan)
    p = np.exp(log_p)
    return -(p * log_p).sum(axis=1) / np.log(log_p.shape[1])


def disagreement(distributions: list[np.ndarray]) -> np.ndarray:
    """Return the mean total variation (n,) between experts' distributions (n, G), in [0, 1]."""
    pairs = [
        0.5 * np.abs(a - b).sum(axis=1)
        for i, a in enumerate(distributions)
        for b in distributions[i + 1 :]
    ]
    return np.mean(pairs, axis=0) if pairs else np.full(len(distributions[0]), np.nan)
