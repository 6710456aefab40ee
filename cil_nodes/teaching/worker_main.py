"""The training process: reads orders, runs them one by one, ends with its session."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file

from cil_nodes.garbage import spare_what_is_loaded
from cil_nodes.niceness import give_way
from cil_nodes.teaching.content import Recipe
from cil_nodes.teaching.training import Batch, Trainer
from cil_nodes.teaching.worker import fault_of

NICENESS = 10
"""Predictions come first."""

Order = dict[str, Any]


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
        batch, desk = _batch(order), self._desk
        values = order["tuning"], order["state_id"]
        self._trainer.replay(batch, *values, desk.should_stop, desk.progress)

    def learn(self, order: Order) -> dict[str, Any]:
        batch, desk = _batch(order), self._desk
        snapshot = Path(order["snapshot"])
        return asdict(self._trainer.learn(batch, snapshot, desk.progress, desk.should_stop))

    def merge(self, order: Order) -> dict[str, Any]:
        files = Path(order["model"]), Path(order["snapshot"])
        return asdict(self._trainer.merge(*files, self._desk.should_stop))

    def replay_merge(self, order: Order) -> None:
        values = Path(order["model"]), order["tuning"], order["state_id"]
        self._trainer.replay_merge(*values, self._desk.should_stop)

    def commit(self, order: Order) -> None:
        self._trainer.commit(order["state_id"])

    def discard(self, order: Order) -> None:
        self._trainer.discard()

    def consolidate(self, order: Order) -> dict[str, float]:
        desk = self._desk
        return self._trainer.consolidate(desk.progress, desk.should_stop)

    def measure(self, order: Order) -> dict[str, Any]:
        return asdict(self._trainer.measure())

    def export(self, order: Order) -> None:
        self._trainer.export(Path(order["path"]), order["statistics"])


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
    give_way(NICENESS)
    desk = _Desk(Connection(descriptor), scratch)
    operations = _Operations(desk)
    _import_early()
    spare_what_is_loaded()
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
