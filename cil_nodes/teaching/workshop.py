"""From labels on disk to a model on disk: prepare a lesson, have it learned, judge it, record it.

The workshop knows the journal, the history, the snapshots and the worker. It swaps nothing: what
answers is the session's.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cil_nodes.learners import registry
from cil_nodes.learners.base import IncrementalLearner, StopRequest, TornFileError
from cil_nodes.teaching.content import Content, History, Lesson
from cil_nodes.teaching.errors import (
    RejectedError,
    SnapshotEvictedError,
    StorageError,
    TeachingError,
)
from cil_nodes.teaching.holdout import mark_held_out
from cil_nodes.teaching.journal import Event, Journal, LabelRow
from cil_nodes.teaching.live import LiveModel
from cil_nodes.teaching.progress import unwatched
from cil_nodes.teaching.records import NAN
from cil_nodes.teaching.snapshots import Snapshot, SnapshotStore, TornSnapshot
from cil_nodes.teaching.training import Batch, Merged, StageProgress, learner_class
from cil_nodes.teaching.validation import Measured
from cil_nodes.teaching.worker import Worker

log = logging.getLogger(__name__)

GUARD_SAMPLES = 10
"""Fewer held-out samples than this say nothing about forgetting: a lesson is then not refused."""

Step = Callable[[str], None]


@dataclass(frozen=True)
class Draft:
    """A lesson about to be learned.

    ``base`` is what it builds on: the present content, less the labels that it corrects.
    """

    base: Content
    lesson: Lesson
    corrected: tuple[int, ...]
    parent: int
    stamp_ns: int

    @property
    def new_classes(self) -> list[int]:
        """Numbers of the classes that the lesson brings, in order of arrival."""
        known = self.base.counts
        return [
            n for n in dict.fromkeys(row.class_id for row in self.lesson.rows) if n not in known
        ]


class Workshop:
    """Makes models of contents, and versions of lessons.

    Parameters
    ----------
    journal, history, snapshots, worker
        The parts of one session.
    models : pathlib.Path
        Folder of the model files that learning started from.
    on_step : callable
        Told the name of each step as soon as it is done.
    """

    def __init__(
        self,
        journal: Journal,
        history: History,
        snapshots: SnapshotStore,
        worker: Worker,
        models: Path,
        on_step: Step,
    ) -> None:
        self._journal = journal
        self._history = history
        self._snapshots = snapshots
        self.worker = worker
        self._models = models
        self._on_step = on_step

    # -- lessons

    def draft(self, rows: Sequence[LabelRow]) -> Draft:
        """Return the lesson that these pending labels make, on what answers now."""
        content = self._history.content
        replaced = (content.by_sample.get(row.sample) for row in rows)
        corrected = tuple(sorted(row.id for row in replaced if row is not None))
        base = content.without(corrected)
        if content.is_empty:
            base = replace(base, recipe=self._history.recipe)
        lesson = Lesson(self._history.latest + 1, mark_held_out(rows, base.counts))
        stamp = self._journal.last_stamp([row.sample for row in rows])
        return Draft(base, lesson, corrected, self._history.latest, stamp)

    def learn(
        self, draft: Draft, path: Path, progress: StageProgress, should_stop: StopRequest
    ) -> Measured:
        """Have a lesson learned and measured; what prediction needs is then at ``path``."""
        self.bring_up(draft.base, progress, should_stop)
        progress("fitting", 0.0, f"learning {len(draft.lesson.rows)} samples")
        measured = self.worker.learn(
            batch_of(self._journal, draft.lesson), path, progress, should_stop
        )
        self._on_step("trained")
        return measured

    def judge(self, measured: Measured, max_forgetting: float) -> None:
        """Refuse a model that forgot too much.

        Raises
        ------
        RejectedError
            With both figures; the worker then stands where it stood before.
        """
        fall = measured.accuracy_before - measured.accuracy_after
        if measured.old_samples < GUARD_SAMPLES or math.isnan(fall) or fall <= max_forgetting:
            self._on_step("validated")
            return
        self.worker.discard()
        raise RejectedError(
            f"The new model knows the old classes worse: {measured.accuracy_before:.1%} of "
            f"{measured.old_samples} held-out samples were right before, "
            f"{measured.accuracy_after:.1%} after; at most {max_forgetting:.0%} may be lost. The "
            "old model answers on and the samples stay pending. Look at their labels, or raise "
            "`max_forgetting`."
        )

    def record(self, draft: Draft, measured: Measured, path: Path) -> Event:
        """Keep the snapshot and enter the lesson, so that from now on it has happened."""
        recipe = draft.base.recipe
        snapshot = self._snapshots.keep(path, draft.lesson.version)
        self._on_step("snapshot_written")
        event = Event(
            "lesson",
            draft.lesson.version,
            draft.parent,
            draft.stamp_ns,
            recipe.method,
            recipe.parameters,
            recipe.seed,
            detail=_detail(draft, measured),
            snapshot=snapshot.name,
            snapshot_sha256=snapshot.sha256,
        )
        with self._history.lock:
            with self._journal.transaction():
                self._journal.mark_taught(draft.lesson.rows, draft.lesson.version)
                self._journal.add_event(event)
            self._history.append(event)
        self._on_step("snapshotted")
        return event

    def merge(self, file: str, should_stop: StopRequest) -> tuple[Merged, Snapshot | None]:
        """Have a kept model file merged; None for a snapshot where it brought nothing new.

        Raises
        ------
        WrongMethodError, WrongProjectionError, WrongEncoderError, BadModelFileError
            If the two do not fit together; the worker stands where it stood.
        """
        self.bring_up(self._history.content, unwatched, should_stop)
        path = self.worker.scratch / "merged.safetensors"
        merged = self.worker.merge(self._models / file, path, should_stop)
        if not merged.changed:
            return merged, None
        kept = self._snapshots.keep(path, self._history.latest + 1)
        path.unlink(missing_ok=True)
        return merged, kept

    # -- the worker's state

    def bring_up(
        self, content: Content, progress: StageProgress, should_stop: StopRequest | None = None
    ) -> None:
        """Have the worker stand where ``content`` ends, replaying the lessons that it lacks."""
        states = content.digests
        if self.worker.state_id not in states:
            base = str(self._models / content.base) if content.base else ""
            self.worker.reset(content.recipe, base, states[0])
        begin = states.index(self.worker.state_id)
        for number, lesson in enumerate(content.lessons[begin:], start=begin):
            done = (number - begin) / (len(content.lessons) - begin)
            progress("preparing", done, f"replaying lesson {number + 1}/{len(content.lessons)}")
            if lesson.merged:
                file = self._models / lesson.merged
                self.worker.replay_merge(file, lesson.tuning, states[number + 1], should_stop)
                continue
            batch = batch_of(self._journal, lesson)
            self.worker.replay(batch, lesson.tuning, states[number + 1], should_stop)
        progress("preparing", 1.0, "ready")

    def tune(self, progress: StageProgress, should_stop: StopRequest) -> bool:
        """Do the learner's idle work; whether it changed what the next lesson builds on."""
        content = self._history.content
        if not content.lessons or content.lessons[-1].tuning is not None:
            return False
        values = self.worker.consolidate(progress, should_stop)
        if not values:
            return False
        recipe = content.recipe
        event = Event(
            "tuning",
            content.version,
            content.version,
            0,
            recipe.method,
            recipe.parameters,
            recipe.seed,
            detail=values,
        )
        with self._history.lock:
            with self._journal.transaction():
                self._journal.add_event(event)
            self._history.append(event)
        self.worker.commit(self._history.content_of(content.version).state_id)
        return True

    # -- snapshots

    def live_model(self, version: int, content: Content) -> LiveModel:
        """Load the model of a content under the number of the version that answers.

        A torn snapshot is made again from the journal.

        Raises
        ------
        SnapshotEvictedError
            If it is no longer kept.
        """
        method = content.recipe.method
        if content.is_empty:
            return LiveModel(version, method)
        learner_class(method)
        return self._named(version, content, self._load(content))

    def edited_model(self, content: Content, only_names: bool) -> tuple[LiveModel, tuple[str, str]]:
        """Return the model of an edited content, with its snapshot and hash.

        Where only names have changed, the model that answers is named anew.
        """
        if only_names:
            present = self._history.content
            live = self.live_model(content.version, present)
            if live.learner is not None:
                live = self._named(content.version, content, live.learner)
            return live, self._history.snapshot_of(present)
        if content.is_empty:
            return LiveModel(content.version, content.recipe.method), ("", "")
        self.bring_up(untuned(content), unwatched)
        path = self.worker.scratch / "edited.safetensors"
        self.worker.export(path, statistics=False)
        kept = self._snapshots.keep(path, content.version)
        path.unlink()
        learner = registry.load(self._snapshots.path_of(kept.name, kept.sha256))
        return self._named(content.version, content, learner), (kept.name, kept.sha256)

    def _named(self, version: int, content: Content, learner: IncrementalLearner) -> LiveModel:
        names = self._journal.class_names()
        labels = {**self._journal.class_labels(), **content.names}
        renamed = {names[n]: label for n, label in labels.items() if names[n] != label}
        # What a learner makes ready at its first answer is made now: no prediction waits for it.
        learner.answer(np.ones((1, learner.n_features_in_), dtype=np.float32))
        return LiveModel(version, content.recipe.method, learner, renamed)

    def _load(self, content: Content) -> IncrementalLearner:
        event = self._history.events[content.version]
        if not event.snapshot:
            raise SnapshotEvictedError(
                f"The snapshot of version {content.version} is no longer kept; the history says "
                "which versions are."
            )
        try:
            return registry.load(self._snapshots.path_of(event.snapshot, event.snapshot_sha256))
        except (TornSnapshot, TornFileError) as error:
            log.warning("%s It is made again from the journal.", error)
            return self._make_again(content, event)

    def _make_again(self, content: Content, event: Event) -> IncrementalLearner:
        self.bring_up(untuned(content), unwatched)
        path = self.worker.scratch / "again.safetensors"
        self.worker.export(path, statistics=False)
        learner = registry.load(path)
        try:
            snapshot = self._snapshots.keep(path, content.version)
            with self._journal.transaction():
                self._journal.replace_snapshot(event.snapshot, snapshot.name, snapshot.sha256)
            self._history.rename_snapshot(event.snapshot, snapshot.name, snapshot.sha256)
        except StorageError as error:
            log.warning("%s Until then it is made anew at every start.", error)
        finally:
            path.unlink(missing_ok=True)
        return learner

    def first_model(self) -> LiveModel:
        """Load the model that answers after a start: the latest, or the newest that can be had.

        Only where the latest is torn and cannot be made again does an older one answer; the next
        lesson then says why it cannot be learned on top of the latest.
        """
        history = self._history
        try:
            return self.live_model(history.latest, history.content)
        except TeachingError as error:
            older = self._newest_whole()
            log.error(
                "Version %d is torn and cannot be made again: %s Version %d answers in its place.",
                *(history.latest, error, older.version),
            )
            return older

    def _newest_whole(self) -> LiveModel:
        for event in sorted(self._history.events.values(), key=lambda event: -event.version):
            content = self._history.content_of(event.version)
            try:
                path = self._snapshots.path_of(event.snapshot, event.snapshot_sha256)
                learner_class(content.recipe.method)
                return self._named(event.version, content, registry.load(path))
            except (TornSnapshot, TornFileError):
                continue
        return LiveModel(0, self._history.recipe.method)

    def evict(self, keep: int) -> None:
        """Delete the oldest snapshots, so that ``keep`` stay, the one that answers among them."""
        events = sorted(self._history.events.values(), key=lambda event: -event.version)
        names = list(dict.fromkeys(event.snapshot for event in events if event.snapshot))
        gone = names[keep:]
        if gone:
            with self._journal.transaction():
                for name in gone:
                    self._journal.forget_snapshot(name)
            for name in gone:
                self._history.rename_snapshot(name, "", "")
        self._snapshots.remove_others(names[:keep])


