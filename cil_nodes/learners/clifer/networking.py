"""When the dense twin is trained: between a learner that answers and torch, which trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cil_nodes.learners.clifer.answering import Prototypes
from cil_nodes.learners.clifer.dual import Pair
from cil_nodes.learners.clifer.model import Model
from cil_nodes.learners.clifer.twin import Twin
from cil_nodes.learners.ledger import Ledger
from cil_nodes.learners.networks import load_torch
from cil_nodes.learners.phase import Phase

if TYPE_CHECKING:
    from cil_nodes.learners.clifer.estimator import Clifer


def train(
    learner: Clifer,
    before: Model | None,
    pair: Pair,
    rows: np.ndarray,
    positions: np.ndarray,
    ledger: Ledger,
    phase: Phase,
) -> tuple[Twin | None, tuple[float, ...]]:
    """Train the twin on a phase's rows and on the neurons there are, if the learner wants one.

    Parameters
    ----------
    learner : Clifer
        Its parameters.
    before : Model or None
        Training goes on from its twin.
    pair : Pair
        Whose episodic neurons stand for what was learned earlier; no sample is kept.
    rows : (n, d) array
        Scaled.
    positions : (n,) int array
    ledger : Ledger
        What to draw from.
    phase : Phase

    Returns
    -------
    twin : Twin or None
    losses : tuple of float
        Reconstruction (L1) after each epoch.

    Raises
    ------
    MissingTorchError
        Where torch is not installed.
    """
    if learner.imagination != "caae":
        return None, ()
    load_torch(learner.method)
    from cil_nodes.learners.clifer import twin_training

    earlier = Prototypes.of(pair.episodic)
    residuals, means = _examples(rows, positions, earlier)
    settings = twin_training.Settings(
        _width(learner.hidden, rows.shape[1]),
        _steps(learner.iterations, len(residuals)),
        learner.device,
    )
    start = before.twin if before else None
    return twin_training.train(residuals, means, start, settings, ledger.seeds(), phase)


def _examples(
    rows: np.ndarray, positions: np.ndarray, earlier: Prototypes
) -> tuple[np.ndarray, np.ndarray]:
    """Return residuals (n, d) and the class means (n, d) around which they stand."""
    X = np.concatenate([rows, earlier.weights.astype(np.float64)])
    labels = np.concatenate([positions, earlier.labels])
    means = np.empty_like(X)
    for label in np.unique(labels):
        own = labels == label
        means[own] = X[own].mean(axis=0)
    return X - means, means


def _width(hidden: Any, dimension: int) -> int:
    """Return the width of the layers."""
    if hidden != "auto":
        return int(hidden)
    return int(np.clip(2 ** int(np.ceil(np.log2(2 * dimension))), 32, 256))


def _steps(iterations: Any, samples: int) -> int:
    """Return how many batches to train on: about five rounds, 20 to 200 batches."""
    return int(np.clip(samples // 10, 20, 200)) if iterations == "auto" else int(iterations)
