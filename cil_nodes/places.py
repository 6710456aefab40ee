"""Where the graph keeps things, known without importing what keeps them: standard library only."""

from __future__ import annotations

import os
import re
from pathlib import Path


def ros_home() -> Path:
    """Return the folder of ROS: ``$ROS_HOME``, else ``~/.ros``."""
    return Path(os.environ.get("ROS_HOME") or "~/.ros").expanduser()


def default_folder(namespace: str = "") -> Path:
    """Return the folder of the learner in a namespace: ``~/.ros/cil``, unless ``$ROS_HOME`` is set.

    Parameters
    ----------
    namespace : str
        ``/cil`` or ``cil``; empty is ``cil``.
    """
    return ros_home() / (namespace.strip("/") or "cil")


def log_folder() -> Path:
    """Return where nodes write their logs: ``$ROS_LOG_DIR``, else ``log`` in ROS's folder."""
    chosen = os.environ.get("ROS_LOG_DIR")
    return Path(chosen).expanduser() if chosen else ros_home() / "log"


def cache_folder() -> Path:
    """Return the cache of encoders and features: ``$CIL_CACHE``, else ``~/.cache/cil``."""
    return Path(os.environ.get("CIL_CACHE") or "~/.cache/cil").expanduser()


def config_folder() -> Path:
    """Return the folder ``config`` of this clone or installation; it may not exist."""
    here = Path(__file__).resolve().parents[1] / "config"
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    shares = [Path(prefix) / "share" / "cil_nodes" / "config" for prefix in prefixes if prefix]
    return next((folder for folder in [here, *shares] if folder.is_dir()), here)


def existing_parent(folder: Path) -> Path:
    """Return the folder itself, or the nearest one above it that exists."""
    return next(place for place in [folder, *folder.absolute().parents] if place.exists())


def without_user(text: str) -> str:
    """Put ``~`` for home folders in a text, which have the names of users in them."""
    home = str(Path.home())
    if len(home) > 1:
        text = re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)
    return re.sub(r"/(?:home|Users)/[\w.-]+", "~", text)
