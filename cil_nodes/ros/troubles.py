"""What is wrong with what comes in: said in words, seldom, and kept for diagnostics.

Plain Python, no ROS.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

EVERY = 5.0
"""Seconds before the same trouble is logged again."""


class BadInputError(ValueError):
    """What another node sent cannot be used; the message says what came and the remedy."""


class Troubles:
    """Logs each trouble at most once in a while; safe between threads.

    Parameters
    ----------
    log : callable
        Takes the sentence.
    clock : callable
        Seconds that only grow, whatever the robot's or a simulation's clock does.
    """

    def __init__(
        self, log: Callable[[str], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._clock = clock
        self._lock = threading.Lock()
        self._logged: dict[str, float] = {}
        self._latest: tuple[float, str] = (float("-inf"), "")

    def tell(
        self,
        key: str,
        text: str,
        every: float = EVERY,
        log: Callable[[str], object] | None = None,
    ) -> bool:
        """Log ``text`` unless trouble of this ``key`` was logged within ``every`` seconds.

        ``log`` takes it in place of the usual one.

        Returns
        -------
        bool
            Whether it was logged now.
        """
        now = self._clock()
        with self._lock:
            self._latest = now, text
            if now - self._logged.get(key, float("-inf")) < every:
                return False
            self._logged[key] = now
        (log or self._log)(text)
        return True

    def latest(self, within: float = EVERY) -> str:
        """Return the trouble of the last ``within`` seconds; empty when there was none."""
        with self._lock:
            when, text = self._latest
            return text if self._clock() - when <= within else ""
