"""Puts together what answers: the unit beside the networks, and the calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cil_nodes.learners.innamp import boundaries, monitor
from cil_nodes.learners.innamp.boundaries import DistanceUnit, NoUnit, Unit
from cil_nodes.learners.innamp.calibrating import Calibration, Held, Settings, calibrate, prior
from cil_nodes.learners.innamp.exemplars import Exemplars
from cil_nodes.learners.innamp.extreme_values import ExtremeValueUnit
from cil_nodes.learners.innamp.learning import Committee
from cil_nodes.learners.innamp.model import Predictor, Statistics
from cil_nodes.learners.innamp.scaling import Scaling
from cil_nodes.learners.phase import Phase

SHADOWS = 2
"""Committees beside the one that answers, each without a fold of the samples."""

SHADOWS_OF_CLASSES = 3
"""As many where each is without a group of the classes, too."""


@dataclass(frozen=True)
class Plan:
    """How answers are made.

    Attributes
    ----------
    boundary : str
        One of `BOUNDARIES`.
    prototypes : int
        Exemplars a class that distances are taken to, at most.
    settings : Settings
    """

    boundary: str
    prototypes: int
    settings: Settings

    @property
    def by_classes(self) -> bool:
        """Whether shadows are also without some classes."""
        return self.settings.monitor == "learned"

    @property
    def shadows(self) -> int:
        """How many there are; the paper's own form needs none."""
        if self.settings.monitor == "hard" and self.boundary == "open":
            return 0
        return SHADOWS_OF_CLASSES if self.by_classes else SHADOWS


def usable(exemplars: Exemplars, number: int, plan: Plan, indices: np.ndarray) -> np.ndarray:
    """Return which exemplars (n,) shadow ``number`` may see.

    Parameters
    ----------
    exemplars : Exemplars
    number : int
    plan : Plan
    indices : (C,) array
        Number of each class, which never changes.
    """
    seen = exemplars.folds != number
    if plan.by_classes:
        seen &= indices[exemplars.owners] % plan.shadows != number
    return seen


def build(
    networks: Any,
    statistics: Statistics,
    scaling: Scaling,
    plan: Plan,
    indices: np.ndarray,
    rng: np.random.Generator,
    phase: Phase,
) -> Predictor:
    """Return what answers.

    Parameters
    ----------
    networks : Networks or Experts
        Of the committee that answers.
    statistics : Statistics
    scaling : Scaling
    plan : Plan
    indices : (C,) array
        Numbers of the classes.
    rng : Generator
    phase : Phase
    """
    exemplars = statistics.exemplars
    rows = scaling.centred(exemplars.rows)
    unit = _unit(rows, exemplars, plan)
    held = []
    for number, shadow in enumerate(statistics.shadows):
        phase.report(0.5 * number / len(statistics.shadows), "calibrating")
        seen = usable(exemplars, number, plan, indices)
        held.append(_held(shadow, rows, exemplars, seen, plan))
    calibration = _calibration(held, unit, exemplars, plan, rng, phase.part(0.5, 1.0))
    return Predictor(scaling, networks, unit, calibration, plan.settings.monitor == "hard")


def _calibration(
    held: list[Held],
    unit: Unit,
    exemplars: Exemplars,
    plan: Plan,
    rng: np.random.Generator,
    phase: Phase,
) -> Calibration:
    if not held:
        return prior(unit)
    counts = np.bincount(exemplars.owners, minlength=len(exemplars.seen))
    return calibrate(held, unit, counts, plan.settings, rng, phase)


def _unit(rows: np.ndarray, exemplars: Exemplars, plan: Plan) -> Unit:
    """Make the unit of the plan's kind, from these rows alone."""
    if plan.boundary in ("open", "shell"):
        return NoUnit(len(exemplars.seen))
    centres, counts = boundaries.centres_of(rows, exemplars, plan.prototypes)
    if plan.boundary == "rbf":
        return DistanceUnit.of(centres, counts)
    return ExtremeValueUnit.of(centres, counts, rows, exemplars.owners)


def _held(
    shadow: Committee, rows: np.ndarray, exemplars: Exemplars, seen: np.ndarray, plan: Plan
) -> Held:
    """Ask a shadow about everything that it has not seen."""
    columns = np.flatnonzero(shadow.present)
    unit = _unit(rows[seen], exemplars.chosen(seen), plan)
    asked = rows[~seen]
    logits = shadow.logits(asked, monitor.NEVER)[:, columns]
    place = np.full(len(shadow.present), -1)
    place[columns] = np.arange(len(columns))
    return Held(logits, unit.evidence(asked)[:, columns], place[exemplars.owners[~seen]])
