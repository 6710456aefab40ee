"""torch for the methods that train networks: the CPU build, from PyTorch's own index.

The registry's build for Linux brings gigabytes for a GPU; the one pinned here (``+cpu``) is on
PyTorch's index, or in a folder of wheels that pip is told of. Where neither can be reached, or has
none for this Python, the environment is made without: only some methods cannot learn then.
"""

from __future__ import annotations

from pathlib import Path

from cil_nodes.environment.errors import SetupError

PINS = "requirements-torch.txt"
METHODS = ("clare", "clifer", "repulsion_replay")
"""Methods that train with torch; what they have learned, they answer without it."""

TITLE = "torch, for the methods that train networks"
IMPORT = "import torch"
"""The trial after the installation, which also compiles just those modules that it loads."""

PATIENCE = 60.0
"""Seconds within which pip must have found the file; it would try each address of an index that
does not answer in turn, for many minutes in all."""
FOUND = ("Downloading ", "Using cached ", "Processing ", "Requirement already satisfied")
"""How lines begin by which pip tells that it found the file, after which it may take its time."""
MISSING = "missing "
"""Begins the stamp of a step that was tried in vain."""


def wheel(root: Path) -> list[str]:
    """Return pip's words for torch itself: where to look, and the pin."""
    pin = next(line for line in _lines(root) if line.startswith("torch=="))
    return ["--retries", "1", "--timeout", "15", *_index(root), pin]


def dependencies(root: Path) -> list[str]:
    """Return the pins of what torch stands on, which the usual index has."""
    return [line for line in _lines(root) if not line.startswith(("-", "torch=="))]


def notice(error: SetupError, remedy: str, log: Path) -> str:
    """Tell that there is no torch, what that means, and what to do.

    Parameters
    ----------
    error : SetupError
        Why it could not be had.
    remedy : str
        What to do, once it can be had.
    log : Path
        File with all that was written.
    """
    *most, last = METHODS
    return (
        f"note: no torch here. {error.problem[0].upper()}{error.problem[1:]}\n"
        f"     Without it the methods {', '.join(most)} and {last} cannot learn; all else works.\n"
        f"     When it can be had: {remedy}\n"
        f"     Whole output: {log}"
    )


def _lines(root: Path) -> list[str]:
    lines = (root / PINS).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _index(root: Path) -> list[str]:
    return [word for line in _lines(root) if line.startswith("-") for word in line.split()]
