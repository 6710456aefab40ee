"""What happens in a lesson: learn beside the present state, measure, hand over for the swap.

The trainer keeps one *standing* state. Of a learner that joins exactly it keeps two estimators: an
honest one that never saw the held-out samples and measures, and a full one that knows all and
answers. Of any other learner the honest one answers. It runs in the session's own thread or in a
worker process; nothing here knows which.
"""

from __future__ import annotations

import copy
import importlib
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cil_nodes.learners import registry
from cil_nodes.learners.base import IncrementalLearner, StopRequest
from cil_nodes.learners.merging import merge
from cil_nodes.teaching.content import Recipe
from cil_nodes.teaching.validation import HeldOut, Measured

HERE = "this session"
"""Origin of what a session teaches, inside; its files carry the journal's own name instead."""

StageProgress = Callable[[str, float, str], None]
"""``progress(stage, fraction, message)``: fraction of this stage in [0, 1]."""


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


def differing(recipe: Recipe, other: Recipe) -> Recipe:
    """Return a recipe with just the parameters in which it differs from another.

    Defaults that one recipe spells out and the other leaves out make no difference.
    """
    if recipe.method != other.method:
        return recipe
    mine, theirs = (make_learner(one).get_params(deep=False) for one in (recipe, other))
    names = sorted(set(mine) - {"random_state"})
    return replace(recipe, parameters={n: mine[n] for n in names if mine[n] != theirs[n]})


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
class Merged:
    """What merging a model file brought.

    Attributes
    ----------
    changed : bool
        False where all of it was known already.
    counts : mapping
        Samples of each class that are known now, by the learner's own names.
    measured : Measured
    """

    changed: bool
    counts: Mapping[str, int]
    measured: Measured


