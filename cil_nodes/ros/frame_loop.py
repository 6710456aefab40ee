"""The camera's thread: opens a frame source, takes frames at a rate, tries again when it goes.

Knows nothing of ROS, so that it can be tested with any source.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

from cil_nodes.datasets.frames import Frame, FrameSource, SourceError

SLOWEST = 10.0
"""Seconds between attempts to open a lost source, at most; who plugs it in should not wait long."""


class FrameLoop:
    """Takes frames from a source, at most ``rate()`` a second, and delivers each.

    A source that shows on request is silent until :meth:`show` and :meth:`release`. One that
    should never end (a device, or what loops) is opened again when it goes away, less and less
    often; a device's frames beyond the rate are skipped, so that what is delivered is never old.
    Any other source ends with its last frame.

    Parameters
    ----------
    open_source : callable
        Opens the source; raises `SourceError`.
    deliver : callable
        Takes each frame, in the loop's thread.
    rate : callable
        The most frames a second, asked before each.
    report : callable
        Takes a sentence when the source goes, comes back or ends: once each.
    live : bool
        Whether the source is a device, which may be absent at the start.
    retry : float
        Seconds before the first attempt to open a lost source again; doubled with each that fails,
        up to :data:`SLOWEST`.
    """

    def __init__(
        self,
        open_source: Callable[[], FrameSource],
        deliver: Callable[[Frame], None],
        rate: Callable[[], float],
        report: Callable[[str], None],
        *,
        live: bool = False,
        retry: float = 2.0,
    ) -> None:
        self._open, self._deliver, self._rate, self._report = open_source, deliver, rate, report
        self._live, self._retry = live, retry
        self._source: FrameSource | None = None
        self._lock = threading.Lock()  # guards the source between show and the thread
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._due = 0.0
        self._attempts = 0
        self._lost = False
        self._said = ""  # the last fault, until a frame comes

    @property
    def source(self) -> FrameSource | None:
        """The source, while it is open."""
        return self._source

    def open(self) -> None:
        """Open the source now; a live one that is not there is left to the thread.

        Raises
        ------
        SourceError
            When a source that is not live cannot be opened.
        """
        try:
            self._source = self._open()
        except SourceError as error:
            if not self._live:
                raise
            self._report_lost(str(error))

    def start(self) -> None:
        """Start delivering frames."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="frames", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a second call does nothing."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(10)
            self._thread = None

    def close(self) -> None:
        """Stop and give back the source."""
        self.stop()
        if self._source is not None:
            self._source.close()
            self._source = None

    def show(self, label: str, views: int, fresh_backdrop: bool) -> int:
        """Queue views of an object; they are delivered after :meth:`release`.

        Returns
        -------
        int
            Frames queued.

        Raises
        ------
        SourceError, KeyError
            When the source cannot show, or has no such object.
        """
        with self._lock:
            if self._source is None:
                raise SourceError("The camera has no open source to show anything with.")
            return self._source.show(label, views, fresh_backdrop)

    def release(self) -> None:
        """Deliver what was queued by :meth:`show`."""
        self._wake.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._step()
            except Exception as error:  # one bad picture must not end the camera without a word
                self._tell(f"A frame was lost: {type(error).__name__}: {error}")
                self._stop.wait(1.0 / self._rate())

    def _step(self) -> None:
        if self._source is None:
            self._reopen()
            return
        frame = self._next()
        if frame is not None:
            self._found()
            self._pass_on(frame)
        elif self._source is not None:
            self._idle()

    def _reopen(self) -> None:
        pause = min(self._retry * 2.0**self._attempts, max(SLOWEST, self._retry))
        if self._stop.wait(pause):
            return
        self._attempts += 1
        with contextlib.suppress(SourceError):  # said once already, when it went
            self._source = self._open()

    def _next(self) -> Frame | None:
        # On request the flag is lowered before the queue is read: a release meanwhile is kept.
        if self._source is not None and self._source.can_show:
            if not self._wake.wait(0.2):
                return None
            self._wake.clear()
        with self._lock:
            frame = self._source.next_frame() if self._source is not None else None
        if frame is not None:
            self._wake.set()
        elif self._source is not None and (self._live or self._source.endless):
            self._lose(self._source)
        return frame

    def _found(self) -> None:
        """A frame came; one, not an opened device, is what shows that the camera is back."""
        if self._lost:
            self._report("The camera is back: frames come again.")
        self._attempts, self._lost, self._said = 0, False, ""

    def _lose(self, source: FrameSource) -> None:
        source.close()
        self._source = None
        if not self._lost:
            self._report_lost(source.ending)

    def _report_lost(self, text: str) -> None:
        self._lost = True
        self._report(
            f"{text} Trying again in {self._retry:g} s, then at least every {SLOWEST:g} s."
        )

    def _tell(self, text: str) -> None:
        """Report a fault unless it was the last thing said."""
        if text != self._said:
            self._said = text
            self._report(text)

    def _idle(self) -> None:
        if self._source is not None and not self._source.can_show:
            self._report(self._source.ending)
            self._stop.wait()

    def _pass_on(self, frame: Frame) -> None:
        now = time.monotonic()
        if frame.stamp_ns is not None and now < self._due:
            return  # live: the device sets the pace, this one comes too soon
        if now < self._due and self._stop.wait(self._due - now):
            return
        now, period = time.monotonic(), 1.0 / self._rate()
        # small delays are caught up with, so that the mean is the rate; pauses are not
        self._due = period + (self._due if now - self._due < period else now)
        if frame.stamp_ns is not None:
            self._due -= period / 8  # else its own jitter would halve a 30 Hz device at 30 Hz
        self._deliver(frame)
