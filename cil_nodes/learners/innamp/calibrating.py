"""Calibration on what shadow committees never saw: probabilities, noise level, threshold.

A shadow is a committee beside the one that answers, taught the same phases without a fold of the
samples; with the learned monitor also without a group of the classes. What it says of those is
what the real one will say of new views, and of things not yet taught.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from cil_nodes.learners.calibration import ScoreMap, enough, fit_score_map
from cil_nodes.learners.innamp import monitor
from cil_nodes.learners.innamp.boundaries import Unit
from cil_nodes.learners.innamp.decision import Decision, judged_by_others, learn_decision
from cil_nodes.learners.phase import Phase

BUDGETS = ("rate", "monitor")
_STEEPNESS = (0.05, 5.0)
"""Bounds of the factor of a network's log-odds."""

_TOWARDS_PRIOR = 1e-3
_MOST_ROWS = 4000


@dataclass(frozen=True)
class Held:
    """What one shadow says of samples that it never saw.

    Attributes
    ----------
    logits : (n, C) array
        Of its networks; C are the classes that it knows.
    evidence : (n, C, k) array
        Of the unit beside them.
    owners : (n,) int array
        Column of each sample, -1 where its class was left out.
    """

    logits: np.ndarray
    evidence: np.ndarray
    owners: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """(n,) bool: of a class that the shadow was taught."""
        return self.owners >= 0

    def numbers(self) -> np.ndarray:
        """Return (n, C, 1 + k): log-odds and evidence."""
        return np.concatenate([self.logits[:, :, None], self.evidence], axis=2)


@dataclass(frozen=True)
class Calibration:
    """From what networks and units say to a score.

    Attributes
    ----------
    weights : (2 + k,) array
        Of a network's log-odds, of the unit's evidence, and of 1.
    floor : float
        Noise level, as log-odds.
    map : ScoreMap
    decision : Decision or None
        The learned layer, where there is one.
    calibrated : bool
        Whether all this rests on held-out samples, or on a prior.
    """

    weights: np.ndarray
    floor: float
    map: ScoreMap
    decision: Decision | None
    calibrated: bool

    def odds(self, logits: np.ndarray, evidence: np.ndarray) -> np.ndarray:
        """Return calibrated log-odds (n, C) that each network fires."""
        return self.weights[0] * logits + evidence @ self.weights[1:-1] + self.weights[-1]

    def novelty(self, odds: np.ndarray) -> np.ndarray:
        """Return raw novelty (n,), by the learned layer or by the soft monitor."""
        quiet = monitor.without_noise(odds, self.floor)
        return self.decision.novelty(quiet) if self.decision else monitor.novelty(quiet)


@dataclass(frozen=True)
class Settings:
    """What the user chose.

    Attributes
    ----------
    monitor : {"hard", "soft", "learned"}
    budget : {"rate", "monitor"}
    false_unknown_rate : float
    """

    monitor: str
    budget: str
    false_unknown_rate: float


def prior(unit: Unit) -> Calibration:
    """Return what holds before there is enough to calibrate on."""
    weights = np.array([1.0, *unit.prior, 0.0])
    return Calibration(weights, monitor.NEVER, ScoreMap(0.0, 1.0), None, False)


def calibrate(
    held: list[Held],
    unit: Unit,
    counts: np.ndarray,
    settings: Settings,
    rng: np.random.Generator,
    phase: Phase,
) -> Calibration:
    """Fit probabilities, noise level, decision layer and threshold.

    Parameters
    ----------
    held : list of Held
        One a shadow.
    unit : Unit
        The one that answers; its kind sets bounds and prior.
    counts : (C,) array
        Samples learned of each class.
    settings : Settings
    rng : Generator
    phase : Phase
    """
    known = sum(int(part.known.sum()) for part in held)
    if not enough(counts) or known < 5:
        return prior(unit)
    held = [_thinned(part) for part in held]
    weights = fit_weights(held, unit)
    start = Calibration(weights, monitor.NEVER, ScoreMap(0.0, 1.0), None, True)
    odds = [start.odds(part.logits, part.evidence) for part in held]
    phase.report(0.5, "calibrating")
    floor = noise_level(odds, [part.owners for part in held])
    quiet = [monitor.without_noise(part, floor) for part in odds]
    unknown = [~part.known for part in held]
    decision, judged = None, [monitor.novelty(part) for part in quiet]
    if settings.monitor == "learned" and any(part.any() for part in unknown):
        decision = learn_decision(quiet, unknown, rng, phase.part(0.5, 0.6))
        judged = judged_by_others(quiet, unknown, rng, phase.part(0.6, 1.0))
    novelty = np.concatenate([n[p.known] for n, p in zip(judged, held, strict=True)])
    rate = settings.false_unknown_rate
    if settings.budget == "monitor":
        rate = monitors_share(held, odds, novelty)
    return Calibration(weights, floor, fit_score_map(novelty, None, rate, 0.0), decision, True)


