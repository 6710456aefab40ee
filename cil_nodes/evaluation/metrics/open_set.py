"""Figures of saying "I don't know": ROC, FPR at 95 % TPR, OSCR, rates at the threshold.

The score is the unknown score: larger means less known. "Unknown" is the positive class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cil_nodes.evaluation.metrics._checks import finite_scores, same_length


@dataclass(frozen=True)
class RocCurve:
    """Points of a receiver operating characteristic, from (0, 0) to (1, 1).

    Attributes
    ----------
    false_rate : ndarray of shape (p,)
        Share of known samples called unknown.
    true_rate : ndarray of shape (p,)
        Share of unknown samples called unknown.
    thresholds : ndarray of shape (p,)
        A sample is called unknown from this score on; the first is infinite.
    """

    false_rate: NDArray[np.float64]
    true_rate: NDArray[np.float64]
    thresholds: NDArray[np.float64]


@dataclass(frozen=True)
class UnknownRates:
    """What a fixed threshold does.

    Attributes
    ----------
    false_unknown_rate : float
        Share of taught objects called unknown; lower is better, NaN without such samples.
    unknown_caught_rate : float
        Share of untaught objects called unknown; higher is better, NaN without such samples.
    known, unknown : int
        Numbers of samples behind the rates.
    """

    false_unknown_rate: float
    unknown_caught_rate: float
    known: int
    unknown: int


def roc_curve(known: ArrayLike, unknown: ArrayLike) -> RocCurve:
    """Trace both rates over every threshold; equal scores move together.

    Parameters
    ----------
    known, unknown : array-like of shape (n,), (m,)
        Unknown scores of samples whose class was taught, and of samples whose class was not.

    Raises
    ------
    ValueError
        When one side is empty or a score is not finite.
    """
    known, unknown = finite_scores(known, "known"), finite_scores(unknown, "unknown")
    thresholds = np.unique(np.concatenate([known, unknown]))[::-1]
    known_sorted, unknown_sorted = np.sort(known), np.sort(unknown)
    # What lies at or above the threshold is called unknown.
    false_rate = (len(known) - np.searchsorted(known_sorted, thresholds, "left")) / len(known)
    true_rate = (len(unknown) - np.searchsorted(unknown_sorted, thresholds, "left")) / len(unknown)
    return RocCurve(
        np.concatenate([[0.0], false_rate]),
        np.concatenate([[0.0], true_rate]),
        np.concatenate([[np.inf], thresholds]),
    )


def auroc(known: ArrayLike, unknown: ArrayLike) -> float:
    """Area under the ROC curve; higher is better, 0.5 is chance.

    ``P(s_u > s_k) + 0.5 P(s_u = s_k)`` for a random unknown sample u and known sample k
    (Hanley and McNeil, Radiology 1982): the area of the curve by trapezoids.

    Parameters
    ----------
    known, unknown : array-like of shape (n,), (m,)
        Unknown scores of taught and untaught samples.

    Examples
    --------
    >>> auroc([0.1, 0.2], [0.2, 0.9])
    0.875
    """
    known, unknown = finite_scores(known, "known"), finite_scores(unknown, "unknown")
    ordered = np.sort(known)
    below = np.searchsorted(ordered, unknown, "left")
    ties = np.searchsorted(ordered, unknown, "right") - below
    return float((below + 0.5 * ties).sum() / (len(known) * len(unknown)))


def fpr_at_tpr(known: ArrayLike, unknown: ArrayLike, true_rate: float = 0.95) -> float:
    """Share of known samples called unknown where 95 % of the unknown are caught; lower is better.

    The threshold is the highest score at which at least ``true_rate`` of the unknown samples are
    called unknown (FPR95 of Hendrycks and Gimpel, ICLR 2017, with "unknown" as positive).

    Parameters
    ----------
    known, unknown : array-like of shape (n,), (m,)
        Unknown scores of taught and untaught samples.
    true_rate : float, default 0.95
        Share of unknown samples to catch, in (0, 1].
    """
    if not 0.0 < true_rate <= 1.0:
        raise ValueError(f"true_rate must lie in (0, 1], got {true_rate}.")
    curve = roc_curve(known, unknown)
    # A rate that is a whole count over m may come out one rounding step below it.
    reached = np.flatnonzero(curve.true_rate >= true_rate - 1e-12)
    return float(curve.false_rate[reached[0]])


def oscr(known: ArrayLike, correct: ArrayLike, unknown: ArrayLike) -> float:
    """Area under correct-classification rate over false-positive rate; higher is better.

    For each threshold ``d``: CCR(d) is the share of known samples answered rightly *and* with an
    unknown score below d, FPR(d) the share of unknown samples with a score below d (Dhamija,
    Guenther and Boult, NeurIPS 2018, section 4). The area is taken by trapezoids; it is at most
    the closed-set accuracy.

    Parameters
    ----------
    known : array-like of shape (n,)
        Unknown scores of taught samples.
    correct : array-like of bool, shape (n,)
        Whether their label was answered rightly.
    unknown : array-like of shape (m,)
        Unknown scores of untaught samples.
    """
    scores, hits = same_length(known=known, correct=correct)
    scores = finite_scores(scores, "known")
    others = np.sort(finite_scores(unknown, "unknown"))
    right = np.sort(scores[hits.astype(bool)])
    thresholds = np.unique(np.concatenate([scores, others]))
    rate = np.append(0.0, np.searchsorted(right, thresholds, "right") / len(scores))
    false = np.append(0.0, np.searchsorted(others, thresholds, "right") / len(others))
    return float(np.sum(np.diff(false) * (rate[1:] + rate[:-1]) / 2.0))


def unknown_rates(taught: ArrayLike, is_unknown: ArrayLike) -> UnknownRates:
    """Count what was called unknown among taught and untaught samples.

    Parameters
    ----------
    taught : array-like of bool, shape (n,)
        Whether the sample's class had been taught when it was shown.
    is_unknown : array-like of bool, shape (n,)
        Whether it was called unknown.
    """
    taught, called = same_length(taught=taught, is_unknown=is_unknown)
    taught, called = taught.astype(bool), called.astype(bool)
    known, unknown = called[taught], called[~taught]
    return UnknownRates(
        float(known.mean()) if len(known) else float("nan"),
        float(unknown.mean()) if len(unknown) else float("nan"),
        len(known),
        len(unknown),
    )
