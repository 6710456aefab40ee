"""One phase: draw what is old, train, see what held-back samples say. Needs torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cil_nodes.learners.clare.energy import Parts
from cil_nodes.learners.clare.finishing import finished
from cil_nodes.learners.clare.judging import KEPT, Held, best_temperature
from cil_nodes.learners.clare.loss import Weighing
from cil_nodes.learners.clare.model import Model, banks_of, parts_of
from cil_nodes.learners.clare.network import Network, Shape
from cil_nodes.learners.clare.replay import Drawn, draw_old, phase_weights
from cil_nodes.learners.clare.settings import Settings
from cil_nodes.learners.clare.training import Rows, Schedule, Trainer, fresh, grown
from cil_nodes.learners.networks import running
from cil_nodes.learners.phase import Phase

Array = NDArray[Any]

APART = 0.8
"""Share of the iterations without the held-back samples; afterwards they are learned too."""

EVERY = 5
"""Every so many-th sample of a class is held back."""

MOST_DRAWN = 10_000
"""Samples drawn of one class, at most."""


@dataclass(frozen=True)
class Lesson:
    """What a phase brings.

    Attributes
    ----------
    X : (n, d) float32 array
        Prepared inputs.
    positions : (n,) int array
    counts : (C,) int array
        Samples of each class learned by all phases, with this one's.
    number : int
        Phases so far, with this one.
    seeds : SeedSequence
    """

    X: Array
    positions: Array
    counts: Array
    number: int
    seeds: np.random.SeedSequence

    @property
    def held(self) -> NDArray[np.bool_]:
        """Mask (n,) of the samples held back: every fifth of a class."""
        held = np.zeros(len(self.positions), dtype=bool)
        for position in np.unique(self.positions):
            held[np.flatnonzero(self.positions == position)[EVERY - 1 :: EVERY]] = True
        return held

    def asked(self) -> Array:
        """Return which held-back rows are looked at: at most `KEPT` of a class."""
        held = np.flatnonzero(self.held)
        rows = [np.zeros(0, dtype=np.int64)]
        for position in np.unique(self.positions[held]):
            own = held[self.positions[held] == position]
            rows.append(own[np.unique(np.linspace(0, len(own) - 1, KEPT).astype(int))])
        return np.concatenate(rows)


@dataclass(frozen=True)
class Outcome:
    """What a phase made."""

    model: Model
    calibrated: bool
    losses: tuple[float, ...]
    notes: dict[str, float | str]


def learn(old: Model | None, lesson: Lesson, settings: Settings, phase: Phase) -> Outcome:
    """Learn one phase with one network for all classes, or one for each."""
    device = running.device_of(settings.device)
    source = running.generator(lesson.seeds, device)
    rng = np.random.default_rng(lesson.seeds)
    task = _Task(old, lesson, settings, device, source, rng)
    with running.threads(settings.threads):
        way = task.one_for_each if settings.generator == "each" else task.one_for_all
        before, after, held, losses, notes = way(phase.part(0.0, 0.9))
    model = _remembered(old, before, after, held, lesson)
    phase.report(0.9, "setting the threshold")
    model, calibrated = finished(model, settings, rng)
    return Outcome(model, calibrated, losses, notes)


def _remembered(
    old: Model | None,
    before: tuple[Network, ...],
    after: tuple[Network, ...],
    held: tuple[Held, ...],
    lesson: Lesson,
) -> Model:
    """Enter what held-back samples say of the networks that have not learned them."""
    rows = lesson.asked()
    log_temperature, tempered = (old.log_temperature, old.tempered) if old else (0.0, 0)
    model = Model(after, held, log_temperature, tempered)
    if not len(rows):
        return model
    parts = parts_of(banks_of(before), lesson.X[rows])
    positions = lesson.positions[rows]
    joined = list(held)
    for position in np.unique(positions):
        own = positions == position
        joined[position] = held[position].joined(
            Held(parts.error[own, position], parts.divergence[own, position])
        )
    model = replace(model, held=tuple(joined))
    return _tempered(model, parts, positions)


def _tempered(model: Model, parts: Parts, positions: Array) -> Model:
    """Take the temperature of these samples into the mean over all."""
    if len(model.held) < 2:
        return model
    found = np.log(best_temperature(model.scale.energies(parts), positions))
    total = model.tempered + len(positions)
    mean = (model.tempered * model.log_temperature + len(positions) * found) / total
    return replace(model, log_temperature=float(mean), tempered=total)


_Learned = tuple[
    tuple[Network, ...],
    tuple[Network, ...],
    tuple[Held, ...],
    tuple[float, ...],
    dict[str, float | str],
]
"""Networks before and after they learned what was held back, old classes' memory, losses, notes."""


