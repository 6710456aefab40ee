"""What happens in a lesson: learn beside the present state, measure, hand over for the swap.

The trainer keeps one *standing* state. Of a learner that joins exactly it keeps two estimators: an
honest one that never saw the held-out samples and measures, and a full one that knows all and
answers. Of any other learner the honest one answers. It runs in the session's own thread or in a
worker process; nothing here knows which.
"""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cil_nodes.learners import registry
from cil_nodes.learners.base import IncrementalLearner, StopRequest
from cil_nodes.teaching.content import Recipe
from cil_nodes.teaching.records import NAN

StageProgress = Callable[[str, float, str], None]
"""``progress(stage, fraction, message)``: fraction of this stage in [0, 1]."""

MEASURED_PER_CLASS = 10
"""So many held-out samples of a class are measured at most, the newest: validation stays short."""


def learner_class(method: str) -> type[IncrementalLearner]:
    """Return the class of a method: a registered name, or ``package.module:Class``.

    Raises
    ------
    ValueError
        If there is none, with close matches.
    """
    if ":" in method and method not in registry.available():
        module, _, name = method.partition(":")
        registry.register(method, getattr(importlib.import_module(module), name))
    return registry.learner_class(method)


def make_learner(recipe: Recipe) -> IncrementalLearner:
    """Return an untaught learner.

    Raises
    ------
    ValueError
        If the method or one of its parameters is not known.
    """
    learner_class(recipe.method)
    return registry.create(recipe.method, **{"random_state": recipe.seed, **recipe.parameters})


@dataclass(frozen=True)
class Batch:
    """The samples of one lesson.

    Attributes
    ----------
    X : numpy.ndarray
        (n, d) float32.
    labels : sequence of str
        n names, as the learner calls the classes.
    held_out : numpy.ndarray
        (n,) bool: not to be learned by the honest model.
    """

    X: np.ndarray
    labels: Sequence[str]
    held_out: np.ndarray


@dataclass(frozen=True)
class Measured:
    """How a new model does on held-out samples; NaN where there were none.

    ``old_samples`` is the number of held-out samples of old classes that were measured;
    ``recall`` is by class name.
    """

    accuracy_before: float = NAN
    accuracy_after: float = NAN
    new_class_accuracy: float = NAN
    accuracy: float = NAN
    old_samples: int = 0
    recall: Mapping[str, float] = field(default_factory=dict)
    memory_bytes: int = 0


@dataclass(frozen=True)
class _Standing:
    """Everything that later lessons build on; never changed, only replaced."""

    full: IncrementalLearner | None = None
    honest: IncrementalLearner | None = None
    held_features: np.ndarray | None = None
    held_labels: tuple[str, ...] = ()


