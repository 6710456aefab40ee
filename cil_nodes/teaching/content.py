"""What a version knows, folded from the journal's events.

A version's *content* is the list of lessons that its model has learned, each with the labels that
still count in it, and the names that its classes go by. A roll back makes a version with the
content of an older one; an edit or a corrected label makes one in which earlier lessons lack some
rows. A model is rebuilt exactly by learning the lessons of its content in order.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from cil_nodes.teaching.journal import Event, Journal, LabelRow


@dataclass(frozen=True)
class Recipe:
    """What a model is made with: method, its parameters and the seed."""

    method: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True)
class Lesson:
    """The labels that one lesson taught and that still count, and the tuning that followed it.

    A step without rows but with ``merged`` added what that model file knows; ``foreign`` then
    holds the samples of each class, by its number, that are known but not in the journal.
    """

    version: int
    rows: tuple[LabelRow, ...]
    tuning: Mapping[str, float] | None = None
    merged: str = ""
    foreign: Mapping[int, int] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """Hash of everything that decides what this lesson does to a model."""
        rows = [(row.id, row.class_id, row.held_out) for row in self.rows]
        merged = [self.merged] if self.merged else []
        text = json.dumps([rows, self.tuning, *merged], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Content:
    """The lessons behind one version.

    Attributes
    ----------
    version : int
        The version that first had this content.
    recipe : Recipe
        What its model is made with.
    lessons : tuple of Lesson
        In the order in which they are learned.
    names : mapping
        What each class goes by, by its number, where that is not its first name.
    base : str
        Name of the model file that learning started from; empty for the empty model.
    base_counts : mapping
        Samples of each class in that file, by the class's number.
    base_version : int
        The version that brought that file.
    """

    version: int
    recipe: Recipe
    lessons: tuple[Lesson, ...] = ()
    names: Mapping[int, str] = field(default_factory=dict)
    base: str = ""
    base_counts: Mapping[int, int] = field(default_factory=dict)
    base_version: int = 0

    @cached_property
    def digests(self) -> tuple[str, ...]:
        """One hash for each state of the model on its way here; the last one is this content's."""
        recipe = [self.recipe.method, dict(self.recipe.parameters), self.recipe.seed, self.base]
        state = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()
        states = [state]
        for lesson in self.lessons:
            states.append(hashlib.sha256(f"{states[-1]}{lesson.digest}".encode()).hexdigest())
        return tuple(states)

    @property
    def state_id(self) -> str:
        """Identity of the full model that this content makes."""
        return self.digests[-1]

    @cached_property
    def by_sample(self) -> dict[int, LabelRow]:
        """The label that counts for each taught sample, by the sample's row number."""
        return {row.sample: row for lesson in self.lessons for row in lesson.rows}

    @cached_property
    def counts(self) -> dict[int, int]:
        """How many samples of each class were taught, by the class's number."""
        counts = dict(self.foreign)
        for row in self.by_sample.values():
            counts[row.class_id] = counts.get(row.class_id, 0) + 1
        return counts

    @cached_property
    def foreign(self) -> Mapping[int, int]:
        """Samples of each class that are known but not in the journal, by the class's number."""
        steps = [lesson.foreign for lesson in self.lessons if lesson.merged]
        return steps[-1] if steps else self.base_counts

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the model files that the content is made of."""
        merged = (lesson.merged for lesson in self.lessons)
        return tuple(name for name in (self.base, *merged) if name)

    @cached_property
    def added_in(self) -> dict[int, int]:
        """The lesson that first taught each class, by the class's number."""
        added = dict.fromkeys(self.base_counts, self.base_version)
        for lesson in self.lessons:
            for row in lesson.rows:
                added.setdefault(row.class_id, lesson.version)
            for number in lesson.foreign:
                added.setdefault(number, lesson.version)
        return added

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been taught."""
        return not self.by_sample and not self.files

    def without(self, label_ids: Iterable[int]) -> Content:
        """Return the content as if these labels had never been learned."""
        gone = frozenset(label_ids)
        if not gone:
            return self
        lessons = tuple(_drop(lesson, gone) for lesson in self.lessons)
        return replace(self, lessons=tuple(step for step in lessons if step.rows or step.merged))

    def merged(self, class_id: int, into: int) -> Content:
        """Return the content as if every sample of one class had been taught as another."""
        lessons = tuple(
            replace(lesson, rows=tuple(_retold(row, class_id, into) for row in lesson.rows))
            for lesson in self.lessons
        )
        return replace(self, lessons=lessons)

    def then(self, lesson: Lesson) -> Content:
        """Return the content after one more lesson."""
        return replace(self, version=lesson.version, lessons=(*self.lessons, lesson))

    def tuned(self, tuning: Mapping[str, float]) -> Content:
        """Return the content with a tuning after its last lesson."""
        last = replace(self.lessons[-1], tuning=dict(tuning))
        return replace(self, lessons=(*self.lessons[:-1], last))


def _drop(lesson: Lesson, gone: frozenset[int]) -> Lesson:
    kept = tuple(row for row in lesson.rows if row.id not in gone)
    return lesson if len(kept) == len(lesson.rows) else replace(lesson, rows=kept)


def _retold(row: LabelRow, class_id: int, into: int) -> LabelRow:
    return replace(row, class_id=into) if row.class_id == class_id else row


class History:
    """Every version of a session and its content, folded from the journal once and kept up to date.

    Parameters
    ----------
    journal : Journal
        Where the events are read from.
    recipe : Recipe
        What the first model is made with, while nothing has been taught.

    Attributes
    ----------
    events : dict
        The event that made each version, by its number.
    latest : int
        Number of the version that answers.
    lock : threading.RLock
        Held while journal and history change together.
    """

    def __init__(self, journal: Journal, recipe: Recipe) -> None:
        self._journal = journal
        self.recipe = recipe
        self._contents: dict[int, Content] = {0: Content(0, recipe)}
        self.events: dict[int, Event] = {}
        self.latest = 0
        self.lock = threading.RLock()
        for event in journal.events():
            self.append(event)

    @property
    def content(self) -> Content:
        """Content of the version that answers."""
        return self._contents[self.latest]

    def content_of(self, version: int) -> Content:
        """Return what a version knows; KeyError when there is no such version."""
        return self._contents[version]

    def append(self, event: Event) -> None:
        """Take in one event, in the order of the journal."""
        if event.kind == "tuning":
            self._tune(event)
            return
        self._contents[event.version] = self._fold(event)
        self.events[event.version] = event
        self.latest = event.version

    def rename_snapshot(self, name: str, new_name: str, sha256: str) -> None:
        """Let another file, or none, stand where ``name`` stood."""
        for version, event in self.events.items():
            if event.snapshot == name:
                self.events[version] = replace(event, snapshot=new_name, snapshot_sha256=sha256)

    def _tune(self, event: Event) -> None:
        tuned = self._contents[event.version].tuned(event.detail)
        for version, content in self._contents.items():
            if content.version == tuned.version:
                self._contents[version] = tuned

    def _fold(self, event: Event) -> Content:
        if event.kind == "roll_back":
            return self._contents[event.restored]
        parent = self._contents[event.parent]
        if event.kind == "edit":
            return replace(edited(parent, event.detail), version=event.version)
        recipe = Recipe(event.method, event.parameters, event.seed)
        if event.kind == "switch":
            return _loaded(event, recipe) if "base" in event.detail else _again(parent, event)
        if event.kind == "merge":
            return replace(parent, recipe=recipe).then(_merged(event))
        before = parent.without(event.detail.get("corrected", ()))
        rows = tuple(self._journal.taught(event.version))
        return replace(before, recipe=recipe).then(Lesson(event.version, rows))

    def snapshot_of(self, content: Content) -> tuple[str, str]:
        """Return name and hash of the file that holds a content's model; empty for none."""
        event = self.events.get(content.version)
        return (event.snapshot, event.snapshot_sha256) if event else ("", "")

    def before_content(self) -> int | None:
        """Return the version before the content that answers; None for the empty model."""
        content = self.content
        if content.version == 0:
            return None
        return self._contents[self.events[content.version].parent].version


