"""Closed-set figures: accuracy, macro F1 and the confusion matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cil_nodes.evaluation.metrics._checks import same_length


@dataclass(frozen=True)
class Confusion:
    """Counts of (truth, answer) pairs.

    Attributes
    ----------
    truths : tuple of str
        Labels of the rows, in the order asked for.
    answers : tuple of str
        Labels of the columns, in the order asked for.
    counts : ndarray of shape (len(truths), len(answers))
        ``counts[i, j]``: samples of ``truths[i]`` that were answered ``answers[j]``.
    """

    truths: tuple[str, ...]
    answers: tuple[str, ...]
    counts: NDArray[np.int64]


def accuracy(truth: ArrayLike, answer: ArrayLike) -> float:
    """Share of samples answered rightly; higher is better, NaN without samples.

    Parameters
    ----------
    truth, answer : array-like of shape (n,)
        Labels.

    Examples
    --------
    >>> accuracy(["mug", "mug", "cup"], ["mug", "cup", "cup"])
    0.6666666666666666
    """
    truth, answer = same_length(truth=truth, answer=answer)
    return float(np.mean(truth == answer)) if len(truth) else float("nan")


def macro_f1(truth: ArrayLike, answer: ArrayLike) -> float:
    """Mean of the F1 scores of all labels that occur; higher is better.

    ``F1(c) = 2 TP / (2 TP + FP + FN)``, averaged with equal weight over the labels that occur in
    ``truth`` or ``answer`` (as scikit-learn's ``f1_score(average="macro")``).

    Parameters
    ----------
    truth, answer : array-like of shape (n,)
        Labels.
    """
    truth, answer = same_length(truth=truth, answer=answer)
    if not len(truth):
        return float("nan")
    scores = []
    for label in np.union1d(truth, answer):
        hits = int(np.sum((truth == label) & (answer == label)))
        # 2 TP + FP + FN is the number of times the label was meant plus the times it was said.
        mentions = int(np.sum(truth == label) + np.sum(answer == label))
        scores.append(2 * hits / mentions)
    return float(np.mean(scores))


def confusion(
    truth: ArrayLike,
    answer: ArrayLike,
    truths: tuple[str, ...] | None = None,
    answers: tuple[str, ...] | None = None,
) -> Confusion:
    """Count which label was answered for which.

    Parameters
    ----------
    truth, answer : array-like of shape (n,)
        Labels.
    truths, answers : tuple of str, optional
        Order of rows and columns; by default all labels that occur, sorted, for both.

    Raises
    ------
    ValueError
        When a label occurs that the given order leaves out.
    """
    truth, answer = same_length(truth=truth, answer=answer)
    default = tuple(str(label) for label in np.union1d(truth, answer)) if len(truth) else ()
    rows, columns = truths or default, answers or truths or default
    row_of = {label: index for index, label in enumerate(rows)}
    column_of = {label: index for index, label in enumerate(columns)}
    counts = np.zeros((len(rows), len(columns)), dtype=np.int64)
    for meant, said in zip(truth.tolist(), answer.tolist(), strict=True):
        if meant not in row_of or said not in column_of:
            raise ValueError(f"The pair ({meant!r}, {said!r}) is missing in the order given.")
        counts[row_of[meant], column_of[said]] += 1
    return Confusion(rows, columns, counts)


def most_confused(matrix: Confusion, limit: int = 10) -> list[tuple[str, str, int]]:
    """List the pairs (truth, wrong answer, count) with the highest counts, ties by name."""
    pairs = [
        (meant, said, int(matrix.counts[i, j]))
        for i, meant in enumerate(matrix.truths)
        for j, said in enumerate(matrix.answers)
        if meant != said and matrix.counts[i, j]
    ]
    return sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1]))[:limit]
