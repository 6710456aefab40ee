"""The ``cil`` command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def run_tests(arguments: list[str]) -> int:
    """Run the clone's tests with pytest; return its exit status."""
    root = Path(__file__).resolve().parent.parent
    return subprocess.call([sys.executable, "-m", "pytest", *arguments], cwd=root)


def main(arguments: list[str] | None = None) -> int:
    """Run the subcommand named first; return the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["test"]:
        return run_tests(arguments[1:])
    print("usage: cil test [PYTEST ARGUMENTS]", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
