"""How far a lesson is, and when it has to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from cil_nodes.teaching.errors import (
    BadValueError,
    LessonStoppedError,
    TeachingError,
    TimeLimitError,
)

StopRequest = Callable[[], bool]
Progress = Callable[[str, float, str], None]
"""``progress(stage, fraction, message)``; the fraction is that of the whole lesson."""

_SHARES = {
    "preparing": (0.0, 0.1),
    "fitting": (0.1, 0.8),
    "validating": (0.8, 0.9),
    "swapping": (0.9, 1.0),
}


class Deadline:
    """Tells a lesson to stop: on request, or when its time is up.

    Parameters
    ----------
    limit : float or None
        Seconds from now; none for None or 0.
    should_stop : callable or None
        The request.

    Raises
    ------
    BadValueError
        For a limit that is negative, NaN or infinite.
    """

    def __init__(self, limit: float | None, should_stop: StopRequest | None) -> None:
        if limit is not None and not 0 <= limit < math.inf:
            raise BadValueError(
                f"time_limit is {limit:g} s; give seconds above 0, or 0 for no limit."
            )
        self.began = time.monotonic()
        self._end = self.began + limit if limit else math.inf
        self._limit = limit
        self._should_stop = should_stop

    def __call__(self) -> bool:
        """Tell whether to stop now."""
        asked = self._should_stop is not None and self._should_stop()
        return asked or time.monotonic() > self._end

    def refusal(self) -> TeachingError:
        """Return why it stopped."""
        if time.monotonic() > self._end:
            return TimeLimitError(
                f"The lesson took longer than its {self._limit:g} s; the old model answers on and "
                "the samples stay pending. Give it more time, or fewer samples."
            )
        return LessonStoppedError("The lesson was stopped on request; the samples stay pending.")


class Meter:
    """Passes a stage's progress on as that of the whole lesson; it never falls."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._last = 0.0

    def __call__(self, stage: str, fraction: float, message: str) -> None:
        """Take in how far a stage is."""
        low, high = _SHARES[stage]
        self._last = max(self._last, low + (high - low) * min(max(fraction, 0.0), 1.0))
        if self._progress is not None:
            self._progress(stage, self._last, message)


def unwatched(stage: str, fraction: float, message: str) -> None:
    """Progress that nobody looks at."""
