"""How long a thread may keep a processor that another one wants.

Linux lets a thread that runs finish its turn of some milliseconds before one that wakes up goes on,
even where the first is nice. A frame wakes a dozen threads on its way, so a lesson beside it would
cost it a dozen such turns. Since Linux 6.12 a thread may ask for shorter turns: its share of the
processor stays the same, it only gives way sooner, and gets its own turn sooner.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform

SHORT_NS = 100_000
"""The shortest turn that Linux grants, in nanoseconds."""

_CALLS = {"x86_64": 314, "aarch64": 274}
"""The number of the system call ``sched_setattr``, which C libraries do not wrap."""
_NORMAL, _BATCH = 0, 3


class _Attributes(ctypes.Structure):
    """The kernel's ``struct sched_attr``, in its first form."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("period", ctypes.c_uint64),
    )


def take_short_turns(batch: bool = False) -> bool:
    """Ask for short turns for the calling thread and those that it starts from now on.

    Parameters
    ----------
    batch : bool
        Whether this is work in the background, which never interrupts anybody when it wakes up.

    Returns
    -------
    bool
        Whether the system took it; older ones keep their turns, which changes no result.
    """
    number = _CALLS.get(platform.machine())
    if platform.system() != "Linux" or number is None:
        return False
    policy = _BATCH if batch else _NORMAL
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    wanted = _Attributes(ctypes.sizeof(_Attributes), policy, 0, nice, 0, SHORT_NS, 0, 0)
    with contextlib.suppress(OSError, AttributeError):
        return ctypes.CDLL(None).syscall(number, 0, ctypes.byref(wanted), 0) == 0
    return False
