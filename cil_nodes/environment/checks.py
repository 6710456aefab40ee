"""What the set-up needs of a machine, asked before anything is made."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path

from cil_nodes.environment.errors import SetupError

OLDEST_GLIBC = (2, 28)
NEEDED_GIGABYTES = 4.0
_WITH_ROS = (
    "Install ROS 2 Jazzy and build the workspace: docs/installation.md says how, and what\n"
    "works on arm64. In short: pip install -e '.[cpu,encoders,bags]', cd ros2_ws && colcon build."
)


def check_processor(system: str | None = None, machine: str | None = None) -> None:
    """Raise unless this is x86-64 Linux, for which wheels of ROS 2 exist.

    Parameters
    ----------
    system, machine : str, optional
        As :func:`platform.system` and :func:`platform.machine` name them; asked when not given.
    """
    system = system or platform.system()
    machine = machine or platform.machine()
    if (system, machine) != ("Linux", "x86_64"):
        raise SetupError(
            f"there are no ROS 2 wheels for {system} on {machine}, only for Linux on x86_64.",
            _WITH_ROS,
        )


def check_c_library(name: str | None = None, version: str | None = None) -> None:
    """Raise where the C library is not glibc, or older than the wheels ask for.

    Parameters
    ----------
    name, version : str, optional
        As :func:`platform.libc_ver` gives them; asked when not given.
    """
    if name is None or version is None:
        name, version = platform.libc_ver()
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if name != "glibc" or numbers < OLDEST_GLIBC:
        oldest = ".".join(map(str, OLDEST_GLIBC))
        here = f"{name or 'another C library'} {version}".strip()
        raise SetupError(
            f"the wheels need glibc {oldest} or newer; this system has {here}.",
            f"Debian 10, Ubuntu 20.04 or newer have it; Alpine (musl) does not.\n{_WITH_ROS}",
        )


def check_venv_module() -> None:
    """Raise where Python came without the modules that make virtual environments."""
    missing = [m for m in ("venv", "ensurepip") if importlib.util.find_spec(m) is None]
    if missing:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise SetupError(
            f"this Python {version} has no module {' and no '.join(missing)}.",
            f"Debian, Ubuntu: sudo apt install python3-venv (or python{version}-venv).\n"
            "Without root, name an interpreter that has it: CIL_PYTHON=/path/to/python3 ./cil",
        )


def check_space(folder: Path, needed: float = NEEDED_GIGABYTES) -> None:
    """Raise where `folder` lies on a disk with less than `needed` gigabytes free."""
    free = shutil.disk_usage(folder).free / 1e9
    if free < needed:
        raise SetupError(
            f"the environment needs about {needed:g} GB; {folder} has {free:.1f} GB free.",
            "Free some space, or name a folder elsewhere: CIL_VENV=/big/disk/venv ./cil\n"
            "Temporary files go to TMPDIR, pip's downloads to PIP_CACHE_DIR.",
        )


def check_place(venv: Path) -> None:
    """Raise where the environment's folder cannot be written, used, or is not ours to replace."""
    if os.pathsep in str(venv):
        raise SetupError(
            f"the path {venv} holds a colon, which separates paths in environment variables.",
            "Move the clone, or name another folder: CIL_VENV=/other/place ./cil",
        )
    if venv.exists() and not (venv / ".cil").is_dir():
        raise SetupError(
            f"{venv} exists and was not made by ./cil.",
            "Move it away, or name another folder: CIL_VENV=/other/place ./cil",
        )
    if not os.access(venv.parent, os.W_OK):
        raise SetupError(
            f"{venv.parent} cannot be written by this user.",
            "Clone into a folder of your own, or name one: CIL_VENV=$HOME/cil-venv ./cil",
        )


def wheelhouse() -> Path | None:
    """Return the folder of wheels that ``CIL_WHEELHOUSE`` names, or None.

    Raises
    ------
    SetupError
        Where it names no folder.
    """
    wanted = os.environ.get("CIL_WHEELHOUSE")
    if not wanted:
        return None
    folder = Path(wanted).absolute()
    if not folder.is_dir():
        raise SetupError(
            f"CIL_WHEELHOUSE={wanted} is no folder.",
            "Name one that `cil wheelhouse DIR` filled, or unset it.",
        )
    return folder


def check_machine(venv: Path) -> None:
    """Ask everything that can be asked before the first step; raise at the first thing missing."""
    check_processor()
    check_c_library()
    check_venv_module()
    check_place(venv)
    check_space(venv.parent)
    wheelhouse()
