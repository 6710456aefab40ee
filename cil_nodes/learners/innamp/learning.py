"""Algorithm 1: adding and updating classes; old networks learn again only where they must."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cil_nodes.learners.phase import Phase


@dataclass(frozen=True)
class Committee:
    """One network a class.

    Attributes
    ----------
    networks : Networks or Experts
        C of them; those of absent classes are untrained.
    present : (C,) bool array
        Classes that this committee knows.
    """

    networks: Any
    present: np.ndarray

    def logits(self, X: np.ndarray, absent: float) -> np.ndarray:
        """Return log-odds (n, C) for scaled rows X (n, d); ``absent`` where it knows nothing."""
        return np.where(self.present, self.networks.logits(X), absent)

    def without(self, column: int) -> Committee:
        """Remove a class: its network goes, the others stay as they are."""
        left = np.arange(len(self.present)) != column
        return Committee(self.networks.chosen(left), self.present[left])


@dataclass(frozen=True)
class Lesson:
    """What a committee may learn from.

    Attributes
    ----------
    rows : (n, d) float32 array
        Old and new samples, scaled.
    owners : (n,) int array
        Their columns; -1 for what belongs to nobody.
    fresh : (n,) bool array
        Which are of this phase.
    classes : int
        Columns after the phase.
    """

    rows: np.ndarray
    owners: np.ndarray
    fresh: np.ndarray
    classes: int

    def part(self, usable: np.ndarray) -> Lesson:
        """Return the lesson without what must stay unseen."""
        return replace(
            self, rows=self.rows[usable], owners=self.owners[usable], fresh=self.fresh[usable]
        )

    def surrounded(self, rows: np.ndarray) -> Lesson:
        """Append rows that belong to nobody."""
        if not len(rows):
            return self
        nobody = np.full(len(rows), -1, np.int64)
        return replace(
            self,
            rows=np.concatenate([self.rows, rows]),
            owners=np.concatenate([self.owners, nobody]),
            fresh=np.concatenate([self.fresh, np.zeros(len(rows), bool)]),
        )


@dataclass(frozen=True)
class Outcome:
    """What teaching a committee took.

    Attributes
    ----------
    old, retrained : int
        Networks that were there, and those of them that learned again.
    losses : (passes,) array
        Of the new ones.
    """

    old: int
    retrained: int
    losses: np.ndarray


def teach(
    before: Committee,
    lesson: Lesson,
    maker: Any,
    retrain_share: float,
    seeds: Callable[[int], np.random.SeedSequence],
    phase: Phase,
) -> tuple[Committee, Outcome]:
    """Teach a committee one phase (Algorithm 1).

    Parameters
    ----------
    before : Committee
        Its classes are the first columns of the lesson.
    lesson : Lesson
    maker : PerceptronMaker or ExpertMaker
    retrain_share : float
        An old network learns again where it claims a larger share of the new samples than this;
        0 means one sample is enough.
    seeds : callable
        Returns the seed for a column's network; -1 is that of the order of rows.
    phase : Phase
    """
    committee = _widened(before, lesson.classes, maker, seeds)
    own = lesson.owners[:, None] == np.arange(lesson.classes)
    new = own.any(axis=0) & ~committee.present
    again = _must_learn_again(committee, lesson, own, retrain_share)
    rng = np.random.default_rng(seeds(-1))
    networks, losses = committee.networks, np.zeros(0)
    for columns, repeated in ((np.flatnonzero(new), False), (np.flatnonzero(again), True)):
        if not len(columns):
            continue
        trained, curve = maker.train(
            networks.chosen(columns),
            lesson.rows,
            own[:, columns],
            repeated,
            rng,
            phase.part(0.5, 1.0) if repeated else phase.part(0.0, 0.5),
        )
        networks = networks.replaced(columns, trained)
        losses = curve if not repeated else losses
    outcome = Outcome(int(committee.present.sum()), int(again.sum()), losses)
    return Committee(networks, committee.present | new), outcome


def _widened(
    before: Committee, classes: int, maker: Any, seeds: Callable[[int], np.random.SeedSequence]
) -> Committee:
    """Append untrained networks for classes met for the first time."""
    first = len(before.present)
    drawn = maker.drawn([seeds(column) for column in range(first, classes)])
    present = np.pad(before.present, (0, classes - first))
    return Committee(before.networks.joined(drawn), present)


def _must_learn_again(
    committee: Committee, lesson: Lesson, own: np.ndarray, retrain_share: float
) -> np.ndarray:
    """Return which old networks (C,) claim new samples of others, or have new ones of their own."""
    rows, mine = lesson.rows[lesson.fresh], own[lesson.fresh]
    if not len(rows):
        return np.zeros(lesson.classes, bool)
    fires = (committee.networks.logits(rows) >= 0) & ~mine
    return committee.present & ((fires.mean(axis=0) > retrain_share) | mine.any(axis=0))
