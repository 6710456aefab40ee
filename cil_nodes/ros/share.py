"""Finds the files that come with the package: in a clone, or where colcon installed them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

PACKAGE = "cil_nodes"


def share_folder(kind: str) -> Path:
    """Return the folder ``config`` or ``launch`` of a clone or of an installed package.

    Raises
    ------
    FileNotFoundError
        When neither has it; names both places.
    """
    clone = Path(__file__).resolve().parents[2] / kind
    if clone.is_dir():
        return clone
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    for prefix in filter(None, prefixes):
        folder = Path(prefix) / "share" / PACKAGE / kind
        if folder.is_dir():
            return folder
    raise FileNotFoundError(
        f"There is no folder {kind}: neither {clone} nor share/{PACKAGE}/{kind} in a sourced ROS "
        "workspace. Run from a clone, or source the workspace that the package was built in."
    )


def config_file(name: str) -> Path:
    """Return a file of the folder ``config``."""
    return share_folder("config") / name


def transport_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Environment variables that point Fast DDS at our transports; none if the user set any."""
    names = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
    if any(environment.get(name) for name in names):
        return {}
    return {name: str(config_file("fastdds.xml")) for name in names}
