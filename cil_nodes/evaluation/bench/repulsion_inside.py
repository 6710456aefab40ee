"""The look inside that the paper owes: what repulsion does to classes that compete."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from cil_nodes.evaluation.protocols import Labelled
from cil_nodes.learners.repulsion_replay import RepulsionReplay, answering
from cil_nodes.learners.repulsion_replay.model import Model

DRAWN = 20
"""Samples drawn of each class."""

FACTOR = 20.0
"""f at which competitors are counted, whatever the learner's own."""


def inside(learner: RepulsionReplay, train: Labelled, shown: Labelled) -> dict[str, float]:
    """Say how far competing classes lie apart in a learner, and what its replay is worth.

    A class competes with the one whose mean feature vector is nearest: by the training features,
    so that the pairs are the same for every learner in one order.

    Returns
    -------
    dict
        ``hidden_apart``, ``generated_apart``: distance between the means of competing classes in
        the last hidden layer, and in x', over the mean distance between all classes' means;
        ``kept_class``: percent of drawn samples that the softmax gives the class they were drawn
        for; ``competitors``: their mean number at f = 20.
    """
    model: Model = learner.state_.model
    classes = learner.classes_.tolist()
    rival = nearest(np.stack([train.of([name]).features.mean(axis=0) for name in classes]))
    x = [model.scaling(shown.of([name]).features) for name in classes]
    return {
        "hidden_apart": apart(means(x, lambda rows: answering.encoded(model, rows)), rival),
        "generated_apart": apart(
            means(x, lambda rows: answering.reconstructed(model, rows)), rival
        ),
        **_replay(model),
    }


def nearest(rows: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return for each row (C, d) which other one is nearest."""
    squares = _squares(rows)
    np.fill_diagonal(squares, np.inf)
    return np.argmin(squares, axis=1)


def means(
    x: list[NDArray[np.float64]], view: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return the mean (C, m) of what a view makes of each class's samples."""
    return np.stack([view(rows).mean(axis=0) for rows in x])


def apart(rows: NDArray[np.float64], rival: NDArray[np.int64]) -> float:
    """Return the mean distance of rows (C, m) to their rivals, over that of all pairs."""
    distances = np.sqrt(np.maximum(_squares(rows), 0.0))
    every = distances[~np.eye(len(rows), dtype=bool)].mean()
    return float(distances[np.arange(len(rows)), rival].mean() / every)


def _squares(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    exact = np.asarray(rows, dtype=np.float64)
    lengths = np.square(exact).sum(axis=1)
    return lengths[:, None] + lengths - 2 * exact @ exact.T


def _replay(model: Model) -> dict[str, float]:
    """Draw samples of every class, and ask the classifier about them."""
    own = np.repeat(np.arange(model.classes), DRAWN)
    drawn = answering.drawn(model, own, np.random.default_rng(0))
    proba = softmax(answering.logits(model, drawn), axis=1)
    top = proba.max(axis=1, keepdims=True)
    return {
        "kept_class": float(100 * np.mean(proba.argmax(axis=1) == own)),
        "competitors": float(np.mean((proba > top / FACTOR).sum(axis=1) - 1)),
    }