def batch_of(journal: Journal, lesson: Lesson) -> Batch:
    """Return the samples of a lesson, as a worker takes them."""
    names = journal.class_names()
    return Batch(
        journal.features([row.sample for row in lesson.rows]),
        [names[row.class_id] for row in lesson.rows],
        np.array([row.held_out for row in lesson.rows], dtype=bool),
    )


def untuned(content: Content) -> Content:
    """Return the content as it was when its version was made: before the tuning that followed."""
    if not content.lessons:
        return content
    last = replace(content.lessons[-1], tuning=None)
    return replace(content, lessons=(*content.lessons[:-1], last))


def _detail(draft: Draft, measured: Measured) -> Mapping[str, object]:
    """What the history tells about a lesson."""
    return {
        **figures(measured),
        "corrected": list(draft.corrected),
        "classes": list(dict.fromkeys(row.class_id for row in draft.lesson.rows)),
        "samples": len(draft.lesson.rows),
    }


def figures(measured: Measured) -> dict[str, object]:
    """Return what was measured, for the history; what was not is left out."""
    accuracies = {
        "accuracy": measured.accuracy,
        "accuracy_before": measured.accuracy_before,
        "accuracy_after": measured.accuracy_after,
        "new_class_accuracy": measured.new_class_accuracy,
    }
    return {
        **{name: value for name, value in accuracies.items() if not math.isnan(value)},
        "recall": dict(measured.recall),
        "memory_bytes": measured.memory_bytes,
    }


def figure(event: Event | None, name: str) -> float:
    """Return one of a lesson's figures; NaN where it was not measured."""
    return NAN if event is None else float(event.detail.get(name, NAN))


def rows_of(rows: Iterable[LabelRow], classes: set[int] | None) -> list[LabelRow]:
    """Return the rows of these classes; all of them for None."""
    return [row for row in rows if classes is None or row.class_id in classes]
