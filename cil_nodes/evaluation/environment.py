"""Where a run took place: versions of packages, commit, machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "cil-nodes",
    "lightgbm",
    "numpy",
    "onnxruntime",
    "onnxruntime-gpu",
    "opencv-python-headless",
    "scikit-learn",
    "scipy",
)


@cache
def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that can change a figure; absent ones left out."""
    from cil_nodes import __version__

    found = {"python": platform.python_version(), "cil-nodes": __version__}
    for name in PACKAGES:
        if name == "cil-nodes":  # A clone may run without being installed.
            continue
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@cache
def git_commit() -> str:
    """Hash of the checked-out commit of this package's clone; "" outside a clone."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    try:
        answer = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()


@cache
def machine() -> str:
    """A short description of this machine, for figures that depend on it."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    graphics = "with an NVIDIA GPU" if Path("/proc/driver/nvidia/version").exists() else "no GPU"
    plural = "core" if cores == 1 else "cores"
    return f"{cores} {plural}, {graphics}, {platform.machine()}, {sys.platform}"
