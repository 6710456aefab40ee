"""A folder with all that the set-up would fetch or build, for machines without network.

``cil wheelhouse DIR`` fills it; ``CIL_WHEELHOUSE=DIR ./cil`` makes an environment from it alone.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from cil_nodes.environment import torch_build
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
        Where a package cannot be had, or the interfaces are no longer in the cache; of torch it is
        only said.
    """
    built = built_interfaces(root)
    if built is None:
        raise SetupError(
            f"the built interfaces are not in {cache_folder()}, from which they are copied.",
            "Remove .venv and run ./cil once; it builds them again and keeps them there.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "wheelhouse.log"
    log.unlink(missing_ok=True)
    everything = [word for pins in (LIBRARY_PINS, ROS_PINS, TEST_PINS) for word in ("-r", pins)]
    _collect(root, folder, log, everything)
    try:
        _collect(root, folder, log, torch_build.dependencies(root))
        _collect(root, folder, log, torch_build.wheel(root))
    except SetupError as error:
        again = f"cil wheelhouse {folder}"
        print(f"cil: {torch_build.notice(error, again, log)}", file=sys.stderr)
    shutil.copytree(built, folder / "interfaces" / interface_key(root), dirs_exist_ok=True)
    return folder


def _collect(root: Path, folder: Path, log: Path, words: list[str]) -> None:
    """Have pip put wheels of what `words` ask for into `folder`, and write to `log`."""
    # Wheels, not what pip would download: a source archive asks for more when it is installed.
    command = [sys.executable, "-m", "pip", "wheel", "--disable-pip-version-check", "--no-deps"]
    command += ["--wheel-dir", str(folder.absolute()), "--progress-bar", "off", *words]
    done = subprocess.run(
        command,
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    with log.open("a") as file:
        file.write(f"$ {' '.join(command)}\n{done.stdout}\n")
    if done.returncode:
        raise explain("collecting wheels", done.stdout, log, 2)
