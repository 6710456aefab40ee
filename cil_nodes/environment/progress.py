"""Lines that tell a person what is being done and how long it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class Progress:
    """Writes one line a step; on a terminal the line of the running step is kept up to date.

    Parameters
    ----------
    stream : text stream
        Where to write; standard error by default, so that output of ``cil`` stays clean.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._done = 0
        self._title = ""
        self._started = 0.0
        self._last = 0.0

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Announce a step, and say at its end how long it took."""
        self._title, self._started = title, time.monotonic()
        self._line(f"{title} ...")
        self._last = time.monotonic()
        try:
            yield
        except BaseException:
            self._finish(f"{title}: not done")
            raise
        self._finish(f"{title}: {time.monotonic() - self._started:.0f} s")
        self._done += 1

    def say(self, note: str) -> None:
        """Write a remark on a line of its own."""
        self._finish(note)

    def update(self, state: str) -> None:
        """Show how far the running step is; every ten seconds where there is no terminal."""
        now = time.monotonic()
        if now - self._last < (0.1 if self._stream.isatty() else 10.0):
            return
        self._last = now
        self._line(f"{self._title}: {state}, {now - self._started:.0f} s")

    def close(self, seconds: float) -> None:
        """Say that the environment is ready."""
        if self._done:
            self._stream.write(f"cil: environment ready after {seconds:.0f} s\n")
            self._stream.flush()

    def _line(self, text: str) -> None:
        end = "" if self._stream.isatty() else "\n"
        self._stream.write(f"{self._start()}cil: {text}{end}")
        self._stream.flush()

    def _finish(self, text: str) -> None:
        self._stream.write(f"{self._start()}cil: {text}\n")
        self._stream.flush()

    def _start(self) -> str:
        return "\r\x1b[K" if self._stream.isatty() else ""
