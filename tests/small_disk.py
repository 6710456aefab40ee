"""A disk of one megabyte, to be filled in earnest."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    """A mounted file system with little room.

    Attributes
    ----------
    folder : Path
        Where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self, leave: int = 0) -> None:
        """Take all the room that is left, but for ``leave`` bytes."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (65536, 4096, 512, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue
            file.truncate(max(0, file.tell() - leave))

    def free(self) -> None:
        """Give the room back."""
        self._filler.unlink()

    def remount(self, how: str) -> None:
        """Make it ``ro`` or ``rw``."""
        command = ["mount", "-o", f"remount,{how}", str(self.folder)]
        subprocess.run(command, check=True, capture_output=True)


@contextmanager
def small_disk(folder: Path, size: str = "1m") -> Iterator[SmallDisk]:
    """Mount a disk of ``size`` on a new folder; skips the test where that is not allowed."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "cil-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)