class Trainer:
    """Learns lessons one after the other, each on a copy that is kept only when asked.

    Attributes
    ----------
    state_id : str
        Identity of the standing state, as the session names it; empty at the start.
    """

    def __init__(self) -> None:
        self.state_id = ""
        self._recipe = Recipe("")
        self._standing = _Standing()
        self._candidate: _Standing | None = None

    def reset(self, recipe: Recipe, base: str, state_id: str) -> None:
        """Begin anew: from nothing, or from a model file."""
        learner_class(recipe.method)
        self._recipe = recipe
        model = registry.load(base) if base else None
        self._standing, self._candidate = _Standing(model, model), None
        self.state_id = state_id

    def replay(
        self,
        batch: Batch,
        tuning: Mapping[str, float] | None,
        state_id: str,
        should_stop: StopRequest | None = None,
    ) -> None:
        """Learn a lesson of the past as it happened, without measuring."""
        standing = self._learn(batch, _no_progress, should_stop)
        if tuning:
            standing = _tuned(standing, tuning)
        self._standing, self._candidate = standing, None
        self.state_id = state_id

    def learn(
        self,
        batch: Batch,
        snapshot: Path,
        progress: StageProgress,
        should_stop: StopRequest | None = None,
    ) -> Measured:
        """Learn a new lesson on a copy, measure it and write what prediction needs to a file.

        Raises
        ------
        cil_nodes.learners.PhaseStopped
            If ``should_stop`` said so; the standing state is as before.
        """
        candidate = self._learn(batch, progress, should_stop)
        progress("validating", 0.0, "measuring on held-out samples")
        measured = _measure(self._standing, candidate)
        assert candidate.full is not None
        candidate.full.save(snapshot, statistics=False)
        progress("validating", 1.0, "measured")
        self._candidate = candidate
        return measured

    def commit(self, state_id: str) -> None:
        """Keep the last lesson or tuning; the standing state is now this one."""
        if self._candidate is not None:
            self._standing, self._candidate = self._candidate, None
        self.state_id = state_id

    def discard(self) -> None:
        """Drop the last lesson or tuning."""
        self._candidate = None

    def consolidate(
        self, progress: StageProgress, should_stop: StopRequest | None = None
    ) -> dict[str, float]:
        """Do the learner's idle work on a copy; return the values it tuned, often none."""
        if self._standing.full is None or not self._standing.full.can_learn:
            return {}
        full = copy.copy(self._standing.full)
        values = full.consolidate(lambda done, text: progress("tuning", done, text), should_stop)
        if values:
            honest = self._standing.honest
            same = honest is None or honest is self._standing.full
            self._candidate = replace(
                self._standing, full=full, honest=full if same else _apply(honest, values)
            )
        return {name: float(value) for name, value in values.items()}

    def export(self, path: Path, statistics: bool) -> None:
        """Write the standing model to a file; with statistics, others can learn on from it."""
        if self._standing.full is None:
            raise ValueError("There is nothing to save before the first lesson.")
        self._standing.full.save(path, statistics=statistics)

    def _learn(
        self, batch: Batch, progress: StageProgress, should_stop: StopRequest | None
    ) -> _Standing:
        old = self._standing
        split = bool(batch.held_out.any()) or old.honest is not old.full
        exact = learner_class(self._recipe.method).joins_exactly
        two = split and exact
        seen = ~batch.held_out
        honest = self._next(old.honest, batch, seen, progress, should_stop, 0.5 if two else 1.0)
        full = honest
        if two:
            everything = np.ones(len(seen), dtype=bool)

            def second_half(stage: str, done: float, text: str) -> None:
                progress(stage, 0.5 + 0.5 * done, text)

            full = self._next(old.full, batch, everything, second_half, should_stop, 1.0)
        return _Standing(full, honest, *_held(old, batch))

    def _next(
        self,
        model: IncrementalLearner | None,
        batch: Batch,
        chosen: np.ndarray,
        progress: StageProgress,
        should_stop: StopRequest | None,
        share: float,
    ) -> IncrementalLearner | None:
        """Return ``model`` after the chosen samples; ``model`` itself stays as it is."""
        if not chosen.any():
            return model
        # A learner never changes its state in place: a shallow copy is a branch of its own.
        branch = make_learner(self._recipe) if model is None else copy.copy(model)
        labels = np.array(batch.labels, dtype=object)[chosen]
        branch.learn_phase(
            batch.X[chosen],
            labels,
            lambda done, text: progress("fitting", share * done, text),
            should_stop,
        )
        return branch


def _no_progress(stage: str, fraction: float, message: str) -> None:
    """Nobody watches."""


def _apply(model: IncrementalLearner | None, values: Mapping[str, float]) -> Any:
    branch = copy.copy(model)
    if branch is not None:
        branch.apply_tuning(dict(values))
    return branch


def _tuned(standing: _Standing, values: Mapping[str, float]) -> _Standing:
    full = _apply(standing.full, values)
    same = standing.honest is standing.full
    return replace(standing, full=full, honest=full if same else _apply(standing.honest, values))


def _held(old: _Standing, batch: Batch) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return the held-out samples, the newest few of each class."""
    fresh = batch.X[batch.held_out]
    if not len(fresh):
        return old.held_features, old.held_labels
    X = fresh if old.held_features is None else np.concatenate([old.held_features, fresh])
    new = (label for label, out in zip(batch.labels, batch.held_out, strict=True) if out)
    y = [*old.held_labels, *new]
    seen: dict[str, int] = {}
    kept = []
    for position in reversed(range(len(y))):
        seen[y[position]] = seen.get(y[position], 0) + 1
        if seen[y[position]] <= MEASURED_PER_CLASS:
            kept.append(position)
    kept.reverse()
    return X[kept], tuple(y[position] for position in kept)


def _measure(before: _Standing, after: _Standing) -> Measured:
    assert after.full is not None
    memory = sum(
        m.memory_bytes() for m in {id(m): m for m in (after.full, after.honest) if m}.values()
    )
    if after.held_features is None or after.honest is None:
        return Measured(memory_bytes=memory)
    truth = np.array(after.held_labels, dtype=object)
    known = set(before.honest.classes_.tolist()) if before.honest is not None else set()
    old = np.array([label in known for label in after.held_labels])
    right = after.honest.predict(after.held_features) == truth
    was_right = np.zeros(0, dtype=bool)
    if before.honest is not None and old.any():
        was_right = before.honest.predict(after.held_features[old]) == truth[old]
    recall = {label: _mean(right[truth == label]) for label in dict.fromkeys(after.held_labels)}
    return Measured(
        accuracy_before=_mean(was_right),
        accuracy_after=_mean(right[old]),
        new_class_accuracy=_mean(right[~old]),
        accuracy=_mean(right),
        old_samples=int(old.sum()),
        recall=recall,
        memory_bytes=memory,
    )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else NAN
