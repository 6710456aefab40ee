"""Figures of learning in phases: accuracy matrix, average accuracy, forgetting, order effects.

Throughout, ``a[t, k]`` (t, k from 0 here, from 1 in the papers) is the accuracy on the test samples
of the classes of phase k after learning phase t, and N the number of phases. Equation numbers are
those of the ORACIL paper (Electronics 2026, 15, 2941), section 4.1.3, counted as printed there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cil_nodes.evaluation.metrics._checks import same_length


@dataclass(frozen=True)
class AccuracyMatrix:
    """Accuracy after each phase on the classes of each phase.

    Attributes
    ----------
    values : ndarray of shape (N, N)
        ``values[t, k]``; NaN where no test sample was shown.
    counts : ndarray of shape (N, N)
        Test samples behind each entry.
    """

    values: NDArray[np.float64]
    counts: NDArray[np.int64]

    @property
    def seen_accuracy(self) -> NDArray[np.float64]:
        """Accuracy over all samples of the phases so far, for each t: shape (N,)."""
        lower = np.tril(self.counts)
        hits = np.where(lower > 0, np.nan_to_num(self.values) * lower, 0.0).sum(axis=1)
        shown = lower.sum(axis=1)
        return np.where(shown > 0, hits / np.maximum(shown, 1), np.nan)


def accuracy_matrix(
    after: ArrayLike, taught_in: ArrayLike, correct: ArrayLike, phases: int | None = None
) -> AccuracyMatrix:
    """Build the accuracy matrix from single answers.

    Parameters
    ----------
    after : array-like of int, shape (n,)
        Number of the phase (from 0) that was last learned when the answer was given.
    taught_in : array-like of int, shape (n,)
        Phase in which the sample's true class is taught.
    correct : array-like of bool, shape (n,)
        Whether the answer was right.
    phases : int, optional
        N; by default the largest number that occurs, plus one.

    Returns
    -------
    AccuracyMatrix

    Raises
    ------
    ValueError
        For lengths that differ, or a phase number outside 0 to N - 1.
    """
    after, taught_in, correct = same_length(after=after, taught_in=taught_in, correct=correct)
    after, taught_in = after.astype(np.int64), taught_in.astype(np.int64)
    size = phases or (int(max(after.max(), taught_in.max())) + 1 if len(after) else 0)
    if len(after) and (min(after.min(), taught_in.min()) < 0 or after.max() >= size):
        raise ValueError(f"Phase numbers must lie in 0 to {size - 1}.")
    if len(after) and taught_in.max() >= size:
        raise ValueError(f"taught_in holds phase {taught_in.max()}, but phases is {size}.")
    counts = np.zeros((size, size), dtype=np.int64)
    hits = np.zeros((size, size), dtype=np.int64)
    np.add.at(counts, (after, taught_in), 1)
    np.add.at(hits, (after, taught_in), correct.astype(np.int64))
    values = np.full((size, size), np.nan)
    np.divide(hits, counts, out=values, where=counts > 0)
    return AccuracyMatrix(values, counts)


def _matrix(a: ArrayLike) -> NDArray[np.float64]:
    matrix = np.asarray(a, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not len(matrix):
        raise ValueError(f"The accuracy matrix must be square (N, N), got shape {matrix.shape}.")
    if np.isnan(matrix[np.tril_indices(len(matrix))]).any():
        raise ValueError("The accuracy matrix has no figure for a phase that was learned.")
    return matrix


def phase_averages(a: ArrayLike) -> NDArray[np.float64]:
    """Phase-average accuracy ``A_t = (1 / t) sum_{k <= t} a[t, k]``; higher is better.

    ORACIL paper, 4.1.3 (the first of the order measures).

    Parameters
    ----------
    a : array-like of shape (N, N)
        Accuracy matrix; only the lower triangle is read.

    Returns
    -------
    ndarray of shape (N,)
    """
    matrix = _matrix(a)
    return np.array([matrix[t, : t + 1].mean() for t in range(len(matrix))])


def average_accuracy(a: ArrayLike) -> float:
    """Final average accuracy ``A_N = (1 / N) sum_k a[N, k]``; higher is better.

    ORACIL paper, Eq. 18. Every phase has the same weight, however many test samples it has.

    Parameters
    ----------
    a : array-like of shape (N, N)
        Accuracy matrix.
    """
    return float(phase_averages(a)[-1])


def forgetting(a: ArrayLike) -> float:
    """Average forgetting; lower is better, 0 for a single phase.

    ``F_N = 1 / (N - 1) sum_{k < N} (max_{t in k..N} a[t, k] - a[N, k])``, ORACIL paper, Eq. 19.
    The maximum includes the last phase, so the figure is never negative: what improves later
    counts as nothing forgotten (:func:`backward_transfer` shows it).

    Parameters
    ----------
    a : array-like of shape (N, N)
        Accuracy matrix.
    """
    matrix = _matrix(a)
    size = len(matrix)
    if size == 1:
        return 0.0
    drops = [matrix[k:, k].max() - matrix[-1, k] for k in range(size - 1)]
    return float(np.mean(drops))


def backward_transfer(a: ArrayLike) -> float:
    """Mean change of old phases by later ones; higher is better, 0 for a single phase.

    ``BWT = 1 / (N - 1) sum_{k < N} (a[N, k] - a[k, k])`` (Lopez-Paz and Ranzato, Gradient
    Episodic Memory, NeurIPS 2017, Eq. 3). Negative values mean forgetting.

    Parameters
    ----------
    a : array-like of shape (N, N)
        Accuracy matrix.
    """
    matrix = _matrix(a)
    if len(matrix) == 1:
        return 0.0
    return float(np.mean(matrix[-1, :-1] - np.diag(matrix)[:-1]))


def forward_transfer(a: ArrayLike, baseline: ArrayLike) -> float:
    """Mean gain on phases not yet learned over an untrained model; higher is better.

    ``FWT = 1 / (N - 1) sum_{k > 1} (a[k - 1, k] - b[k])`` (Lopez-Paz and Ranzato, Gradient
    Episodic Memory, NeurIPS 2017, Eq. 4). A learner that can only answer classes it was taught
    has a = 0 there; the figure is for domain-incremental streams.

    Parameters
    ----------
    a : array-like of shape (N, N)
        Accuracy matrix with the entries just above the diagonal filled.
    baseline : array-like of shape (N,)
        Accuracy b of an untrained model on each phase.

    Raises
    ------
    ValueError
        When an entry above the diagonal is missing or baseline has another length.
    """
    matrix, base = _matrix(a), np.asarray(baseline, dtype=np.float64)
    if base.shape != (len(matrix),):
        raise ValueError(f"baseline must have shape ({len(matrix)},), got {base.shape}.")
    if len(matrix) == 1:
        return 0.0
    ahead = np.diag(matrix, k=1)
    if np.isnan(ahead).any():
        raise ValueError("Forward transfer needs accuracies on the phase after each one learned.")
    return float(np.mean(ahead - base[1:]))


def opd(averages: ArrayLike) -> NDArray[np.float64]:
    """Order performance disparity ``OPD_t = max_r A_t^r - min_r A_t^r``; lower is better.

    ORACIL paper, 4.1.3. Before the last phase it also measures how hard the classes are that
    happen to come first; the last entry is the one free of that.

    Parameters
    ----------
    averages : array-like of shape (R, N)
        Phase-average accuracies of R class orders (:func:`phase_averages` of each).

    Returns
    -------
    ndarray of shape (N,)
    """
    values = np.asarray(averages, dtype=np.float64)
    if values.ndim != 2 or not values.size:
        raise ValueError(f"averages must have shape (orders, phases), got {values.shape}.")
    return values.max(axis=0) - values.min(axis=0)


def aopd(averages: ArrayLike) -> float:
    """Mean of :func:`opd` over the phases (ORACIL paper, 4.1.3); lower is better."""
    return float(opd(averages).mean())


def mopd(averages: ArrayLike) -> float:
    """Maximum of :func:`opd` over the phases (ORACIL paper, 4.1.3); lower is better."""
    return float(opd(averages).max())


def regret_aopd(averages: ArrayLike, joint: ArrayLike) -> float:
    """AOPD of the regret ``A_t^r - J_t^r``; lower is better.

    J is the phase-average accuracy of a joint learner on the classes taught so far in the same
    order. Taking it off leaves what the order does to the learner, without how hard the classes
    are that happen to come first, which :func:`aopd` also measures. Ours, after the ORACIL paper's
    4.1.3; a learner that equals the joint one in every order has 0.

    Parameters
    ----------
    averages, joint : array-like of shape (R, N)
        Phase-average accuracies of the learner and of the joint learner, in the same R orders.

    Raises
    ------
    ValueError
        For shapes that differ.
    """
    values, reference = (np.asarray(array, dtype=np.float64) for array in (averages, joint))
    if values.shape != reference.shape:
        raise ValueError(
            f"averages and joint must belong together, got {values.shape} and {reference.shape}."
        )
    return aopd(values - reference)


def learning_curve_area(averages: ArrayLike) -> float:
    """Mean of ``A_t`` over the phases, ``(1 / N) sum_t A_t``; higher is better.

    The area under the learning curve at one unit a phase: "average incremental accuracy" of
    Rebuffi et al. (iCaRL, CVPR 2017, section 4), which counts how good a learner was all along
    and not only at the end.

    Parameters
    ----------
    averages : array-like of shape (N,)
        Accuracy after each phase over what was taught so far (:func:`phase_averages`).
    """
    values = np.asarray(averages, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"averages must have shape (phases,), got {values.shape}.")
    return float(values.mean())


def mean_matrix(matrices: Sequence[AccuracyMatrix]) -> NDArray[np.float64]:
    """Entrywise mean of the accuracy matrices of several runs: shape (N, N)."""
    return np.mean([matrix.values for matrix in matrices], axis=0)
