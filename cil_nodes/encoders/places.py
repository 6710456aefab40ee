"""On which processors the threads of an encoder run.

A network of a few milliseconds is a row of short parallel steps. When the scheduler wakes the
second thread on the processor of the first, as it likes to, each step waits for the other thread's
turn, and two threads take longer than one. Threads that stay on processors of their own do not.
"""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Places:
    """Where threads run.

    Attributes
    ----------
    threads : int
        Threads of one inference; 0 leaves it to ONNX Runtime.
    caller : frozenset of int
        Processors for the thread that asks; empty for any.
    helpers : tuple of int
        One processor for each further thread; empty when they are not pinned.
    """

    threads: int
    caller: frozenset[int] = frozenset()
    helpers: tuple[int, ...] = ()

    @classmethod
    def choose(cls, threads: int, pinned: bool) -> Places:
        """Choose among the processors that this process may use.

        Parameters
        ----------
        threads : int
            As wanted; no more than there are processors are taken.
        pinned : bool
            Whether the threads beside the caller's stay where they are put.
        """
        allowed = _processors()
        threads = min(threads, len(allowed)) if allowed else threads
        if not pinned or threads < 2:
            return cls(threads)
        helpers = allowed[-(threads - 1) :]
        return cls(threads, frozenset(allowed) - frozenset(helpers), tuple(helpers))

    def option(self) -> str:
        """Return the helpers as ONNX Runtime takes them: counted from 1."""
        return ";".join(str(helper + 1) for helper in self.helpers)

    def enter(self) -> None:
        """Keep the calling thread to the caller's processors."""
        if self.caller:
            os.sched_setaffinity(0, self.caller)


def _processors() -> list[int]:
    """Return the processors of this process, in order; empty where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
