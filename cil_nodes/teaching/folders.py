"""Where a learner keeps what it is taught, when nobody says."""

from __future__ import annotations

import os
from pathlib import Path

JOURNAL = "journal.sqlite"
SNAPSHOTS = "snapshots"
MODELS = "models"
"""Names inside a session's folder."""


def default_folder(namespace: str = "") -> Path:
    """Return the folder of the learner in a namespace: ``~/.ros/cil``, unless ``$ROS_HOME`` is set.

    Parameters
    ----------
    namespace : str
        ``/cil`` or ``cil``; empty is ``cil``.
    """
    home = Path(os.environ.get("ROS_HOME") or "~/.ros").expanduser()
    return home / (namespace.strip("/") or "cil")
