"""A learner small enough to be obviously right: the nearest class mean."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass

import numpy as np

from cil_nodes.learners.base import IncrementalLearner, Learned, Reason, Scores, UnknownReason

METHOD = "tests.teaching.tiny:Tiny"
INEXACT = "tests.teaching.tiny:Inexact"


@dataclass(frozen=True)
class Means:
    sums: np.ndarray
    counts: np.ndarray


class Tiny(IncrementalLearner):
    """Nearest class mean.

    Parameters
    ----------
    slow : float
        Seconds that a phase takes, asking whether to stop.
    trouble : {"none", "kill", "memory", "diverge", "bug", "spoil", "deaf"}
        What goes wrong in every phase that brings the class "trouble"; uses memory.
    random_state : int
        Unused.
    """

    method = METHOD
    joins_exactly = True

    def __init__(self, slow=0.0, trouble="none", random_state=0):
        self.slow = slow
        self.trouble = trouble
        self.random_state = random_state

    def _learn(self, known, ledger, X, positions, phase):
        began = time.monotonic()
        while time.monotonic() - began < self.slow:
            phase.report((time.monotonic() - began) / self.slow, "waiting")
            time.sleep(0.01)
        sums = np.zeros((len(ledger.classes), X.shape[1]))
        counts = np.zeros(len(ledger.classes))
        if known is not None:
            sums[: len(known.model.sums)] = known.model.sums
            counts[: len(known.model.counts)] = known.model.counts
        if "trouble" in ledger.classes[positions].tolist():
            self._make_trouble(sums)
        np.add.at(sums, positions, X.astype(np.float64))
        np.add.at(counts, positions, 1)
        return Learned(Means(sums, counts), 0.5, len(ledger.classes) >= 3)

    def _make_trouble(self, sums):
        if self.trouble == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.trouble == "memory":
            raise MemoryError("no room")
        if self.trouble == "diverge":
            raise np.linalg.LinAlgError("singular")
        if self.trouble == "bug":
            raise KeyError("oops")
        if self.trouble == "spoil":
            sums[:] = sums[::-1] + 1e9
        if self.trouble == "deaf":
            time.sleep(60)

    def _score(self, known, X):
        means = known.model.sums / known.model.counts[:, None]
        distances = np.linalg.norm(X[:, None, :] - means[None], axis=2)
        weights = np.exp(-(distances - distances.min(axis=1, keepdims=True)))
        far = 1 - np.exp(-distances.min(axis=1) / 4)
        reasons = [UnknownReason(Reason.NOVELTY, novelty=value) for value in far]
        return Scores(weights / weights.sum(axis=1, keepdims=True), far, lambda: reasons)

    def _forget(self, known, ledger, position, X):
        model = known.model
        left = Means(np.delete(model.sums, position, 0), np.delete(model.counts, position))
        return Learned(left, known.threshold, known.calibrated)

    def _pack(self, model, statistics):
        return {"sums": model.sums, "counts": model.counts}, {}

    def _unpack(self, tensors, values, ledger):
        return Means(tensors["sums"], tensors["counts"])


class Inexact(Tiny):
    """The same, but the session must not assume that joining is exact; and it has a tuning."""

    method = INEXACT
    joins_exactly = False
