"""A private folder in memory for files that travel between a session and its worker."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from pathlib import Path

import psutil

_PREFIX = "cil-lesson-"
_LEFT_AFTER = 600.0  # seconds: a folder of a process that is gone is then swept away


def make_scratch() -> Path:
    """Return a new folder that its owner alone can read; in memory where there is such a place.

    It is removed by `remove_scratch`, at the latest when the interpreter ends. What a killed
    process left behind is swept away by the next one.
    """
    memory = Path("/dev/shm")
    place = (
        memory if memory.is_dir() and os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
    )
    _sweep(place)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=place))
    # At the end of an interpreter that did not close its session.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def remove_scratch(folder: Path) -> None:
    """Remove the folder and all in it; a second call does nothing."""
    shutil.rmtree(folder, ignore_errors=True)


def _sweep(place: Path) -> None:
    for folder in place.glob(f"{_PREFIX}*"):
        try:
            status = folder.stat()
            number = folder.name[len(_PREFIX) :].partition("-")[0]
            dead = number.isdecimal() and not psutil.pid_exists(int(number))
            # The age spares the folders of processes that this container cannot see.
            if (
                dead
                and status.st_uid == os.getuid()
                and time.time() - status.st_mtime > _LEFT_AFTER
            ):
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # somebody else swept it
            continue
