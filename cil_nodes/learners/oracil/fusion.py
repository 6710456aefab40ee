"""Groups, heads and router become one answer (ORACIL, section 3.5, Eq. 15 to 17)."""

from __future__ import annotations

from dataclasses import dataclass

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
        Weight of LDA in the router, in [0, 1]; the heads' own opinion has the rest.
    """

    head: float = 0.1
    lda: float = 10.0
    share: float = 0.3


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


def mix(first: np.ndarray, second: np.ndarray, share: float) -> np.ndarray:
    """Return the normalised geometric mixture of two log distributions (n, G)."""
    return log_softmax(share * first + (1 - share) * second)


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
    z: np.ndarray, lda: np.ndarray, groups: np.ndarray, truth: np.ndarray
) -> Temperatures:
    """Fit on out-of-fold scores of what was learned, each in turn.

    Parameters
    ----------
    z, lda : (n, C) arrays
        Out-of-fold outputs of the heads, and LDA scores.
    groups : (C,) int array
    truth : (n,) int array
    """
    head = best_temperature(z, truth, np.geomspace(0.02, 1.0, 18))
    spread = max(float(np.std(lda[np.isfinite(lda)])), _TINY)
    wide = best_temperature(lda, truth, spread * np.geomspace(0.01, 3.0, 18))
    own = group_masses(log_softmax(z / head), groups)
    other = group_masses(log_softmax(lda / wide), groups)
    shares = np.linspace(0, 1, 11)
    losses = [
        negative_log_likelihood(fuse(z, mix(other, own, share), groups, "log", head), truth)
        for share in shares
    ]
    return Temperatures(head, wide, float(shares[int(np.argmin(losses))]))


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
