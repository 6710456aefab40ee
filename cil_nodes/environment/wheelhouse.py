"""A folder with all that the set-up would fetch or build, for machines without network.

``cil wheelhouse DIR`` fills it; ``CIL_WHEELHOUSE=DIR ./cil`` makes an environment from it alone.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from cil_nodes.environment.errors import SetupError, explain
from cil_nodes.environment.interfaces import built_interfaces, cache_folder, interface_key
from cil_nodes.environment.steps import LIBRARY_PINS, ROS_PINS, TEST_PINS


def fill(root: Path, folder: Path) -> Path:
    """Put wheels of every pin and the built interfaces into `folder`, for this Python version.

    Parameters
    ----------
    root : Path
        The clone, whose environment runs this.
    folder : Path
        Made where it is missing. What it holds for other Python versions stays.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    SetupError
        Where a package cannot be had, or the interfaces are no longer in the cache.
    """
    built = built_interfaces(root)
    if built is None:
        raise SetupError(
            f"the built interfaces are not in {cache_folder()}, from which they are copied.",
            "Remove .venv and run ./cil once; it builds them again and keeps them there.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    # Wheels, not what pip would download: a source archive asks for more when it is installed.
    command = [sys.executable, "-m", "pip", "wheel", "--disable-pip-version-check", "--no-deps"]
    command += ["--wheel-dir", str(folder.absolute()), "--progress-bar", "off"]
    for pins in (LIBRARY_PINS, ROS_PINS, TEST_PINS):
        command += ["-r", pins]
    log = folder / "wheelhouse.log"
    with log.open("w") as file:
        code = subprocess.run(command, cwd=root, stdout=file, stderr=file, check=False).returncode
    if code:
        raise explain("collecting wheels", log.read_text(errors="replace"), log, 2)
    shutil.copytree(built, folder / "interfaces" / interface_key(root), dirs_exist_ok=True)
    return folder
