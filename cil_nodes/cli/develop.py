"""`cil setup`, `cil test`, `cil python`, `cil wheelhouse`: this clone's environment, and others."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from cil_nodes.cli.common import Commands, add_command, clone_root


def add(commands: Commands) -> None:
    """Add the commands of this family."""
    setup = add_command(
        commands,
        "setup",
        "make the environment, and try again what it had to do without",
        "cil setup",
    )
    setup.set_defaults(run=run_setup)
    test = add_command(
        commands, "test", "run the tests of this clone with pytest", "cil test -k metrics -x"
    )
    test.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="passed on to pytest")
    test.set_defaults(run=run_tests)
    python = add_command(
        commands,
        "python",
        "run Python in this environment, where ROS 2 and cil_nodes can be imported",
        "cil python examples/teach_a_mug.py",
    )
    python.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="passed on to python")
    python.set_defaults(run=run_python)
    wheelhouse = add_command(
        commands,
        "wheelhouse",
        "collect all that the set-up of a clone fetches, for machines without network",
        "cil wheelhouse /media/usb/wheels",
    )
    wheelhouse.add_argument(
        "folder", type=Path, metavar="DIR", help="made where it is missing; 510 MB"
    )
    wheelhouse.set_defaults(run=run_wheelhouse)


def run_setup(options: argparse.Namespace) -> int:
    """Carry out `cil setup`; ``./cil`` has made the environment already."""
    from cil_nodes.environment import __main__ as environment

    root, venv = clone_root(), Path(sys.prefix)
    if not (venv / ".cil").is_dir():
        raise FileNotFoundError(
            f"{venv} was not made by ./cil, so there is nothing to set up here. For the methods "
            "that train networks: pip install 'cil-nodes[torch]'."
        )
    code = environment.main(["--root", str(root), "--venv", str(venv), "--again"])
    if not code:
        print(f"The environment is {venv}")
    return code


def run_tests(options: argparse.Namespace) -> int:
    """Carry out `cil test`."""
    root = clone_root()
    command = [sys.executable, "-m", "pytest", *options.arguments]
    return subprocess.run(command, cwd=root, check=False).returncode


def run_python(options: argparse.Namespace) -> int:
    """Carry out `cil python`."""
    return subprocess.run([sys.executable, *options.arguments], check=False).returncode


def run_wheelhouse(options: argparse.Namespace) -> int:
    """Carry out `cil wheelhouse`."""
    from cil_nodes.environment import wheelhouse

    folder = wheelhouse.fill(clone_root(), options.folder)
    print(f"There, with this clone copied: CIL_WHEELHOUSE={folder.absolute()} ./cil demo")
    return 0