def _thinned(part: Held) -> Held:
    """Take evenly spread rows where there are very many."""
    if len(part.owners) <= _MOST_ROWS:
        return part
    rows = np.unique(np.linspace(0, len(part.owners) - 1, _MOST_ROWS).astype(int))
    return Held(part.logits[rows], part.evidence[rows], part.owners[rows])


def fit_weights(held: list[Held], unit: Unit) -> np.ndarray:
    """Fit the probability that a sample is of a class: one logistic regression for all classes.

    Only samples of known classes enter, so of C classes each has the prior with which it was
    held out, 1/C on average. Bounds keep every weight on its right side.
    """
    numbers, own = [], []
    for part in held:
        rows = part.numbers()[part.known]
        numbers.append(rows.reshape(-1, rows.shape[2]))
        own.append((part.owners[part.known][:, None] == np.arange(rows.shape[1])).ravel())
    X = np.concatenate(numbers)
    X = np.concatenate([X, np.ones((len(X), 1))], axis=1)
    target = np.concatenate(own)
    start = np.array([1.0, *unit.prior, 0.0])

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        odds = X @ weights
        away = weights - start
        value = np.logaddexp(0, np.where(target, -odds, odds)).mean()
        slope = X.T @ (expit(odds) - target) / len(X)
        return value + _TOWARDS_PRIOR * away @ away / 2, slope + _TOWARDS_PRIOR * away

    bounds = [_STEEPNESS, *unit.bounds, (None, None)]
    return minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x


def noise_level(odds: list[np.ndarray], owners: list[np.ndarray]) -> float:
    """Return the log-odds that, of all networks of other classes, one exceeds for a sample.

    At most 0, that what is more likely than not to fire is never called noise.
    """
    levels, sizes = [], []
    for part, own in zip(odds, owners, strict=True):
        rows = part[own >= 0]
        foreign = rows[own[own >= 0][:, None] != np.arange(rows.shape[1])]
        if len(foreign):
            levels.append(np.quantile(foreign, 1 - 1 / rows.shape[1]))
            sizes.append(len(foreign))
    return min(float(np.average(levels, weights=sizes)), 0.0) if levels else monitor.NEVER


def monitors_share(held: list[Held], odds: list[np.ndarray], novelty: np.ndarray) -> float:
    """Return the share of known samples that may be rejected at no loss against the hard monitor.

    Of held-out samples of known classes the hard monitor answers some rightly. The share is the
    largest that leaves at least as many right.

    Parameters
    ----------
    held : list of Held
    odds : list of (n, C) arrays
        Calibrated, of the same samples.
    novelty : (m,) array
        Of the known ones among them, in the same order.
    """
    hard, right = [], []
    for part, own_odds in zip(held, odds, strict=True):
        fires, owners = part.logits[part.known] >= 0, part.owners[part.known]
        one = monitor.hard_monitor(fires)
        hard.append(one & (fires.argmax(axis=1) == owners))
        right.append(own_odds[part.known].argmax(axis=1) == owners)
    must = int(np.concatenate(hard).sum())
    order = np.argsort(novelty, kind="stable")
    enough_kept = np.flatnonzero(np.cumsum(np.concatenate(right)[order]) >= must)
    kept = int(enough_kept[0]) + 1 if len(enough_kept) else len(order)
    return 1.0 - kept / len(order)
