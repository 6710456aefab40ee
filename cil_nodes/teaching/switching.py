"""Changing the method of a session: its lessons learned again, in order, by another learner.

The rebuild runs in a worker of its own, so the standing one keeps its state and the old model
answers on; a stop, an error or a dead process leaves nothing behind. What a lesson taught is read
from the content that answers, so edits and roll backs count, and held-out samples stay held out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cil_nodes.learners import registry
from cil_nodes.learners.base import PhaseStopped
from cil_nodes.learners.networks.extra import MissingTorchError, refuse_without_torch
from cil_nodes.teaching.content import Content, History, Lesson, Recipe
from cil_nodes.teaching.errors import (
    BadValueError,
    JournalIncompleteError,
    NoSuchMethodError,
    StorageError,
)
from cil_nodes.teaching.folders import JOURNAL
from cil_nodes.teaching.journal import Event, Journal
from cil_nodes.teaching.progress import StopRequest
from cil_nodes.teaching.snapshots import Snapshot
from cil_nodes.teaching.training import StageProgress, differing, learner_class, make_learner
from cil_nodes.teaching.validation import Measured
from cil_nodes.teaching.worker import Worker
from cil_nodes.teaching.workshop import batch_of, figures

SwitchProgress = Callable[[float, int, int, str], None]
"""``progress(fraction, lessons_done, lessons, message)``; the fraction never falls."""

LEARNED = 0.95
"""Share of a switch that learning the lessons again takes; the rest measures and swaps."""

Tunings = Mapping[int, Mapping[str, float] | None]


# -- what is asked for


def plan(
    content: Content, method: str, parameters: Mapping[str, Any] | None, seed: int | None
) -> Recipe:
    """Return the recipe of a switch that can be made.

    Parameters
    ----------
    content : Content
        What answers now.
    method : str
        Empty for the one that answers.
    parameters : mapping, optional
        Those not named have their defaults; with an empty ``method``, their present values.
    seed : int, optional
        By default the present one.

    Raises
    ------
    NoSuchMethodError, BadValueError, JournalIncompleteError
    """
    if content.is_empty:
        raise JournalIncompleteError(
            "Nothing has been taught yet, so there is nothing to rebuild from. Teach first, or "
            "start the learner with the parameter `method`, which is that of an empty journal."
        )
    present = content.recipe
    kept = {} if method else present.parameters
    recipe = Recipe(
        method or present.method,
        {**kept, **(parameters or {})},
        present.seed if seed is None else seed,
    )
    check_method(recipe.method)
    try:
        make_learner(recipe)
    except (ValueError, TypeError) as error:
        raise BadValueError(str(error)) from error
    if content.files and not same(recipe, present):
        raise JournalIncompleteError(
            f"Version {content.version} is made of model files, too ({', '.join(content.files)}): "
            f"what they know cannot be learned by {recipe.method}, as their samples are not in "
            "the journal. Roll back to a version before they were loaded or merged, then switch."
        )
    return recipe


def check_method(method: str) -> None:
    """Refuse a method that cannot learn here.

    Raises
    ------
    NoSuchMethodError
        If nobody knows it, or it trains with torch, which is missing.
    """
    try:
        learner = learner_class(method)
        if learner.trains_with_torch:
            refuse_without_torch(method)
    except (ValueError, ImportError, AttributeError) as error:
        raise NoSuchMethodError(_named(method, error)) from error


def _named(method: str, error: Exception) -> str:
    if isinstance(error, (ValueError, MissingTorchError)):
        return str(error)
    return f"The method {method!r} cannot be loaded: {error}."


def settings_of(method: str, words: Iterable[str]) -> dict[str, Any]:
    """Return the parameters that words such as ``layers=3`` give, each of its own type.

    Raises
    ------
    NoSuchMethodError, BadValueError
    """
    check_method(method)
    kinds = {info.name: info.type for info in registry.describe(method)}
    found = {}
    for word in words:
        name, sign, text = word.partition("=")
        if not (sign and name):
            raise BadValueError(f"{word!r} is no parameter; write name=value, such as seed=1.")
        found[name] = _typed(f"{method}.{name}", kinds.get(name, "str"), text)
    return found


def _typed(name: str, kind: str, text: str) -> Any:
    """Return what a text means as a bool, int, float or str."""
    if kind == "bool":
        if text.lower() not in ("true", "false"):
            raise BadValueError(f"{name} is {text!r}; expected true or false.")
        return text.lower() == "true"
    try:
        return {"int": int, "float": float}.get(kind, str)(text)
    except ValueError:
        raise BadValueError(f"{name} is {text!r}; expected a number ({kind}).") from None


def same(recipe: Recipe, other: Recipe) -> bool:
    """Tell whether two recipes make the same model; defaults may be spelled out or left out."""
    if (recipe.method, recipe.seed) != (other.method, other.seed):
        return False
    return not differing(recipe, other).parameters


def last_recipe(folder: Path) -> Recipe | None:
    """Return what the last version of a folder was made with; None where nothing was taught.

    Raises
    ------
    StorageError
        If there is no journal.
    """
    path = folder / JOURNAL
    if not path.is_file():
        raise StorageError(f"There is no journal in {folder}. Name the learner's `folder`.")
    with closing(Journal(path, read_only=True)) as journal:
        events = [event for event in journal.events() if event.kind != "tuning"]
    if not events:
        return None
    return Recipe(events[-1].method, events[-1].parameters, events[-1].seed)


# -- learning it all again


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild made: the new content, and how its model does on held-out samples."""

    content: Content
    measured: Measured


