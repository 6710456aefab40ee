"""Let through no more than so many a second."""

from __future__ import annotations

import time
from collections.abc import Callable


class Throttle:
    """Tells whether one more may pass now.

    Parameters
    ----------
    rate : callable
        The rate in Hz, asked each time so that it may change; 0 lets nothing through.
    clock : callable
        Seconds that only grow.
    """

    def __init__(
        self, rate: Callable[[], float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._clock = clock
        self._next = float("-inf")

    def __call__(self) -> bool:
        """Return True, at most ``rate`` times a second."""
        rate, now = self._rate(), self._clock()
        # A frame that comes a little early still belongs to its tick: 30 Hz jitters.
        if rate <= 0 or now < self._next - 0.1 / rate:
            return False
        self._next = max(self._next, now - 0.5 / rate) + 1.0 / rate
        return True
