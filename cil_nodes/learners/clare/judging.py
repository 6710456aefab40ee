"""From energies to answers: scale of each class, novelty, threshold. Nothing of it is in the paper.

A class's energy is error / (2 variance) + d log(deviation) + divergence. Variance, middle and
spread of each class come from held-back samples; of each at most `KEPT` pairs of numbers are
remembered, never a sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from cil_nodes.learners.calibration import LEAST_CLASSES, LEAST_SAMPLES, ScoreMap, fit_score_map
from cil_nodes.learners.clare.energy import Parts

Array = NDArray[Any]

KEPT = 64
"""Held-back samples of a class whose energies are remembered."""

PRIOR_NOISE = 0.25
"""Variance of an input around its reconstruction while nothing was held back; of inputs about 1."""

PRIOR_CROSS_ENTROPY = 0.15
"""The same for Bernoulli inputs: nats an input."""

POOLED = 8.0
"""How many samples of its own a class needs to count as much as all classes together."""

PUSH = 0.55
"""How far the threshold moves towards classes left out, as in `fit_score_map`; ORACIL's value."""

ROOM = 1.0
"""Spreads beyond the held-back limit where the threshold lies while it is not calibrated."""

TEMPERATURES = np.geomspace(1.0, 1000.0, 31)


@dataclass(frozen=True)
class Held:
    """What is remembered of a class's held-back samples.

    Attributes
    ----------
    errors, divergences : (m,) arrays, m at most `KEPT`
        The two parts of Eq. 2 under their own class.
    """

    errors: Array
    divergences: Array

    @classmethod
    def nothing(cls) -> Held:
        """Return that of a class of which nothing was held back."""
        return cls(np.zeros(0), np.zeros(0))

    def joined(self, more: Held) -> Held:
        """Add newer ones; the memory stays bounded, by leaving out evenly."""
        errors = np.concatenate([self.errors, more.errors])
        divergences = np.concatenate([self.divergences, more.divergences])
        rows = np.unique(np.linspace(0, max(len(errors) - 1, 0), KEPT).astype(int))
        rows = rows[: len(errors)]
        return Held(errors[rows], divergences[rows])


@dataclass(frozen=True)
class Scale:
    """What makes the energies of different classes comparable.

    Attributes
    ----------
    variance : (C,) array
        Of an input around its reconstruction; 1/2 where inputs are Bernoulli, which leaves the
        error as it is.
    offset : (C,) array
        Added to the energy: the deviation's share of the log-likelihood.
    middle, spread : (C,) arrays
        Of the energy of a class's own samples.
    """

    variance: Array
    offset: Array
    middle: Array
    spread: Array

    def energies(self, parts: Parts) -> Array:
        """Return energies (n, C)."""
        return parts.error / (2.0 * self.variance) + self.offset + parts.divergence

    def novelty(self, energies: Array) -> Array:
        """Return how far each energy (n, C) lies above its class's middle, in spreads."""
        return (energies - self.middle) / self.spread


def scale_of(held: Sequence[Held], inputs: int, bernoulli: bool) -> Scale:
    """Work out the classes' scale, drawn towards all classes' where samples are few."""
    errors = [own.errors for own in held]
    if bernoulli:
        variance, offset = np.full(len(held), 0.5), np.zeros(len(held))
        expected = PRIOR_CROSS_ENTROPY * inputs
    else:
        variance = _variances(errors, inputs)
        offset = 0.5 * inputs * np.log(variance)
        expected = 0.5 * inputs
    own = [
        error / (2.0 * v) + o + one.divergences
        for error, one, v, o in zip(errors, held, variance, offset, strict=True)
    ]
    middles = [np.median(e) - o if len(e) else 0.0 for e, o in zip(own, offset, strict=True)]
    middle = _drawn_together(middles, errors, expected) + offset
    spreads = [_spread(e) if len(e) else 0.0 for e in own]
    spread = _drawn_together(spreads, errors, 0.25 * expected)
    return Scale(variance, offset, middle, np.maximum(spread, 1e-3 * expected))


def _variances(errors: Sequence[Array], inputs: int) -> Array:
    means = [float(e.mean()) / inputs if len(e) else 0.0 for e in errors]
    return np.maximum(_drawn_together(means, errors, PRIOR_NOISE), 1e-4)


def _drawn_together(values: Sequence[Any], errors: Sequence[Array], prior: float) -> Array:
    """Return a figure of each class, weighed with the mean of all, and that with a prior."""
    counts = np.array([len(e) for e in errors], dtype=float)
    figures = np.array(values, dtype=float)
    together = (counts @ figures + prior) / (counts.sum() + 1.0)
    return (counts * figures + POOLED * together) / (counts + POOLED)


def _spread(energies: Array) -> float:
    """Return the distance from the median to where 84 % lie below: one deviation upwards."""
    return float(np.quantile(energies, 0.84) - np.median(energies))


def score_map(
    held: Sequence[Held], scale: Scale, strangers: Array | None, false_unknown_rate: float
) -> tuple[ScoreMap, bool]:
    """Lay the threshold on held-back samples.

    Parameters
    ----------
    held : sequence of Held
    scale : Scale
    strangers : (m,) array or None
        Novelty of samples under all classes but their own.
    false_unknown_rate : float
        At most this share of held-back samples may lie above.

    Returns
    -------
    map : ScoreMap
    calibrated : bool
        False where fewer than 3 classes or 5 samples were held back, and the prior holds: `ROOM`
        beyond what was held back.
    """
    known = np.concatenate([_own_novelty(held, scale), np.zeros(0)])
    usable = sum(len(own.errors) > 0 for own in held)
    if usable >= LEAST_CLASSES and len(known) >= LEAST_SAMPLES:
        return fit_score_map(known, strangers, false_unknown_rate, PUSH), True
    limit = max(float(np.quantile(known, 1.0 - false_unknown_rate)), 0.0) if len(known) else 0.0
    return ScoreMap(limit + ROOM, (limit + ROOM) / 3.0), False


def _own_novelty(held: Sequence[Held], scale: Scale) -> Array:
    rows = [np.zeros(0)]
    for position, own in enumerate(held):
        energy = own.errors / (2.0 * scale.variance[position]) + scale.offset[position]
        middle, spread = scale.middle[position], scale.spread[position]
        rows.append((energy + own.divergences - middle) / spread)
    return np.concatenate(rows)


def novelty_of_others(novelty: Array, positions: Array) -> Array:
    """Return the least novelty (n,) under all classes but the own one, from novelty (n, C)."""
    others = novelty.copy()
    others[np.arange(len(others)), positions] = np.inf
    return others.min(axis=1)


def best_temperature(energies: Array, positions: Array) -> float:
    """Return the temperature at which energies (n, C) give the truth the most probability."""
    rows = np.arange(len(positions))
    losses = [-log_softmax(-energies / t, axis=1)[rows, positions].mean() for t in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])
