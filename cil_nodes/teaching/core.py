"""What every operation of a session stands on: its parts, its locks, its state, its idle work."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from cil_nodes.learners.base import PhaseStopped
from cil_nodes.teaching import browsing, models
from cil_nodes.teaching.books import Books
from cil_nodes.teaching.content import History, Recipe
from cil_nodes.teaching.errors import (
    JournalDamagedError,
    SessionClosedError,
    StorageError,
    TeachingError,
)
from cil_nodes.teaching.folders import JOURNAL, SNAPSHOTS
from cil_nodes.teaching.journal import Event, Journal, damaged
from cil_nodes.teaching.live import LiveModel
from cil_nodes.teaching.locking import FolderLock
from cil_nodes.teaching.progress import StopRequest, unwatched
from cil_nodes.teaching.records import Phase, SessionState
from cil_nodes.teaching.snapshots import SnapshotStore
from cil_nodes.teaching.training import differing, make_learner
from cil_nodes.teaching.worker import Worker, make_worker
from cil_nodes.teaching.workshop import Workshop

log = logging.getLogger(__name__)

StateCallback = Callable[[SessionState], None]

_Session = TypeVar("_Session", bound="SessionCore")
MAX_MESSAGE = 256
_LEAVE = 5.0  # seconds that running work gets to end when the session closes


class SessionCore:
    """The parts of a session and what keeps them apart; `Session` has what callers use.

    Three locks, always taken in this order: ``_training`` by whoever changes what answers,
    ``_bench`` by whoever uses the worker, the history's lock while journal and history change.
    Predictions take none: they read ``_live`` once.
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
        self._told = threading.RLock()  # so that states are told in the order in which they came
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
        self._journal = Journal(self.folder / JOURNAL)
        history = _history(self._journal, recipe)
        self._history = history
        self._books = Books(self._journal, history, keep_pictures, self._on_step)
        self._snapshots = SnapshotStore(self.folder / SNAPSHOTS)
        _refuse_lost_end(self._journal, history, self._snapshots)
        self._models = models.model_folder(self.folder)
        self._new_worker = lambda: make_worker(worker, threads)
        self._worker = self._new_worker()
        self._workshop = self._workshop_with(self._worker)
        self._live = self._workshop.first_model()
        self._workshop.evict(self._keep_snapshots)
        self._phase = self._resting()
        if self._live.version != history.latest:
            self._message = f"Version {history.latest} is torn; {self._live.version} answers."
        self._say_if_recipe_differs(recipe)
        self._settle_later()

    def _workshop_with(self, worker: Worker) -> Workshop:
        parts = self._journal, self._history, self._snapshots
        return Workshop(*parts, worker, self._models, self._on_step)

    def _say_if_recipe_differs(self, recipe: Recipe) -> None:
        found = differing(self._history.content.recipe, recipe)
        recipe = differing(recipe, self._history.content.recipe)
        if found != recipe:
            log.warning(
                "The folder %s was taught with %s %s, seed %d; it goes on so. Begin in another "
                "folder, or switch the method, to use %s %s, seed %d.",
                *(self.folder, found.method, dict(found.parameters), found.seed),
                *(recipe.method, dict(recipe.parameters), recipe.seed),
            )

    # -- what answers, and what is told about it

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

    def state(self) -> SessionState:
        """Return what the session is doing and knows."""
        live, content = self._live, self._history.content
        event = self._history.events.get(content.version)
        space = self._books.space
        memory = int(event.detail.get("memory_bytes", 0)) if event else 0
        if not memory and live.learner is not None:  # an edit's event tells of no lesson
            memory = live.learner.memory_bytes()
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
            message=_shortened(self._message or browsing.remark(live)),
        )

    @property
    def worker_pid(self) -> int:
        """Process id of the worker; 0 where lessons are learned in this process."""
        return int(getattr(self._worker, "pid", 0))

    def on_change(self, callback: StateCallback) -> None:
        """Have ``callback(state)`` called on every change, in the thread that made it."""
        self._callbacks.append(callback)

    def _resting(self) -> Phase:
        return Phase.COLLECTING if self._books.pending_count() else Phase.IDLE

    def _enter(self, phase: Phase, message: str = "") -> None:
        with self._told:
            self._phase, self._message = phase, message
            self._publish()

    def _enter_unless_training(self) -> None:
        with self._told:
            if self._phase is not Phase.TRAINING:
                self._phase, self._message = self._resting(), ""
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
    def _telling(self, stopped: Callable[[], TeachingError], message: str = "") -> Iterator[None]:
        """Tell of training while it runs, and of how it ended; a stop becomes ``stopped()``."""
        self._enter(Phase.TRAINING, message)
        try:
            yield
        except PhaseStopped as error:
            refusal = stopped()
            self._enter(self._resting(), str(refusal))
            raise refusal from error
        except TeachingError as error:
            self._enter(Phase.FAILED, str(error))
            raise
        except BaseException as error:
            self._enter(Phase.FAILED, f"{type(error).__name__}: {error}")
            raise
        finally:
            self._settle_later()
        self._enter(self._resting())
        self._on_step("published")

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
        # An empty model, too: the worker's imports would make the first lesson take seconds.
        self._workshop.bring_up(self._history.content, unwatched, stop)
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

    def __enter__(self: _Session) -> _Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _private_folder(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except FileExistsError as error:
        raise StorageError(
            f"Cannot use {folder} as folder: it is a file. Name another `folder`."
        ) from error
    except OSError as error:
        raise StorageError(
            f"Cannot use the folder {folder}: {error.strerror}{_owner_in_words(folder)}. Name "
            "another `folder`, one that can be written."
        ) from error
    return folder


def _owner_in_words(folder: Path) -> str:
    """Say whose a folder is, where it is somebody else's."""
    try:
        status = folder.stat()
    except OSError:
        return ""
    if status.st_uid == os.geteuid():
        return ""
    return f" (it belongs to user {status.st_uid}, this is user {os.geteuid()})"


def _history(journal: Journal, recipe: Recipe) -> History:
    try:
        return History(journal, recipe)
    except (LookupError, ValueError, TypeError) as error:
        what = f"its events do not fit together ({type(error).__name__}: {error})"
        raise JournalDamagedError(damaged(journal.path, what)) from error


def _refuse_lost_end(journal: Journal, history: History, snapshots: SnapshotStore) -> None:
    """Refuse a journal that is older than its snapshots; they would be deleted as of no version.

    A lesson that was cut off leaves one snapshot ahead of the journal, never two.
    """
    newest = snapshots.newest()
    if newest > history.latest + 1:
        what = (
            f"it ends at version {history.latest}, but {snapshots.folder} holds version {newest}; "
            f"its newest part, {journal.path.name}-wal, was lost, or this is an older copy"
        )
        raise JournalDamagedError(damaged(journal.path, what))


def _shortened(text: str) -> str:
    """Return the text as it fits the state's message; an error's own text is whole."""
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 3] + "..."