@dataclass(frozen=True)
class _Task:
    """One phase, with all that its parts need."""

    old: Model | None
    lesson: Lesson
    settings: Settings
    device: torch.device
    source: torch.Generator
    rng: np.random.Generator

    # ---- one network for all classes: the paper ----------------------------------------------

    def one_for_all(self, phase: Phase) -> _Learned:
        """Draw all old classes, learn them with the new ones (section 2.3)."""
        lesson, classes = self.lesson, len(self.lesson.counts)
        last = self.old.networks[0] if self.old else None
        drawn = None
        if last is not None and self.settings.drawn > 0:
            drawn = self._all_drawn(last, classes, phase.part(0.0, 0.1))
        rows, held = _together(lesson, drawn, classes, self.settings.phase_weights)
        shape = self._shape(lesson.X.shape[1], classes, len(lesson.X))
        if last is not None:
            shape = replace(last.shape, classes=classes)
        start = fresh(shape, rows.X.mean(axis=0), self.source)
        if last is not None and self.settings.init == "warm":
            start = grown(last, shape, start)
        before, after, losses = self._trained(start, shape, rows, held, phase.part(0.1, 1.0))
        memory = self.old.held if self.old else ()
        if last is not None and drawn is not None:
            memory = _moved(memory, last, before, drawn)
        memory += (Held.nothing(),) * (classes - len(memory))
        notes: dict[str, float | str] = {}
        if drawn is not None:
            notes = {"drawn": float(len(drawn.X)), "dropped": float(drawn.dropped)}
        return (before,), (after,), memory, losses, notes

    def _all_drawn(self, last: Network, classes: int, phase: Phase) -> Drawn:
        share = len(self.lesson.X) / len(np.unique(self.lesson.positions))
        count = int(np.clip(round(self.settings.drawn * share), 1, MOST_DRAWN))
        settings = self.settings
        return draw_old(
            last, count, classes, self.rng, phase, settings.filter_drawn, settings.soft_targets
        )

    # ---- one network for each class ----------------------------------------------------------

    def one_for_each(self, phase: Phase) -> _Learned:
        """Learn each class of the phase by itself; what is not in it stays as it is."""
        classes = len(self.lesson.counts)
        networks: list[Any] = list(self.old.networks) if self.old else []
        memory = self.old.held if self.old else ()
        memory += (Held.nothing(),) * (classes - len(memory))
        networks += [None] * (classes - len(networks))
        before, after = list(networks), list(networks)
        losses: list[float] = []
        taught = np.unique(self.lesson.positions)
        for number, position in enumerate(taught):
            part = phase.part(number / len(taught), (number + 1) / len(taught))
            found = self._one(int(position), networks[position], part)
            before[position], after[position] = found[:2]
            losses += found[2]
        return tuple(before), tuple(after), memory, tuple(losses), {}

    def _one(
        self, position: int, last: Network | None, phase: Phase
    ) -> tuple[Network, Network, tuple[float, ...]]:
        """Learn one class, with what its own network draws of it where it is known."""
        chosen = np.flatnonzero(self.lesson.positions == position)
        X, held = self.lesson.X[chosen], self.lesson.held[chosen]
        shape = self._shape(X.shape[1], 1, len(X))
        if last is not None:
            count = int(np.clip(self.lesson.counts[position] - len(X), 1, MOST_DRAWN))
            X = np.concatenate([X, last.draw(0, count, self.rng)])
            held = np.append(held, np.zeros(count, dtype=bool))
            shape = last.shape
        rows = Rows.hard(X, np.zeros(len(X), dtype=np.int64), 1)
        start = fresh(shape, X.mean(axis=0), self.source)
        if last is not None:
            start = running.tensors(last.weights, self.device)
        return self._trained(start, shape, rows, held, phase)

    # ---- both --------------------------------------------------------------------------------

    def _trained(
        self, start: dict[str, Any], shape: Shape, rows: Rows, held: Array, phase: Phase
    ) -> tuple[Network, Network, tuple[float, ...]]:
        """Train without what is held back, then on with all."""
        settings = self.settings
        schedule = Schedule(
            settings.iterations_for(len(rows.X)), settings.batch, settings.rate, self.device
        )
        weighing = Weighing(settings.classifier_weight, settings.divergence_weight)
        trainer = Trainer(start, shape, schedule, weighing, self.source)
        share = APART if held.any() else 1.0
        trainer.run(rows.only(~held), share, phase.part(0.0, share))
        before = trainer.network()
        if not held.any():
            return before, before, tuple(trainer.losses)
        trainer.run(rows, 1.0 - share, phase.part(share, 1.0))
        return before, trainer.network(), tuple(trainer.losses)

    def _shape(self, inputs: int, classes: int, samples: int) -> Shape:
        return self.settings.shape(inputs, classes, samples)


def _together(
    lesson: Lesson, drawn: Drawn | None, classes: int, weighed: bool
) -> tuple[Rows, NDArray[np.bool_]]:
    """Put new and drawn rows together; return the mask of those held back too."""
    rows, held = Rows.hard(lesson.X, lesson.positions, classes), lesson.held
    if drawn is None:
        return rows, held
    new, old = phase_weights(len(lesson.X), len(drawn.X), lesson.number) if weighed else (1.0, 1.0)
    whole = Rows(
        np.concatenate([rows.X, drawn.X]),
        np.concatenate([rows.positions, drawn.positions]),
        np.concatenate([rows.targets, drawn.targets]),
        np.concatenate([new * rows.weights, np.full(len(drawn.X), old)]).astype(np.float32),
    )
    return whole, np.append(held, np.zeros(len(drawn.X), dtype=bool))


def _moved(memory: tuple[Held, ...], last: Network, now: Network, drawn: Drawn) -> tuple[Held, ...]:
    """Correct old classes' memory for what another network makes of the same draws.

    Their own samples are gone; how the median error of draws changed stands in for how theirs
    changed.
    """
    moved = []
    for position, held in enumerate(memory):
        rows = drawn.X[np.flatnonzero(drawn.positions == position)[:KEPT]]
        was, is_ = (parts_of(banks_of((network,)), rows) for network in (last, now))
        moved.append(
            Held(
                np.maximum(held.errors + _shift(was.error, is_.error, position), 0.0),
                held.divergences + _shift(was.divergence, is_.divergence, position),
            )
        )
    return tuple(moved)


def _shift(was: Array, is_: Array, position: int) -> float:
    return float(np.median(is_[:, position]) - np.median(was[:, position]))
