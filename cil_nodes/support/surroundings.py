"""What a program runs in, as text: versions, packages, the system, variables."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path

from cil_nodes import __version__
from cil_nodes.evaluation.environment import git_commit, machine

PREFIXES = ("ROS_", "RMW_", "FASTRTPS_", "FASTDDS_", "CYCLONEDDS_", "CIL_", "AMENT_", "OMP_")
"""Variables that change how the graph runs; no other is taken."""


def versions() -> str:
    """Return versions and variables, one a line."""
    lines = [
        f"cil-nodes {__version__} {git_commit()}".rstrip(),
        f"Python {sys.version}",
        f"system {platform.platform()}",
        f"distribution {_distribution()}",
        f"machine {machine()}",
        "",
        *(
            f"{name}={value}"
            for name, value in sorted(os.environ.items())
            if name.startswith(PREFIXES)
        ),
    ]
    return "\n".join(lines) + "\n"


def packages() -> str:
    """Return every installed package with its version, as ``pip list`` does."""
    found = {str(d.metadata["Name"]): d.version for d in metadata.distributions()}
    return "".join(f"{name}=={found[name]}\n" for name in sorted(found, key=str.lower))


def _distribution() -> str:
    release = Path("/etc/os-release")
    lines = release.read_text().splitlines() if release.is_file() else []
    named = [line.partition("=")[2].strip('"') for line in lines if line.startswith("PRETTY_NAME=")]
    return named[0] if named else "unknown"