@dataclass(frozen=True)
class _Standing:
    """Everything that later lessons build on; never changed, only replaced."""

    full: IncrementalLearner | None = None
    honest: IncrementalLearner | None = None
    held_out: HeldOut = field(default_factory=HeldOut)


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
        model = _here(registry.load(base)) if base else None
        self._standing, self._candidate = _Standing(model, model), None
        self.state_id = state_id

    def replay(
        self,
        batch: Batch,
        tuning: Mapping[str, float] | None,
        state_id: str,
        should_stop: StopRequest | None = None,
        progress: StageProgress | None = None,
    ) -> None:
        """Learn a lesson of the past as it happened, without measuring."""
        standing = self._learn(batch, progress or _no_progress, should_stop)
        if tuning:
            standing = _tuned(standing, tuning)
        standing = replace(standing, held_out=standing.held_out.unmeasured())
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
        assert candidate.full is not None
        measured, held_out = candidate.held_out.measure(self._standing.honest, candidate.honest)
        measured = replace(measured, memory_bytes=candidate.full.memory_bytes())
        candidate.full.save(snapshot, statistics=False)
        progress("validating", 1.0, "measured")
        self._candidate = replace(candidate, held_out=held_out)
        return measured

    def merge(self, model: Path, snapshot: Path, should_stop: StopRequest | None = None) -> Merged:
        """Add what a model file knows on a copy, measure it and write what prediction needs.

        Raises
        ------
        cil_nodes.learners.CannotMergeError
            If the two do not fit together.
        """
        old = self._standing
        candidate = self._merged(model, should_stop)
        assert candidate.full is not None
        counts = dict(
            zip(candidate.full.classes_.tolist(), candidate.full.class_count_.tolist(), strict=True)
        )
        if old.full is not None and candidate.full.state_ is old.full.state_:
            return Merged(False, counts, Measured())
        measured, held_out = candidate.held_out.measure(old.honest, candidate.honest)
        measured = replace(measured, memory_bytes=candidate.full.memory_bytes())
        candidate.full.save(snapshot, statistics=False)
        self._candidate = replace(candidate, held_out=held_out)
        return Merged(True, counts, measured)

    def replay_merge(
        self,
        model: Path,
        tuning: Mapping[str, float] | None,
        state_id: str,
        should_stop: StopRequest | None = None,
    ) -> None:
        """Merge a model file of the past as it happened, without measuring."""
        standing = self._merged(model, should_stop)
        if tuning:
            standing = _tuned(standing, tuning)
        standing = replace(standing, held_out=standing.held_out.unmeasured())
        self._standing, self._candidate = standing, None
        self.state_id = state_id

    def _merged(self, model: Path, should_stop: StopRequest | None) -> _Standing:
        old, other = self._standing, registry.load(model)
        begun = [one or _here(make_learner(self._recipe)) for one in (old.full, old.honest)]
        full: Any = merge(begun[0], other, should_stop)
        same = old.full is old.honest
        return replace(old, full=full, honest=full if same else merge(begun[1], other, should_stop))

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
            old = self._standing
            honest = full if old.honest is old.full else _apply(old.honest, values)
            self._candidate = _Standing(full, honest, old.held_out.unmeasured())
        return {name: float(value) for name, value in values.items()}

    def measure(self) -> Measured:
        """Measure the standing state on held-out samples."""
        standing = self._standing
        measured, _ = standing.held_out.measure(None, standing.honest)
        memory = 0 if standing.full is None else standing.full.memory_bytes()
        return replace(measured, memory_bytes=memory)

    def export(self, path: Path, statistics: bool) -> None:
        """Write the standing model to a file; with statistics, others can learn on from it."""
        if self._standing.full is None:
            raise ValueError("There is nothing to save before the first lesson.")
        self._standing.full.save(path, statistics=statistics)

    def _learn(
        self, batch: Batch, progress: StageProgress, should_stop: StopRequest | None
    ) -> _Standing:
        old, recipe = self._standing, self._recipe
        names = [name for name, out in zip(batch.labels, batch.held_out, strict=True) if out]
        held_out = old.held_out.grown(batch.X[batch.held_out], names)
        seen = ~batch.held_out

        def report(done: float, text: str) -> None:
            progress("fitting", done, text)

        split = bool(names) or old.honest is not old.full
        if not (split and learner_class(recipe.method).joins_exactly):
            honest = _after(recipe, old.honest, batch, seen, report, should_stop)
            return _Standing(honest, honest, held_out)
        # The twins share nothing but what neither changes: on two cores they take the time of one.
        given_up = threading.Event()

        def stop() -> bool:
            return given_up.is_set() or (should_stop is not None and should_stop())

        with ThreadPoolExecutor(1) as beside:
            twin = beside.submit(_after, recipe, old.honest, batch, seen, _quiet, stop)
            try:
                full = _after(recipe, old.full, batch, np.ones_like(seen), report, stop)
            except BaseException:
                given_up.set()
                raise
            return _Standing(full, twin.result(), held_out)


def _after(
    recipe: Recipe,
    model: IncrementalLearner | None,
    batch: Batch,
    chosen: np.ndarray,
    progress: Callable[[float, str], None],
    should_stop: StopRequest | None,
) -> IncrementalLearner | None:
    """Return a model after the chosen samples; the one given stays as it is."""
    if not chosen.any():
        return model
    # A learner never changes its state in place: a shallow copy is a branch of its own.
    branch = _here(make_learner(recipe)) if model is None else copy.copy(model)
    labels = np.array(batch.labels, dtype=object)[chosen]
    branch.learn_phase(batch.X[chosen], labels, progress, should_stop)
    return branch


def _here(learner: IncrementalLearner) -> IncrementalLearner:
    """Have what is learned from now on belong to this session, where the method can merge."""
    if hasattr(learner, "set_origin") and learner.can_learn:
        learner.set_origin(HERE)
    return learner


def _quiet(fraction: float, stage: str) -> None:
    """The other twin reports."""


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
    honest = full if same else _apply(standing.honest, values)
    return _Standing(full, honest, standing.held_out.unmeasured())
