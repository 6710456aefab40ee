"""Giving way to the rest of the machine."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

TRIES, PAUSE = 10, 0.11
"""How often, and every how many seconds, a write that came too soon is tried again."""


def give_way(niceness: int) -> None:
    """Let this process have a processor when others do not want it.

    Linux shares processors out among sessions first, where "autogroup" is on, as it is on desktops
    and most robots; niceness then only counts within a session. So a process that has a session of
    its own makes that one nice as well. There is no way back without privileges.

    Parameters
    ----------
    niceness : int
        0 to 19; 10 is a tenth of the weight of others.
    """
    os.nice(niceness)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):  # a kernel without it
            _set_autogroup(niceness)


def _set_autogroup(niceness: int) -> None:
    """Write the session's niceness; Linux takes ten of these a second from all users together."""
    for _ in range(TRIES):
        try:
            Path("/proc/self/autogroup").write_text(str(niceness))
            return
        except BlockingIOError:
            time.sleep(PAUSE)
