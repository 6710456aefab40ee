"""Stamps that go backwards: a bag that loops, a simulation that begins anew, a clock put right."""

from __future__ import annotations

from dataclasses import dataclass

NANOSECONDS = 1_000_000_000

JITTER = NANOSECONDS
"""Two cameras on one topic, or parallel work, may be this far out of order."""


@dataclass
class StampWatch:
    """Tells when a stream's stamps go back by more than they do by themselves.

    Attributes
    ----------
    newest_ns : int
        The latest stamp since they last went back.
    """

    newest_ns: int = 0

    def went_back(self, stamp_ns: int) -> float:
        """Take the next stamp; seconds by which it went back, 0.0 where it did not."""
        back = self.newest_ns - stamp_ns
        if back > JITTER:
            self.newest_ns = stamp_ns
            return back / NANOSECONDS
        self.newest_ns = max(self.newest_ns, stamp_ns)
        return 0.0


def back_message(topic: str, seconds: float, so: str) -> str:
    """Say that stamps went back, and what is done about it."""
    return (
        f"Stamps on {topic} went back by {seconds:.1f} s (a bag that loops, a simulation that "
        f"began anew, or a clock that was put right): {so}"
    )