def rebuild(
    worker: Worker,
    history: History,
    journal: Journal,
    models: Path,
    recipe: Recipe,
    progress: SwitchProgress,
    should_stop: StopRequest,
) -> Rebuilt:
    """Have a fresh worker learn the lessons of what answers by another recipe.

    Raises
    ------
    cil_nodes.learners.PhaseStopped
        If ``should_stop`` said so.
    """
    before = history.content
    teacher = _Teacher(worker, journal, models, should_stop)
    base = str(models / before.base) if before.base else ""
    worker.reset(recipe, base, "rebuilding")
    known, total = known_tunings(history, recipe), len(before.lessons)
    steps: list[Lesson] = []
    for number, lesson in enumerate(before.lessons):
        report = _reporter(progress, number, total)
        report("fitting", 0.0, f"{len(lesson.rows)} samples")
        steps.append(teacher.learn(lesson, known, number == total - 1, report))
    content = replace(before, version=history.latest + 1, recipe=recipe, lessons=tuple(steps))
    progress(LEARNED, total, total, "measuring on held-out samples")
    worker.commit(content.state_id)
    return Rebuilt(content, worker.measure())


def _reporter(progress: SwitchProgress, number: int, total: int) -> StageProgress:
    best = 0.0

    def report(stage: str, fraction: float, message: str) -> None:
        nonlocal best
        # Idle work follows the lesson and begins at zero again.
        best = max(best, 1.0 if stage == "tuning" else fraction)
        done = LEARNED * (number + best) / total
        progress(done, number, total, f"lesson {number + 1} of {total}: {message}")

    return report


@dataclass(frozen=True)
class _Teacher:
    """Teaches a fresh worker one lesson of the past after the other."""

    worker: Worker
    journal: Journal
    models: Path
    should_stop: StopRequest

    def learn(self, lesson: Lesson, known: Tunings, last: bool, report: StageProgress) -> Lesson:
        """Have one step learned; return it with the tuning that followed it this time."""
        if self.should_stop():
            raise PhaseStopped("Stopped between two lessons.")
        # What follows the last lesson is idle work, and done when nobody waits.
        tuning = None if last else known.get(lesson.version)
        if lesson.merged:
            file = self.models / lesson.merged
            self.worker.replay_merge(file, tuning, "rebuilding", self.should_stop)
        else:
            batch = batch_of(self.journal, lesson)
            self.worker.replay(batch, tuning, "rebuilding", self.should_stop, report)
        if not last and lesson.version not in known:
            tuning = self.worker.consolidate(report, self.should_stop) or None
            self.worker.commit("rebuilding")
        return replace(lesson, tuning=tuning)


def known_tunings(history: History, recipe: Recipe) -> Tunings:
    """Return what idle work found after each lesson when this recipe last answered.

    Going back to a method so gives the model that it had; a lesson that it has never learned is
    not among them.
    """
    for version in sorted(history.events, reverse=True):
        content = history.content_of(version)
        if same(recipe, content.recipe):
            return {lesson.version: lesson.tuning for lesson in content.lessons}
    return {}


# -- writing it down


def event_of(
    rebuilt: Rebuilt, accuracy_before: float, history: History, stamp_ns: int, kept: Snapshot
) -> Event:
    """Return the event that makes a rebuilt model answer."""
    content, recipe = rebuilt.content, rebuilt.content.recipe
    measured = replace(
        rebuilt.measured, accuracy_before=accuracy_before, accuracy_after=rebuilt.measured.accuracy
    )
    return Event(
        "switch",
        content.version,
        history.latest,
        stamp_ns,
        recipe.method,
        recipe.parameters,
        recipe.seed,
        detail={
            **figures(measured),
            "classes": sorted(content.counts),
            "samples": len(content.by_sample),
            "tunings": _written(content.lessons),
        },
        snapshot=kept.name,
        snapshot_sha256=kept.sha256,
    )


def _written(lessons: Sequence[Lesson]) -> dict[str, Mapping[str, float]]:
    return {str(lesson.version): lesson.tuning for lesson in lessons if lesson.tuning}
