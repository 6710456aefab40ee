"""Giving way to the rest of the machine."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


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
            Path("/proc/self/autogroup").write_text(str(niceness))
