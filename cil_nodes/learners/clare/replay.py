"""Draws the old classes from the frozen network before a phase is learned (section 2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from cil_nodes.learners.clare.network import Network
from cil_nodes.learners.phase import Phase

Array = NDArray[Any]


@dataclass(frozen=True)
class Drawn:
    """Samples of old classes.

    Attributes
    ----------
    X : (n, d) float32 array
    positions : (n,) int array
        Class that each was drawn for.
    targets : (n, C) float32 array
        What D_C shall answer, over old and new classes.
    dropped : int
        Draws that the old D_C took for another class.
    """

    X: Array
    positions: Array
    targets: Array
    dropped: int = 0


def draw_old(
    old: Network,
    count: int,
    classes: int,
    rng: np.random.Generator,
    phase: Phase,
    filtered: bool = False,
    temperature: float = 0.0,
) -> Drawn:
    """Draw as many samples of every class of the old network.

    Parameters
    ----------
    old : Network
        Last phase's; it is not trained any more.
    count : int
        Samples a class.
    classes : int
        C, with the new ones.
    rng : Generator
        Of the draws.
    phase : Phase
        Asked between classes.
    filtered : bool
        Leave out what the old D_C takes for another class than it was drawn for. A class of which
        nothing would be left keeps all.
    temperature : float
        Above 0: targets are the old D_C's probabilities at it instead of the class drawn for.
    """
    parts, labels, dropped = [], [], 0
    for position in range(old.shape.classes):
        X = old.draw(position, count, rng)
        phase.report(position / old.shape.classes, "drawing old classes")
        if filtered:
            agreed = old.logits(X).argmax(axis=1) == position
            dropped += int(np.sum(~agreed)) if agreed.any() else 0
            X = X[agreed] if agreed.any() else X
        parts.append(X)
        labels.append(np.full(len(X), position))
    X, positions = np.concatenate(parts), np.concatenate(labels)
    return Drawn(X, positions, _targets(old, X, positions, classes, temperature), dropped)


def _targets(
    old: Network, X: Array, positions: Array, classes: int, temperature: float
) -> NDArray[np.float32]:
    """Return one-hot classes, or softened answers that give the new classes nothing."""
    targets = np.zeros((len(X), classes), np.float32)
    if temperature > 0 and old.shape.classes > 1:
        targets[:, : old.shape.classes] = softmax(old.logits(X) / temperature, axis=1)
    else:
        targets[np.arange(len(X)), positions] = 1.0
    return targets


def phase_weights(new: int, drawn: int, lesson: int) -> tuple[float, float]:
    """Return the weight of a new and of a drawn row: in sum 1/lesson and 1 - 1/lesson.

    The mean weight over all rows is 1.
    """
    if not drawn or lesson < 2:
        return 1.0, 1.0
    rows = new + drawn
    return rows / (lesson * new), rows * (1.0 - 1.0 / lesson) / drawn
