"""A learner in forty lines: the nearest class mean (shown in docs/adding-a-learner.md)."""

from __future__ import annotations

import numpy as np

from cil_nodes.learners.base import IncrementalLearner, Learned, Reason, Scores, UnknownReason


class NearestMean(IncrementalLearner):
    """Nearest class mean.

    Parameters
    ----------
    sharpness : float in [0, 100]
        How fast probability falls with distance.
    random_state : int
        Unused: nothing here is random.
    """

    method = "nearest_mean"
    joins_exactly = True

    def __init__(self, sharpness=1.0, random_state=0):
        self.sharpness = sharpness
        self.random_state = random_state

    def _learn(self, known, ledger, X, positions, phase):
        sums = np.zeros((len(ledger.classes), X.shape[1]))
        if known is not None:
            sums[: len(known.model)] = known.model
        np.add.at(sums, positions, X)
        phase.report(1.0, "fitting")
        return Learned(sums, threshold=0.9, calibrated=False)

    def _score(self, known, X):
        means = known.model / known.ledger.counts[:, None]
        squares = ((X[:, None, :] - means) ** 2).sum(axis=2)
        nearest = squares.min(axis=1, keepdims=True)
        proba = np.exp(-self.sharpness * (squares - nearest))
        proba /= proba.sum(axis=1, keepdims=True)
        unknown = 1.0 - np.exp(-nearest[:, 0])
        reason = UnknownReason(Reason.NOVELTY)
        return Scores(proba, unknown, lambda: [reason] * len(X))

    def _forget(self, known, ledger, position, X):
        return Learned(np.delete(known.model, position, axis=0), 0.9, False)

    def _pack(self, model, statistics):
        return {"sums": model}, {}

    def _unpack(self, tensors, values, ledger):
        return tensors["sums"]
