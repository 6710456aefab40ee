"""Progress and cancellation of one phase."""

from __future__ import annotations

from collections.abc import Callable

from cil_nodes.learners.outcomes import PhaseStopped

ProgressCallback = Callable[[float, str], None]
"""``progress(fraction, stage)``: fraction in [0, 1], never falling; stage in words."""

StopRequest = Callable[[], bool]
"""``should_stop()``: asked at least every 0.2 s while a phase is learned."""


class Phase:
    """Passes progress on, never falling, and asks whether to stop.

    Parameters
    ----------
    progress, should_stop : callable or None
        As in `IncrementalLearner.learn_phase`.
    start, end : float
        The part of [0, 1] that fractions given to `report` are mapped into.
    """

    def __init__(
        self,
        progress: ProgressCallback | None = None,
        should_stop: StopRequest | None = None,
        start: float = 0.0,
        end: float = 1.0,
        parent: Phase | None = None,
    ) -> None:
        self._progress = progress
        self._should_stop = should_stop
        self._start, self._end = start, end
        self._root: Phase = parent._root if parent else self
        self._last = 0.0

    def check(self) -> None:
        """Raise `PhaseStopped` if a stop was asked for."""
        if self._should_stop is not None and self._should_stop():
            raise PhaseStopped("The phase was stopped on request; what was known before stands.")

    def report(self, fraction: float, stage: str) -> None:
        """Say how far this part is (``fraction`` in [0, 1]), then `check`."""
        value = self._start + (self._end - self._start) * min(max(fraction, 0.0), 1.0)
        self._root._last = value = max(value, self._root._last)
        if self._progress is not None:
            self._progress(value, stage)
        self.check()

    def part(self, start: float, end: float) -> Phase:
        """Return a view whose [0, 1] is ``[start, end]`` of this one."""
        width = self._end - self._start
        return Phase(
            self._progress,
            self._should_stop,
            self._start + width * start,
            self._start + width * end,
            self,
        )