def _loaded(event: Event, recipe: Recipe) -> Content:
    """Return the content of a model file that was taken in."""
    counts = {int(number): int(n) for number, n in event.detail["counts"].items()}
    return Content(
        event.version,
        recipe,
        base=str(event.detail["base"]),
        base_counts=counts,
        base_version=event.version,
    )


def _again(parent: Content, event: Event) -> Content:
    """Return a content whose lessons were learned again by another recipe."""
    tunings = event.detail.get("tunings", {})
    return replace(
        parent,
        version=event.version,
        recipe=Recipe(event.method, event.parameters, event.seed),
        lessons=tuple(
            replace(lesson, tuning=tunings.get(str(lesson.version))) for lesson in parent.lessons
        ),
    )


def _merged(event: Event) -> Lesson:
    """Return the step of a model that was merged in."""
    foreign = {int(number): int(n) for number, n in event.detail["foreign"].items()}
    return Lesson(event.version, (), merged=str(event.detail["file"]), foreign=foreign)


def edited(content: Content, detail: Mapping[str, Any]) -> Content:
    """Return ``content`` after an edit event: rename, merge or forget.

    Parameters
    ----------
    content : Content
        What was known before.
    detail : mapping
        ``operation``, ``class`` (its number), and ``name`` or ``into``.
    """
    number = int(detail["class"])
    if detail["operation"] == "rename":
        return replace(content, names={**content.names, number: str(detail["name"])})
    if detail["operation"] == "merge":
        return content.merged(number, int(detail["into"]))
    rows: Sequence[LabelRow] = tuple(content.by_sample.values())
    return content.without(row.id for row in rows if row.class_id == number)
