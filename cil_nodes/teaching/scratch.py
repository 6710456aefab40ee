"""A private folder in memory for files that travel between a session and its worker."""

from __future__ import annotations

import atexit
import errno
import logging
import os
import shutil
import tempfile
import time
from pathlib import Path

import psutil
from safetensors import SafetensorError

from cil_nodes.teaching.errors import StorageError

log = logging.getLogger(__name__)

MEMORY = Path("/dev/shm")
"""Where the files are in memory; containers often have 64 MB of it, shared by everything."""

MIN_ROOM = 16 * 2**20
"""Bytes that have to be free there; else the files go to a disk, which is slower but larger."""

_PREFIX = "cil-lesson-"
_LEFT_AFTER = 600.0  # seconds: a folder of a process that is gone is then swept away


def make_scratch(in_memory: bool = True) -> Path:
    """Return a new folder that its owner alone can read; in memory where there is room for it.

    It is removed by `remove_scratch`, at the latest when the interpreter ends. What a killed
    process left behind is swept away by the next one.

    Raises
    ------
    StorageError
        If it cannot be made.
    """
    place = MEMORY if in_memory and _is_usable(MEMORY) else Path(tempfile.gettempdir())
    _sweep(place)
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=place))
    except OSError as error:
        raise StorageError(no_room(place, error.strerror or "")) from error
    # At the end of an interpreter that did not close its session.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def no_room(place: Path, why: str) -> str:
    """Return the sentence for a place that takes no more of a lesson's files."""
    return (
        f"A lesson's files cannot be written to {place}: {why}. Free some of it, or name a folder "
        "with room in the environment variable TMPDIR. What was labelled is safe in the journal."
    )


def is_full(error: BaseException) -> bool:
    """Tell whether an error says that there is no room; safetensors has it in words only."""
    full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    if isinstance(error, OSError):
        return error.errno in full
    return isinstance(error, SafetensorError) and any(f"os error {n})" in str(error) for n in full)


def _is_usable(place: Path) -> bool:
    if not (place.is_dir() and os.access(place, os.W_OK)):
        return False
    free = psutil.disk_usage(str(place)).free
    if free < MIN_ROOM:
        log.warning(
            "%s has %.1f MB left; lessons go through %s, which is slower.",
            *(place, free / 2**20, tempfile.gettempdir()),
        )
    return free >= MIN_ROOM


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
