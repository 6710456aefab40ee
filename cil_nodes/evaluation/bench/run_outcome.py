"""What the answers of a run over phases come to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.bench.phase_runs import ANSWERS, NOT_SHOWN, Arrays, Stream
from cil_nodes.evaluation.metrics import AccuracyMatrix, accuracy_matrix, forgetting


@dataclass(frozen=True)
class Outcome:
    """The answers of one run under one view, with what they have to be compared with.

    Attributes
    ----------
    answers : ndarray of shape (phases, n), int16
    truth : ndarray of shape (n,), int16
    taught_in : ndarray of shape (n,), int
    """

    answers: NDArray[np.int16]
    truth: NDArray[np.int16]
    taught_in: NDArray[np.int64]

    @classmethod
    def of(cls, run: Arrays, stream: Stream, view: str = "own") -> Outcome:
        """Take one view of a run."""
        return cls(run[ANSWERS + view], stream.truth, stream.taught_in)

    @property
    def shown(self) -> list[int]:
        """Rows of the phases after which pictures were shown."""
        return np.flatnonzero((self.answers != NOT_SHOWN).any(axis=1)).tolist()

    @property
    def right(self) -> NDArray[np.bool_]:
        """(n,) whether each test picture is answered rightly after the last phase."""
        return self.answers[-1] == self.truth

    @property
    def final(self) -> float:
        """Accuracy over all test pictures after the last phase, in percent."""
        return 100 * float(self.right.mean())

    @property
    def matrix(self) -> AccuracyMatrix:
        """Accuracies after each phase on the classes of each; NaN where nothing was shown."""
        row, column = np.nonzero(self.answers != NOT_SHOWN)
        right = self.answers[row, column] == self.truth[column]
        return accuracy_matrix(row, self.taught_in[column], right, len(self.answers))

    @property
    def averages(self) -> NDArray[np.float64]:
        """A_t (Eq. 18), in percent; NaN where nothing was shown."""
        values = self.matrix.values
        return np.array([100 * values[t, : t + 1].mean() for t in range(len(values))])

    @property
    def forgetting(self) -> float:
        """F_N (Eq. 19) in percent; NaN unless pictures were shown after every phase."""
        if len(self.shown) < len(self.answers):
            return float("nan")
        return 100 * forgetting(self.matrix.values)
