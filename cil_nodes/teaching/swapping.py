"""A session that can change its method while it runs."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cil_nodes.teaching import models, switching
from cil_nodes.teaching.content import Recipe
from cil_nodes.teaching.core import SessionCore
from cil_nodes.teaching.errors import AlreadyTrainingError, LessonStoppedError, TeachingError
from cil_nodes.teaching.progress import Deadline, StopRequest, unwatched
from cil_nodes.teaching.records import SwitchResult
from cil_nodes.teaching.switching import SwitchProgress
from cil_nodes.teaching.worker import Worker
from cil_nodes.teaching.workshop import figure

log = logging.getLogger(__name__)


class SwitchableSession(SessionCore):
    """What `Session` needs to have its journal learned again; see :mod:`.switching`."""

    def switch_method(
        self,
        method: str = "",
        parameters: Mapping[str, Any] | None = None,
        seed: int | None = None,
        progress: SwitchProgress | None = None,
        should_stop: StopRequest | None = None,
        swap: bool = True,
        save_to: str | Path | None = None,
    ) -> SwitchResult:
        """Have the journal's lessons learned again by another method, then have it answer.

        The old model answers meanwhile, and labels are taken; they wait for the next lesson. A
        roll back or an undo brings the old method back.

        Parameters
        ----------
        method : str
            As for the session; empty for the one that answers: a plain rebuild.
        parameters : mapping, optional
            Its hyper-parameters; the rest has its defaults.
        seed : int, optional
            By default the present one.
        progress : callable, optional
            ``progress(fraction, lessons_done, lessons, message)``; the fraction never falls.
        should_stop : callable, optional
            Asked every 0.2 s at least; everything is then as before.
        swap : bool
            False only builds and reports.
        save_to : path, optional
            Write the model, with all that learning on needs, to this file.

        Raises
        ------
        NoSuchMethodError, BadValueError, JournalIncompleteError, AlreadyTrainingError,
        LessonStoppedError, DivergedError, LessonFailedError, WorkerDiedError, StorageError
            In every case the old model answers on.
        """
        self._check_open()
        refusal = "A lesson is running; switch the method when it has ended."
        with self._exclusive(AlreadyTrainingError, refusal):
            present = self._history.content.recipe.method
            recipe = switching.plan(self._history.content, method, parameters, seed)
            stop = Deadline(None, lambda: self._closed or bool(should_stop and should_stop()))
            stopped = LessonStoppedError(
                f"The switch was stopped on request; {present} answers on."
            )
            with self._telling(lambda: stopped, f"learning the journal again by {recipe.method}"):
                worker = self._new_worker()
                try:
                    return self._switch(worker, recipe, progress, stop, swap, save_to)
                finally:
                    if worker is not self._worker:
                        worker.close()

    def _switch(
        self,
        worker: Worker,
        recipe: Recipe,
        progress: SwitchProgress | None,
        stop: Deadline,
        swap: bool,
        save_to: str | Path | None,
    ) -> SwitchResult:
        tell = progress or (lambda fraction, done, total, message: None)
        parts = self._history, self._journal, self._models
        rebuilt = switching.rebuild(worker, *parts, recipe, tell, stop)
        before = self._accuracy_now(stop)
        self._on_step("trained")
        if save_to is not None:
            models.save(worker, self._books, self._history, Path(save_to))
        if swap:
            self._adopt(worker, rebuilt, before, stop)
        lessons = len(rebuilt.content.lessons)
        tell(1.0, lessons, lessons, f"version {self._live.version} answers")
        return SwitchResult(
            version=self._live.version,
            method=recipe.method,
            lessons=lessons,
            samples=len(rebuilt.content.by_sample),
            seconds=time.monotonic() - stop.began,
            accuracy_before=before,
            accuracy_after=rebuilt.measured.accuracy,
        )

    def _accuracy_now(self, stop: StopRequest) -> float:
        """Return what answers' accuracy on held-out samples; NaN where it cannot be had."""
        content = self._history.content
        known = figure(self._history.events.get(content.version), "accuracy")
        if not math.isnan(known):
            return known
        try:
            with self._bench_for_us(stop):
                self._workshop.bring_up(content, unwatched, stop)
                return self._worker.measure().accuracy
        except TeachingError as error:
            log.warning("The present model could not be measured: %s", error)
            return known

    def _adopt(
        self, worker: Worker, rebuilt: switching.Rebuilt, before: float, stop: StopRequest
    ) -> None:
        """Swap in a rebuilt model together with the worker that made it."""
        path = worker.scratch / "switched.safetensors"
        worker.export(path, statistics=False)
        old = self._worker
        with self._bench_for_us(stop):
            kept = self._snapshots.keep(path, rebuilt.content.version)
            self._on_step("snapshot_written")
            stamp = self._journal.last_stamp()
            self._append(switching.event_of(rebuilt, before, self._history, stamp, kept))
            self._on_step("snapshotted")
            self._worker, self._workshop = worker, self._workshop_with(worker)
            self._live = self._workshop.live_model(self._history.latest, self._history.content)
            self._on_step("swapped")
            self._workshop.evict(self._keep_snapshots)
        path.unlink(missing_ok=True)
        old.close()
