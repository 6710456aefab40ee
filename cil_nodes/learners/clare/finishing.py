"""The last step of a phase, and of forgetting: lay the threshold for unknowns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cil_nodes.learners.clare.judging import novelty_of_others, score_map
from cil_nodes.learners.clare.model import Model
from cil_nodes.learners.clare.settings import Settings

STRANGERS = 256
"""Draws, of all classes together, that stand in for things that were never taught."""


def finished(model: Model, settings: Settings, rng: np.random.Generator) -> tuple[Model, bool]:
    """Lay the threshold; return also whether it is calibrated."""
    strangers = _strangers(model, rng) if settings.generator == "each" else None
    found, calibrated = score_map(model.held, model.scale, strangers, settings.false_unknown_rate)
    return replace(model, map=found), calibrated


def _strangers(model: Model, rng: np.random.Generator) -> NDArray[Any] | None:
    """Draw every class and see how new it is to the others: none of them ever saw it."""
    classes = len(model.networks)
    if classes < 3:
        return None
    each = max(1, STRANGERS // classes)
    X = np.concatenate([network.draw(0, each, rng) for network in model.networks])
    novelty = model.scale.novelty(model.energies(X))
    return novelty_of_others(novelty, np.repeat(np.arange(classes), each))
