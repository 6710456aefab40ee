"""The training process: reads orders, runs them one by one, ends with its session."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from safetensors.numpy import load_file

from cil_nodes.teaching.content import Recipe
from cil_nodes.teaching.training import Batch, Trainer
from cil_nodes.teaching.worker import fault_of

NICENESS = 10
"""Predictions come first."""

LONG_LESSON = 500
"""Samples from which on a lesson gives way altogether; a shorter one is waited for."""

Order = dict[str, Any]
T = TypeVar("T")


class _Desk:
    """Reads orders in a thread of its own, so that a stop is seen while a lesson runs."""

    def __init__(self, pipe: Connection, scratch: Path) -> None:
        self._pipe = pipe
        self._scratch = scratch
        self._orders: queue.Queue[Order] = queue.Queue()
        self._stopped = 0
        self._current = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                order = json.loads(self._pipe.recv_bytes())
            except (EOFError, OSError):
                # The session has ended or was killed: nobody waits for this process any more.
                shutil.rmtree(self._scratch, ignore_errors=True)
                os._exit(0)
            if order["operation"] == "stop":
                self._stopped = order["call"]
            else:
                self._orders.put(order)

    def next(self) -> Order:
        order = self._orders.get()
        self._current = order["call"]
        return order

    def should_stop(self) -> bool:
        return self._stopped == self._current

    def answer(self, **values: Any) -> None:
        self._pipe.send_bytes(json.dumps({"call": self._current, **values}).encode())

    def progress(self, stage: str, fraction: float, message: str) -> None:
        self.answer(progress=[stage, fraction, message])


class _Operations:
    """What can be ordered, by name."""

    def __init__(self, desk: _Desk) -> None:
        self._desk = desk
        self._trainer = Trainer()
        self.recipe = Recipe("")

    def reset(self, order: Order) -> None:
        self.recipe = Recipe(order["method"], order["parameters"], order["seed"])
        self._trainer.reset(self.recipe, order["base"], order["state_id"])

    def replay(self, order: Order) -> None:
        batch = _batch(order)
        self._trainer.replay(batch, order["tuning"], order["state_id"], self._desk.should_stop)

    def learn(self, order: Order) -> dict[str, Any]:
        batch, desk = _batch(order), self._desk
        learn = partial(
            self._trainer.learn, batch, Path(order["snapshot"]), desk.progress, desk.should_stop
        )
        return asdict(giving_way(learn) if len(batch.labels) >= LONG_LESSON else learn())

    def commit(self, order: Order) -> None:
        self._trainer.commit(order["state_id"])

    def discard(self, order: Order) -> None:
        self._trainer.discard()

    def consolidate(self, order: Order) -> dict[str, float]:
        desk = self._desk
        return giving_way(partial(self._trainer.consolidate, desk.progress, desk.should_stop))

    def export(self, order: Order) -> None:
        self._trainer.export(Path(order["path"]), order["statistics"])


def giving_way(work: Callable[[], T]) -> T:
    """Do work in a thread that runs only while nobody else wants its processor.

    A nice process gets less of a processor, but Linux lets it finish its turn of some milliseconds
    before one that wakes up goes on, and a frame wakes a dozen threads on its way. A thread of the
    idle class gives way at once; there is no way back from it without privileges, so it ends with
    the work.
    """
    with ThreadPoolExecutor(1, initializer=_enter_idle_class) as aside:
        return aside.submit(work).result()


def _enter_idle_class() -> None:
    if hasattr(os, "SCHED_IDLE"):
        with contextlib.suppress(OSError):  # some containers forbid it
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _batch(order: Order) -> Batch:
    arrays = load_file(order["file"])
    return Batch(arrays["X"], order["labels"], arrays["held_out"].astype(bool))


def _import_early() -> None:
    """Load what every lesson needs while nobody waits for it."""
    import scipy.linalg  # noqa: F401
    import sklearn.utils.validation  # noqa: F401


def main(descriptor: int, scratch: Path) -> None:
    """Serve orders until the session goes away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the session's to handle
    os.nice(NICENESS)
    desk = _Desk(Connection(descriptor), scratch)
    operations = _Operations(desk)
    _import_early()
    while True:
        order = desk.next()
        operation: Callable[[Order], Any] = getattr(operations, order["operation"])
        try:
            result = operation(order)
        except Exception as error:
            written = order.get("snapshot") or order.get("path") or f"{scratch}/."
            kind, text = fault_of(error, operations.recipe, Path(written).parent)
            desk.answer(fault=kind, text=text)
        else:
            desk.answer(result=result)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
