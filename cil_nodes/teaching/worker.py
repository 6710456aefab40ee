"""Where lessons run: in the caller's thread, or in one warm process beside it.

Both kinds have the methods of :class:`~cil_nodes.teaching.training.Trainer`. The process is started
once, has its imports done and keeps the standing state, so a lesson sends only its new samples, and
gets back only what prediction needs: both as files in a private folder in memory.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import psutil
from safetensors import SafetensorError
from safetensors.numpy import save_file

from cil_nodes.learners import registry
from cil_nodes.learners.base import CannotLearnError, PhaseStopped, StopRequest
from cil_nodes.learners.merging import CannotMergeError
from cil_nodes.teaching.content import Recipe
from cil_nodes.teaching.errors import (
    BadModelFileError,
    DivergedError,
    LessonFailedError,
    StorageError,
    UnteachableError,
    WorkerDiedError,
    WrongEncoderError,
    WrongMethodError,
    WrongProjectionError,
)
from cil_nodes.teaching.scratch import is_full, make_scratch, no_room, remove_scratch
from cil_nodes.teaching.training import Batch, Merged, StageProgress, Trainer
from cil_nodes.teaching.validation import Measured

log = logging.getLogger(__name__)

STOP_GRACE = 3.0
"""Seconds a lesson may take to stop before its process is ended; the journal rebuilds its state."""

_POLL = 0.05  # seconds between two looks at should_stop; an answer wakes at once
FAULTS: dict[str, type[Exception]] = {
    "stopped": PhaseStopped,
    "memory": WorkerDiedError,
    "diverged": DivergedError,
    "cannot_learn": UnteachableError,
    "no_room": StorageError,
    "failed": LessonFailedError,
    "merge: method": WrongMethodError,
    "merge: encoder": WrongEncoderError,
    "merge: projection": WrongProjectionError,
    "merge: origin": BadModelFileError,
    "merge: statistics": BadModelFileError,
}


class Worker(Protocol):
    """What a session needs of the place where lessons run; the methods are those of `Trainer`."""

    scratch: Path
    """A private folder for files that travel to and fro."""

    @property
    def state_id(self) -> str:
        """Identity of the standing state."""

    def reset(self, recipe: Recipe, base: str, state_id: str) -> None:
        """See `Trainer.reset`."""

    def replay(
        self,
        batch: Batch,
        tuning: Mapping[str, float] | None,
        state_id: str,
        should_stop: StopRequest | None = None,
        progress: StageProgress | None = None,
    ) -> None:
        """See `Trainer.replay`."""

    def learn(
        self,
        batch: Batch,
        snapshot: Path,
        progress: StageProgress,
        should_stop: StopRequest | None = None,
    ) -> Measured:
        """See `Trainer.learn`."""

    def merge(self, model: Path, snapshot: Path, should_stop: StopRequest | None = None) -> Merged:
        """See `Trainer.merge`."""

    def replay_merge(
        self,
        model: Path,
        tuning: Mapping[str, float] | None,
        state_id: str,
        should_stop: StopRequest | None = None,
    ) -> None:
        """See `Trainer.replay_merge`."""

    def commit(self, state_id: str) -> None:
        """See `Trainer.commit`."""

    def discard(self) -> None:
        """See `Trainer.discard`."""

    def consolidate(
        self, progress: StageProgress, should_stop: StopRequest | None = None
    ) -> dict[str, float]:
        """See `Trainer.consolidate`."""

    def measure(self) -> Measured:
        """See `Trainer.measure`."""

    def export(self, path: Path, statistics: bool) -> None:
        """See `Trainer.export`."""

    def close(self) -> None:
        """End it and remove its private folder."""


def fault_of(error: BaseException, recipe: Recipe, scratch: Path) -> tuple[str, str]:
    """Return the key in `FAULTS` and the sentence for what a learner raised."""
    if isinstance(error, PhaseStopped):
        return "stopped", str(error)
    if isinstance(error, MemoryError):
        return "memory", out_of_memory(recipe, "ran out of memory")
    if isinstance(error, CannotLearnError):
        return "cannot_learn", str(error)
    if isinstance(error, CannotMergeError):
        return f"merge: {error.what}", str(error)
    if is_full(error):
        return "no_room", no_room(scratch, "there is no room left")
    kind = "diverged" if isinstance(error, (ArithmeticError, np.linalg.LinAlgError)) else "failed"
    return kind, f"{recipe.method} could not learn: {type(error).__name__}: {error}"


def out_of_memory(recipe: Recipe, what: str) -> str:
    """Return the sentence that names memory and the parameters that decide on it."""
    names = []
    try:
        for parameter in registry.describe(recipe.method):
            if "memory" in parameter.description.lower():
                names.append(f"`{recipe.method}.{parameter.name}`")
    except ValueError:
        pass
    which = " or ".join(names) or f"the parameters of `{recipe.method}` that set its size"
    free = psutil.virtual_memory().available // 2**20
    return (
        f"The training process {what}; most likely memory is short ({free} MB are free now). "
        f"Lower {which}, or close other programs. The old model answers on, and the samples "
        "wait for the next lesson."
    )


class InlineWorker:
    """Runs lessons in the caller's thread: no second process, the same results."""

    def __init__(self) -> None:
        self._trainer = Trainer()
        self._recipe = Recipe("")
        self.scratch = make_scratch()

    @property
    def state_id(self) -> str:
        """Identity of the standing state."""
        return self._trainer.state_id

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            kind, text = fault_of(error, self._recipe, self.scratch)
            raise FAULTS[kind](text) from error

    def reset(self, recipe: Recipe, base: str, state_id: str) -> None:
        """See `Trainer.reset`."""
        self._recipe = recipe
        with self._translated():
            self._trainer.reset(recipe, base, state_id)

    def replay(
        self,
        batch: Batch,
        tuning: Mapping[str, float] | None,
        state_id: str,
        should_stop: StopRequest | None = None,
        progress: StageProgress | None = None,
    ) -> None:
        """See `Trainer.replay`."""
        with self._translated():
            self._trainer.replay(batch, tuning, state_id, should_stop, progress)

    def learn(
        self,
        batch: Batch,
        snapshot: Path,
        progress: StageProgress,
        should_stop: StopRequest | None = None,
    ) -> Measured:
        """See `Trainer.learn`."""
        with self._translated():
            return self._trainer.learn(batch, snapshot, progress, should_stop)

    def merge(self, model: Path, snapshot: Path, should_stop: StopRequest | None = None) -> Merged:
        """See `Trainer.merge`."""
        with self._translated():
            return self._trainer.merge(model, snapshot, should_stop)

    def replay_merge(
        self,
        model: Path,
        tuning: Mapping[str, float] | None,
        state_id: str,
        should_stop: StopRequest | None = None,
    ) -> None:
        """See `Trainer.replay_merge`."""
        with self._translated():
            self._trainer.replay_merge(model, tuning, state_id, should_stop)

    def commit(self, state_id: str) -> None:
        """See `Trainer.commit`."""
        self._trainer.commit(state_id)

    def discard(self) -> None:
        """See `Trainer.discard`."""
        self._trainer.discard()

    def consolidate(
        self, progress: StageProgress, should_stop: StopRequest | None = None
    ) -> dict[str, float]:
        """See `Trainer.consolidate`."""
        with self._translated():
            return self._trainer.consolidate(progress, should_stop)

    def measure(self) -> Measured:
        """See `Trainer.measure`."""
        with self._translated():
            return self._trainer.measure()

    def export(self, path: Path, statistics: bool) -> None:
        """See `Trainer.export`."""
        with self._translated():
            self._trainer.export(path, statistics)

    def close(self) -> None:
        """Remove the private folder."""
        remove_scratch(self.scratch)


