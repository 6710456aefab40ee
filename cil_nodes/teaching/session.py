"""The session: what stands between a stream of samples and a learner.

It answers for every sample, keeps what it is taught on disk before it says so, has lessons learned
beside the model that answers, and swaps the new model in by one assignment when it has passed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cil_nodes.learners.base import PhaseStopped
from cil_nodes.teaching import browsing, models
from cil_nodes.teaching.books import Books
from cil_nodes.teaching.content import History, Recipe
from cil_nodes.teaching.errors import (
    AlreadyTrainingError,
    BusyError,
    NoSuchVersionError,
    NothingPendingError,
    SessionClosedError,
    StorageError,
    TeachingError,
    TooFewSamplesError,
)
from cil_nodes.teaching.journal import Event, Journal
from cil_nodes.teaching.live import LiveModel
from cil_nodes.teaching.locking import FolderLock
from cil_nodes.teaching.progress import Deadline, Meter, Progress, StopRequest, unwatched
from cil_nodes.teaching.records import (
    LessonResult,
    Phase,
    Prediction,
    Receipt,
    SessionState,
    Version,
)
from cil_nodes.teaching.samples import Sample, check_features
from cil_nodes.teaching.snapshots import SnapshotStore
from cil_nodes.teaching.training import make_learner
from cil_nodes.teaching.worker import make_worker
from cil_nodes.teaching.workshop import Workshop, figure, rows_of

log = logging.getLogger(__name__)

StateCallback = Callable[[SessionState], None]

_LEAVE = 5.0  # seconds that running work gets to end when the session closes


class Session:
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

    def __init__(
        self,
        folder: str | Path,
        method: str = "oracil",
        parameters: Mapping[str, Any] | None = None,
        random_state: int = 0,
        worker: str = "process",
        threads: int = 1,
        keep_pictures: bool = True,
        max_forgetting: float = 0.2,
        min_samples: int = 1,
        keep_snapshots: int = 20,
        on_step: Callable[[str], None] | None = None,
    ) -> None:
        recipe = Recipe(method, dict(parameters or {}), random_state)
        make_learner(recipe)  # refuses a bad name or parameter before anything is touched
        self.folder = _private_folder(Path(folder))
        self.max_forgetting = max_forgetting
        self.min_samples = min_samples
        self._keep_snapshots = max(1, keep_snapshots)
        self._inline = worker == "inline"
        self._on_step = on_step or (lambda name: None)
        self._callbacks: list[StateCallback] = []
        self._phase, self._message = Phase.IDLE, ""
        self._training = threading.Lock()  # held by whoever changes what answers
        self._bench = threading.Lock()  # held by whoever uses the worker
        self._give_way = threading.Event()  # asks idle work to leave the bench
        self._closed = False
        self._idle_thread: threading.Thread | None = None
        self._lock = FolderLock(self.folder)
        try:
            self._open(recipe, worker, threads, keep_pictures)
        except BaseException:
            self._release()
            raise

    def _open(self, recipe: Recipe, worker: str, threads: int, keep_pictures: bool) -> None:
        self._journal = Journal(self.folder / "journal.sqlite")
        history = History(self._journal, recipe)
        self._history = history
        self._books = Books(self._journal, history, keep_pictures, self._on_step)
        self._snapshots = SnapshotStore(self.folder / "snapshots")
        self._models = models.model_folder(self.folder)
        self._worker = make_worker(worker, threads)
        self._workshop = Workshop(
            self._journal,
            history,
            self._snapshots,
            self._worker,
            self._models,
            self._on_step,
        )
        self._live = self._workshop.live_model(history.latest, history.content)
        self._workshop.evict(self._keep_snapshots)
        self._phase = self._resting()
        self._say_if_recipe_differs(recipe)
        self._settle_later()

    def _say_if_recipe_differs(self, recipe: Recipe) -> None:
        found = self._history.content.recipe
        if found != recipe:
            log.warning(
                "The folder %s was taught with %s %s, seed %d; it goes on so. Begin in another "
                "folder, or switch the method, to use %s %s, seed %d.",
                *(self.folder, found.method, dict(found.parameters), found.seed),
                *(recipe.method, dict(recipe.parameters), recipe.seed),
            )

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
        if self._phase is not Phase.TRAINING:
            self._enter(self._resting())
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
        StorageError
            In every case the old model answers on and nothing labelled is lost.
        """
        self._check_open()
        with self._exclusive(
            AlreadyTrainingError, "A lesson is running already; wait for its end."
        ):
            rows = rows_of(self._books.pending(), self._books.numbers_of(labels))
            self._check_enough(len(rows), labels)
            stop = Deadline(time_limit, lambda: self._closed or bool(should_stop and should_stop()))
            self._enter(Phase.TRAINING)
            try:
                result = self._lesson(rows, Meter(progress), stop)
            except PhaseStopped as error:
                refusal = stop.refusal()
                self._enter(self._resting(), str(refusal))
                raise refusal from error
            except TeachingError as error:
                self._enter(Phase.FAILED, str(error))
                raise
            except BaseException as error:
                self._enter(Phase.FAILED, f"{type(error).__name__}: {error}")
                raise
            self._enter(self._resting())
            self._on_step("published")
        self._settle_later()
        return result

    def _check_enough(self, count: int, labels: Sequence[str] | None) -> None:
        if count == 0:
            which = f" with the labels {', '.join(labels)}" if labels else ""
            raise NothingPendingError(f"No labelled sample{which} waits to be learned.")
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
            made = self._history.events.get(content.version)
            self._append(
                Event(
                    "roll_back",
                    live.version,
                    self._history.latest,
                    self._journal.last_stamp(),
                    content.recipe.method,
                    content.recipe.parameters,
                    content.recipe.seed,
                    restored=content.version,
                    snapshot=made.snapshot if made else "",
                    snapshot_sha256=made.snapshot_sha256 if made else "",
                )
            )
            self._swap(live)
        self._settle_later()
        return live.version

    def _target(self, version: int) -> Any:
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

    def _append(self, event: Event) -> None:
        with self._books.lock:
            with self._journal.transaction():
                self._journal.add_event(event)
            self._history.append(event)

    def _swap(self, live: LiveModel) -> None:
        self._live = live
        self._on_step("swapped")
        self._enter(self._resting())
        self._on_step("published")

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

    # -- looking

    def state(self) -> SessionState:
        """Return what the session is doing and knows."""
        live, content = self._live, self._history.content
        event = self._history.events.get(content.version)
        space = self._books.space
        memory = int(event.detail.get("memory_bytes", 0)) if event else 0
        return SessionState(
            method=live.method,
            encoder_id=space.encoder_id if space else "",
            phase=self._phase.value,
            version=live.version,
            classes=browsing.classes(content, event, self._books),
            pending=self._books.pending_count(),
            unknown_threshold=live.threshold,
            unknown_calibrated=live.calibrated,
            memory_bytes=memory,
            journal_bytes=self._journal.size_bytes(),
            snapshot=event.snapshot if event else "",
            message=self._message or browsing.remark(live, content),
        )

    def on_change(self, callback: StateCallback) -> None:
        """Have ``callback(state)`` called on every change, in the thread that made it."""
        self._callbacks.append(callback)

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

    # -- state of the session

    def _resting(self) -> Phase:
        return Phase.COLLECTING if self._books.pending_count() else Phase.IDLE

    def _enter(self, phase: Phase, message: str = "") -> None:
        self._phase, self._message = phase, message
        self._publish()

    def _publish(self) -> None:
        if not self._callbacks:
            return
        state = self.state()
        for callback in self._callbacks:
            try:
                callback(state)
            except Exception:
                log.exception("A callback that watches the session's state failed")

    @contextmanager
    def _exclusive(self, refusal: type[TeachingError], text: str) -> Iterator[None]:
        if not self._training.acquire(blocking=False):
            raise refusal(text)
        try:
            yield
        finally:
            self._training.release()

    @contextmanager
    def _bench_for_us(self, stop: StopRequest = lambda: False) -> Iterator[None]:
        """Have the worker to ourselves; idle work leaves, and goes on later where it was."""
        self._give_way.set()
        try:
            while not self._bench.acquire(timeout=0.05):
                if stop():
                    raise PhaseStopped("Stopped while waiting for the worker.")
            try:
                yield
            finally:
                self._bench.release()
        finally:
            self._give_way.clear()

    def _settle_later(self) -> None:
        """Bring the worker to what answers and do its idle work, while nobody waits."""
        if not self._inline:
            self._idle_thread = threading.Thread(target=self._idle, daemon=True, name="idle work")
            self._idle_thread.start()

    def _idle(self) -> None:
        if not self._bench.acquire(blocking=False):
            return  # somebody works there already and settles afterwards
        try:
            self._settle(self._give_way.is_set)
        except PhaseStopped:
            pass
        except Exception as error:
            if not self._closed:
                log.warning("Idle work failed, the next lesson does it again: %s", error)
        finally:
            self._bench.release()

    def _settle(self, stop: StopRequest) -> None:
        content = self._history.content
        if not content.is_empty:
            self._workshop.bring_up(content, unwatched, stop)
            self._workshop.tune(unwatched, stop)

    def _check_open(self) -> None:
        if self._closed:
            raise SessionClosedError(f"The session in {self.folder} has been closed.")

    def close(self) -> None:
        """End the worker and give the folder free; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._give_way.set()
        if self._idle_thread is not None:
            self._idle_thread.join(timeout=_LEAVE)
        # A lesson that runs in another thread stops by itself; give it the time to.
        if self._training.acquire(timeout=_LEAVE):
            self._training.release()
        self._release()

    def _release(self) -> None:
        for part in ("_worker", "_journal"):
            if hasattr(self, part):
                getattr(self, part).close()
        self._lock.release()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _private_folder(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise StorageError(
            f"Cannot use the folder {folder}: {error.strerror}. Choose one that can be written."
        ) from error
    return folder
