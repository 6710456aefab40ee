"""What the families of commands share."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

Commands = argparse._SubParsersAction  # what add_subparsers returns has no public name


class Help(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of examples, and the commands in the order they are meant to be read."""


def add_command(commands: Commands, name: str, words: str, example: str) -> argparse.ArgumentParser:
    """Add a command whose help ends with a line to copy."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=words,
        description=words[0].upper() + words[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=Help,
    )
    return parser


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add ``--data``; see :func:`set_data`."""
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder of data sets (default: the environment variable CIL_DATA)",
    )


def set_data(folder: Path | None) -> None:
    """Let every process started from here find the data where the user said.

    Raises
    ------
    FileNotFoundError
        When there is no such folder.
    """
    if folder is None:
        return
    if not folder.is_dir():
        raise FileNotFoundError(f"--data {folder}: there is no such folder.")
    os.environ["CIL_DATA"] = str(folder.resolve())


def clone_root() -> Path:
    """Return the folder of the clone this package runs from.

    Raises
    ------
    FileNotFoundError
        When the package was installed without its clone.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / "pyproject.toml").is_file():
        raise FileNotFoundError(
            f"{root} is not a clone of cil_nodes (it has no pyproject.toml). This command needs "
            "the clone: run ./cil in it."
        )
    return root
