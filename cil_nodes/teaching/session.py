"""The session: what stands between a stream of samples and a learner.

It answers for every sample, keeps what it is taught on disk before it says so, has lessons learned
beside the model that answers, and swaps the new model in by one assignment when it has passed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cil_nodes.teaching import browsing, editing, merging, models
from cil_nodes.teaching.content import Content, edited
from cil_nodes.teaching.errors import (
    AlreadyTrainingError,
    BusyError,
    NoSuchVersionError,
    NothingPendingError,
    NothingToUndoError,
    TooFewSamplesError,
)
from cil_nodes.teaching.journal import Event
from cil_nodes.teaching.live import LiveModel
from cil_nodes.teaching.progress import Deadline, Meter, Progress, StopRequest, unwatched
from cil_nodes.teaching.records import (
    LessonResult,
    Prediction,
    Receipt,
    Version,
)
from cil_nodes.teaching.samples import Sample, check_features
from cil_nodes.teaching.swapping import SwitchableSession
from cil_nodes.teaching.workshop import figure, rows_of


class Session(SwitchableSession):
    """One learner with its journal, snapshots and history, in one folder.

    ``predict`` and ``predict_batch`` may be called from any thread at any time and never wait;
    everything else may be called from any thread.

    Parameters
    ----------
    folder : path
        Made (readable by its owner alone) when it is missing. One session at a time holds it.
    method : str
        Learner of an empty journal: a name from `cil_nodes.learners.available`, or
        ``package.module:Class``. A journal with lessons goes on with its own.
    parameters : mapping, optional
        Hyper-parameters of the learner; the rest has its defaults.
    random_state : int
        Seed of everything that is drawn.
    worker : {"process", "inline"}
        Learn in a process of its own, or in the thread that calls `train`.
    threads : int
        Threads of the worker process.
    keep_pictures : bool
        Whether the JPEGs of samples are kept.
    max_forgetting : float in [0, 1]
        A lesson that costs the old classes more accuracy than this is refused.
    min_samples : int
        Fewest samples that make a lesson.
    keep_snapshots : int
        How many snapshots are kept for rolling back.
    on_step : callable, optional
        Told the name of each step as soon as it is done: received, committed, answered, trained,
        validated, snapshot_written, snapshotted, swapped, published.

    Raises
    ------
    StorageError
        If the folder cannot be written, is in use (`FolderInUseError`), or the journal is torn
        (`JournalDamagedError`).
    ValueError
        If the method or a parameter is not known.
    """

    # -- answering

    def predict(self, sample: Sample) -> Prediction:
        """Answer for one sample; see `predict_batch`."""
        return self.predict_batch([sample])[0]

    def predict_batch(self, samples: Sequence[Sample]) -> list[Prediction]:
        """Answer for samples, in their order, by one and the same version.

        Raises
        ------
        WrongEncoderError, BadFeaturesError
            For a sample that does not belong here.
        """
        live = self._live
        space = self._books.space
        for sample in samples:
            if space is not None:
                space.check(sample)
            check_features(sample)
        return live.predict(samples)

    # -- teaching

    def add_samples(self, samples: Sequence[Sample], source: str = "label") -> Receipt:
        """Keep labelled samples; on the disk when it returns, all of them or none.

        The same sample with the same label changes nothing; another label replaces the earlier
        one.

        Raises
        ------
        BadLabelError, WrongEncoderError, BadFeaturesError, StorageError
        """
        self._check_open()
        self._on_step("received")
        receipt = self._books.add(samples, source)
        self._enter_unless_training()
        self._on_step("answered")
        return receipt

    def train(
        self,
        labels: Sequence[str] | None = None,
        time_limit: float | None = None,
        progress: Progress | None = None,
        should_stop: StopRequest | None = None,
    ) -> LessonResult:
        """Learn what is pending, beside the model that answers, and swap it in.

        Parameters
        ----------
        labels : sequence of str, optional
            Only these; all for None or an empty one.
        time_limit : float, optional
            Seconds; none for None or 0.
        progress : callable, optional
            ``progress(stage, fraction, message)``; stage is one of preparing, fitting, validating,
            swapping; the fraction is that of the whole lesson and never falls.
        should_stop : callable, optional
            Asked every 0.2 s at least; the samples then stay pending.

        Raises
        ------
        AlreadyTrainingError, NothingPendingError, TooFewSamplesError, TimeLimitError,
        LessonStoppedError, RejectedError, DivergedError, LessonFailedError, WorkerDiedError,
        StorageError, BadValueError
            In every case the old model answers on and nothing labelled is lost.
        """
        self._check_open()
        with self._exclusive(
            AlreadyTrainingError, "A lesson is running already; wait for its end."
        ):
            stop = Deadline(time_limit, lambda: self._closed or bool(should_stop and should_stop()))
            rows = rows_of(self._books.pending(), self._books.numbers_of(labels))
            self._check_enough(len(rows), labels)
            with self._telling(stop.refusal):
                return self._lesson(rows, Meter(progress), stop)

    def _check_enough(self, count: int, labels: Sequence[str] | None) -> None:
        if count == 0:
            which = f" with the labels {', '.join(labels)}" if labels else ""
            raise NothingPendingError(
                f"No labelled sample{which} waits to be learned. Label some first."
            )
        if count < self.min_samples:
            raise TooFewSamplesError(
                f"{count} labelled samples wait; a lesson takes at least {self.min_samples}. "
                "Label more, or lower `min_samples`."
            )

    def _lesson(self, rows: Any, progress: Progress, stop: Deadline) -> LessonResult:
        progress("preparing", 0.0, "preparing")
        path = self._worker.scratch / "next.safetensors"
        with self._bench_for_us(stop):
            if self._inline:
                # Idle work has no time of its own here; so it always comes at the same place.
                self._settle(stop)
            draft = self._workshop.draft(rows)
            measured = self._workshop.learn(draft, path, progress, stop)
            self._workshop.judge(measured, self.max_forgetting)
            progress("swapping", 0.0, "writing the snapshot")
            try:
                event = self._workshop.record(draft, measured, path)
                self._books.refresh()
            except BaseException:
                self._worker.discard()
                raise
            self._worker.commit(self._history.content.state_id)
            live = self._workshop.live_model(event.version, self._history.content)
            self._live = live
            self._on_step("swapped")
            self._workshop.evict(self._keep_snapshots)
        path.unlink(missing_ok=True)
        progress("swapping", 1.0, f"version {event.version} answers")
        return LessonResult(
            version=event.version,
            new_labels=tuple(self._books.label_of(number) for number in draft.new_classes),
            samples=len(rows),
            seconds=time.monotonic() - stop.began,
            accuracy_before=figure(event, "accuracy_before"),
            accuracy_after=figure(event, "accuracy_after"),
            new_class_accuracy=figure(event, "new_class_accuracy"),
            snapshot=event.snapshot,
        )

    # -- versions

    def list_versions(self, limit: int = 50) -> list[Version]:
        """Return the history, newest first; version 0, the empty model, is its last entry."""
        return browsing.versions(self._history, self._books)[: max(0, limit)]

    def roll_back(self, version: int = -1) -> int:
        """Have an earlier version's model answer again, as a new version.

        Parameters
        ----------
        version : int
            Its number; 0 is the empty model; -1 the version before the content that answers, so
            that repeating it walks back.

        Returns
        -------
        int
            The number of the new version.

        Raises
        ------
        NoSuchVersionError, SnapshotEvictedError, BusyError, StorageError
        """
        self._check_open()
        with self._exclusive(BusyError, "A lesson is running; roll back when it has ended."):
            content = self._target(version)
            with self._bench_for_us():
                live = self._workshop.live_model(self._history.latest + 1, content)
            made = self._history.snapshot_of(content)
            event = self._event("roll_back", live.version, content, {}, made)
            self._append(replace(event, restored=content.version))
            self._swap(live)
        self._settle_later()
        return live.version

    def _target(self, version: int) -> Content:
        number: int | None = version
        if version == -1:
            number = self._history.before_content()
        if number is None:
            raise NoSuchVersionError("The empty model answers; there is no version before it.")
        try:
            return self._history.content_of(number)
        except KeyError:
            raise NoSuchVersionError(
                f"There is no version {version}; the history goes from 0 to {self._history.latest}."
            ) from None

    def _event(
        self,
        kind: str,
        version: int,
        content: Content,
        detail: Mapping[str, Any],
        snapshot: tuple[str, str],
    ) -> Event:
        recipe = content.recipe
        return Event(
            kind,
            version,
            self._history.latest,
            self._journal.last_stamp(),
            recipe.method,
            recipe.parameters,
            recipe.seed,
            detail=detail,
            snapshot=snapshot[0],
            snapshot_sha256=snapshot[1],
        )

    # -- edits

    def edit_class(self, operation: str, label: str, new_label: str = "") -> int:
        """Rename, merge or forget a class; return the number of the version that this makes.

        Labels that still wait follow along; a roll back undoes the rest. After a merge or a forget
        the model is made again from the journal while the old one answers.

        Parameters
        ----------
        operation : {"rename", "merge", "forget"}
            Give the class another name, make its samples those of another class, or drop it.
        label : str
            The class.
        new_label : str
            Its new name, or the class it becomes part of; ignored by forget.

        Raises
        ------
        NoSuchClassError, LabelTakenError, BadLabelError, BusyError, StorageError
        """
        self._check_open()
        edit = editing.Edit(operation)
        with self._exclusive(BusyError, "A lesson is running; edit when it has ended."):
            detail = editing.plan_edit(self._books, self._history, edit, label, new_label)
            number = self._history.latest + 1
            content = replace(edited(self._history.content, detail), version=number)
            with self._bench_for_us():
                live, snapshot = self._workshop.edited_model(content, edit is editing.Edit.RENAME)
            event = self._event("edit", number, content, detail, snapshot)
            with self._history.lock:
                with self._journal.transaction():
                    editing.move_pending(self._journal, self._books, detail)
                    self._journal.add_event(event)
                self._history.append(event)
                self._books.refresh()
            self._swap(live)
        self._settle_later()
        return number

    def undo(self) -> tuple[str, int]:
        """Take back what was taught last: labels that still wait, else the last version.

        Returns
        -------
        text : str
            What was undone, in words.
        version : int
            The version that answers.

        Raises
        ------
        NothingToUndoError, BusyError, SnapshotEvictedError, StorageError
        """
        self._check_open()
        with self._exclusive(BusyError, "A lesson is running; undo when it has ended."):
            rows = editing.last_pending(self._books)
            if rows:
                with self._history.lock:
                    with self._journal.transaction():
                        self._journal.withdraw(row.id for row in rows)
                    self._books.refresh()
                label = self._books.label_of(rows[0].class_id)
                self._enter(self._resting())
                return f"{len(rows)} labels {label!r} were taken back", self._live.version
        before = self._history.before_content()
        if before is None:
            raise NothingToUndoError("Nothing has been taught that could be taken back.")
        version = self.roll_back()
        return f"version {before} answers again", version

    # -- files

    def save_model(self, path: str | Path) -> Path:
        """Write the model that answers, with all that learning on needs, to one file.

        Any learner can load it: `cil_nodes.learners.load`.

        Raises
        ------
        BusyError, StorageError
        LessonFailedError
            If nothing has been taught yet.
        """
        self._check_open()
        refusal = "A lesson is running; save when it has ended."
        with self._exclusive(BusyError, refusal), self._bench_for_us():
            self._workshop.bring_up(self._history.content, unwatched)
            return models.save(self._worker, self._books, self._history, Path(path))

    def load_model(self, path: str | Path) -> int:
        """Have a saved model answer, as a new version; return its number.

        What was taught here stays in the journal, and a roll back brings it back.

        Raises
        ------
        BadModelFileError, WrongEncoderError, BusyError, StorageError
        """
        self._check_open()
        with self._exclusive(BusyError, "A lesson is running; load when it has ended."):
            event = models.take_in(
                Path(path), self._models, self._books, self._history, self._snapshots
            )
            self._append(event)
            self._swap(self._workshop.live_model(event.version, self._history.content))
        self._settle_later()
        return event.version

    def merge_model(self, path: str | Path) -> tuple[int, tuple[str, ...]]:
        """Add what another session's saved model knows, as a new version; exact, to rounding.

        What each was taught stays apart: merging a later state of the same session replaces the
        earlier one, and what came back by way of a third counts once. A roll back or an undo takes
        it back.

        Parameters
        ----------
        path : path
            Written by `save_model`, with the same method, encoder and projection.

        Returns
        -------
        version : int
            The one that answers; no new one where all of it was known already.
        new_labels : tuple of str
            Classes that were not known before.

        Raises
        ------
        BadModelFileError, WrongMethodError, WrongEncoderError, WrongProjectionError, BusyError,
        StorageError
            In every case the old model answers on.
        """
        self._check_open()
        with self._exclusive(BusyError, "A lesson is running; merge when it has ended."):
            before = self._history.content
            file = merging.keep(Path(path), self._models, self._books, before)
            try:
                live = self._merge(file, before)
            finally:
                merging.drop(self._models, file, self._history)
        self._settle_later()
        new = [n for n in self._history.content.counts if n not in before.counts]
        return live.version, tuple(self._books.label_of(number) for number in sorted(new))

    def _merge(self, file: str, before: Content) -> LiveModel:
        """Merge a kept model file into the content ``before``, which answers."""
        with self._bench_for_us(lambda: self._closed):
            merged, kept = self._workshop.merge(file, lambda: self._closed)
            if kept is None:
                return self._live
            try:
                event = merging.event_of(file, merged, before, self._history, self._books, kept)
                self._append(event)
            except BaseException:
                self._worker.discard()
                raise
            self._worker.commit(self._history.content.state_id)
            live = self._workshop.live_model(event.version, self._history.content)
            self._workshop.evict(self._keep_snapshots)
        self._swap(live)
        return live

    # -- looking

    def list_samples(
        self,
        label: str = "",
        sample_ids: Sequence[str] = (),
        nearest_to: str = "",
        offset: int = 0,
        limit: int = 20,
        pictures: bool = True,
    ) -> tuple[int, list[Sample]]:
        """Browse the journal: how many there are, and one page of them, newest first.

        Parameters
        ----------
        label : str
            Only samples that go by it now; empty for all.
        sample_ids : sequence of str
            Only these; empty for all.
        nearest_to : str
            Sort by likeness to this sample instead; an unknown id gives an empty page.
        offset, limit : int
            The page.
        pictures : bool
            Whether the JPEGs come along.
        """
        query = browsing.Query(label, tuple(sample_ids), nearest_to, offset, limit, pictures)
        return browsing.samples(self._journal, self._books, query)