class ProcessWorker:
    """Runs lessons in one process at low priority that lives as long as the session.

    Not for several threads at once; the session takes turns. If the process dies, the call that
    was running raises `WorkerDiedError`, a new one is started, and ``state_id`` is empty again: the
    session replays what is missing.

    Parameters
    ----------
    threads : int
        Threads that the numerical libraries of the process may use.
    """

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._recipe = Recipe("")
        self.scratch = make_scratch()
        self._left: list[Path] = []
        self._state_id = ""
        self._calls = 0
        self._close_lock = threading.Lock()
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._start()
        except WorkerDiedError as error:  # the session answers all the same
            log.error("%s", error)

    @property
    def state_id(self) -> str:
        """Identity of the standing state; empty when the process knows nothing."""
        process = self._process
        if not self._closed and process is not None and process.poll() is not None:
            log.warning("%s A new one was started.", self._bury("idle"))
        return self._state_id

    @property
    def pid(self) -> int:
        """Process id of the worker now alive; 0 while none could be started."""
        return 0 if self._process is None else self._process.pid

    def _start(self) -> None:
        """Start a process.

        Raises
        ------
        WorkerDiedError
            If the system does not let us; the next call tries again.
        """
        self._process, self._state_id = None, ""
        ours, theirs = socket.socketpair()
        environment = dict(os.environ)
        for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):
            environment[f"{name}_NUM_THREADS"] = str(self._threads)
        # The same search path as here: what can be imported here can be there.
        environment["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)
        command = [sys.executable, "-m", "cil_nodes.teaching.worker_main"]
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [*command, str(theirs.fileno()), str(self.scratch)],
                    pass_fds=[theirs.fileno()],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,  # Ctrl-C in a terminal is the session's to handle
                )
            except OSError as error:
                ours.close()
                raise WorkerDiedError(
                    f"The training process cannot be started: {error.strerror} "
                    f"({sys.executable}). Close other programs if memory or processes are short. "
                    "The old model answers on, and the samples wait for the next lesson."
                ) from error
        self._pipe = Connection(ours.detach())

    def _call(
        self,
        operation: str,
        progress: StageProgress | None = None,
        should_stop: StopRequest | None = None,
        **values: Any,
    ) -> Any:
        """Ask the process for one thing and wait for its answer."""
        self._calls += 1
        if self._process is None:
            self._start()
        try:
            self._send({"call": self._calls, "operation": operation, **values})
            return self._await(progress, should_stop)
        except (EOFError, OSError) as error:
            raise WorkerDiedError(self._bury(operation)) from error

    def _send(self, message: Mapping[str, Any]) -> None:
        self._pipe.send_bytes(json.dumps(message).encode())

    def _await(self, progress: StageProgress | None, should_stop: StopRequest | None) -> Any:
        asked_to_stop = 0.0
        while True:
            if self._pipe.poll(_POLL):
                answer = json.loads(self._pipe.recv_bytes())
                if answer["call"] != self._calls:
                    continue
                if "progress" not in answer:
                    return self._result(answer)
                if progress is not None:
                    progress(*answer["progress"])
            if should_stop is None or not (asked_to_stop or should_stop()):
                continue
            if not asked_to_stop:
                asked_to_stop = time.monotonic()
                self._send({"call": self._calls, "operation": "stop"})
            elif time.monotonic() - asked_to_stop > STOP_GRACE:
                self._end_process()
                self._bury("stop")
                raise PhaseStopped("The lesson did not stop when asked; its process was ended.")

    def _result(self, answer: Mapping[str, Any]) -> Any:
        if answer.get("fault") == "no_room":
            self._move_scratch()
        if "fault" in answer:
            raise FAULTS[answer["fault"]](answer["text"])
        return answer.get("result")

    def _move_scratch(self) -> None:
        """Leave a place without room; what comes next travels through the disk."""
        full, self.scratch = self.scratch, make_scratch(in_memory=False)
        self._left.append(full)  # kept till the end: somebody may be about to write there
        log.warning("%s is full; from now on lessons go through %s.", full, self.scratch)

    def _bury(self, operation: str) -> str:
        """Take note of a dead process, start the next; return what happened, in words."""
        code = self._end_process(5)
        self._pipe.close()
        if not self._closed:
            try:
                self._start()
            except WorkerDiedError as error:  # told again by whoever asks it for something
                log.error("%s", error)
        if code == -signal.SIGKILL:
            return out_of_memory(self._recipe, f"was ended by SIGKILL during {operation!r}")
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
        return (
            f"The training process ended {how} during {operation!r}; its own last words are in "
            "this program's error output. The old model answers on, and the samples wait for the "
            "next lesson."
        )

    def _end_process(self, patience: float = 0.0) -> int:
        """Wait so many seconds for the process to end, then end it; return its exit code."""
        process = self._process
        assert process is not None
        try:
            return process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    @contextmanager
    def _sent(self, batch: Batch) -> Iterator[str]:
        try:
            path = self._write(batch)
        except (OSError, SafetensorError) as error:
            if not is_full(error):
                raise
            self._move_scratch()
            path = self._write(batch)
        try:
            yield str(path)
        finally:
            path.unlink(missing_ok=True)

    def _write(self, batch: Batch) -> Path:
        path = self.scratch / f"lesson-{self._calls + 1}.safetensors"
        X = np.ascontiguousarray(batch.X, dtype=np.float32)
        held_out = np.ascontiguousarray(batch.held_out, dtype=np.uint8)
        try:
            save_file({"X": X, "held_out": held_out}, path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def reset(self, recipe: Recipe, base: str, state_id: str) -> None:
        """See `Trainer.reset`."""
        self._recipe = recipe
        values: dict[str, Any] = {"method": recipe.method, "parameters": dict(recipe.parameters)}
        self._call("reset", seed=recipe.seed, base=base, state_id=state_id, **values)
        self._state_id = state_id

    def replay(
        self,
        batch: Batch,
        tuning: Mapping[str, float] | None,
        state_id: str,
        should_stop: StopRequest | None = None,
        progress: StageProgress | None = None,
    ) -> None:
        """See `Trainer.replay`."""
        values: dict[str, Any] = {"labels": list(batch.labels), "tuning": dict(tuning or {})}
        with self._sent(batch) as file:
            self._call("replay", progress, should_stop, file=file, state_id=state_id, **values)
        self._state_id = state_id

    def learn(
        self,
        batch: Batch,
        snapshot: Path,
        progress: StageProgress,
        should_stop: StopRequest | None = None,
    ) -> Measured:
        """See `Trainer.learn`."""
        with self._sent(batch) as file:
            result = self._call(
                "learn",
                progress,
                should_stop,
                file=file,
                labels=list(batch.labels),
                snapshot=str(snapshot),
            )
        return Measured(**result)

    def merge(self, model: Path, snapshot: Path, should_stop: StopRequest | None = None) -> Merged:
        """See `Trainer.merge`."""
        files: dict[str, Any] = {"model": str(model), "snapshot": str(snapshot)}
        found = self._call("merge", should_stop=should_stop, **files)
        return Merged(found["changed"], found["counts"], Measured(**found["measured"]))

    def replay_merge(
        self,
        model: Path,
        tuning: Mapping[str, float] | None,
        state_id: str,
        should_stop: StopRequest | None = None,
    ) -> None:
        """See `Trainer.replay_merge`."""
        values: dict[str, Any] = {"model": str(model), "tuning": dict(tuning or {})}
        self._call("replay_merge", should_stop=should_stop, state_id=state_id, **values)
        self._state_id = state_id

    def commit(self, state_id: str) -> None:
        """See `Trainer.commit`."""
        self._call("commit", state_id=state_id)
        self._state_id = state_id

    def discard(self) -> None:
        """See `Trainer.discard`."""
        self._call("discard")

    def consolidate(
        self, progress: StageProgress, should_stop: StopRequest | None = None
    ) -> dict[str, float]:
        """See `Trainer.consolidate`."""
        return dict(self._call("consolidate", progress, should_stop))

    def measure(self) -> Measured:
        """See `Trainer.measure`."""
        return Measured(**self._call("measure"))

    def export(self, path: Path, statistics: bool) -> None:
        """See `Trainer.export`."""
        self._call("export", path=str(path), statistics=statistics)

    def close(self) -> None:
        """End the process; a second call does nothing."""
        with self._close_lock:
            if self._closed:
                return
            self._closed = True
        if self._process is not None:
            self._pipe.close()  # its end of file tells the process to go
            self._end_process(2)
        for folder in (self.scratch, *self._left):
            remove_scratch(folder)


def make_worker(kind: str, threads: int = 1) -> Worker:
    """Return a worker of one of the two kinds.

    Raises
    ------
    ValueError
        If ``kind`` is neither ``process`` nor ``inline``.
    """
    makers: dict[str, Callable[[], Worker]] = {
        "inline": InlineWorker,
        "process": lambda: ProcessWorker(threads),
    }
    if kind not in makers:
        raise ValueError(f"worker is {kind!r}; expected 'process' or 'inline'.")
    return makers[kind]()
