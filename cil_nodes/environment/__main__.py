"""``python3 -m cil_nodes.environment --root CLONE --venv FOLDER``, as ``./cil`` calls it.

``cil setup`` adds ``--again``.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cil_nodes.environment.errors import SetupError
from cil_nodes.environment.steps import Maker


def main(arguments: list[str] | None = None) -> int:
    """Make the environment; return 0, or 1 after saying what is missing."""
    parser = argparse.ArgumentParser(description="Make the environment of this clone.")
    parser.add_argument("--root", type=Path, required=True, help="the clone")
    parser.add_argument("--venv", type=Path, required=True, help="the environment's folder")
    parser.add_argument("--again", action="store_true", help="only try again what could not be had")
    options = parser.parse_args(arguments)
    # A closed terminal or a kill ends like Ctrl-C: children end too, stamps stay unwritten.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    venv = Path(options.venv).absolute()
    try:
        with _alone(venv):
            maker = Maker(Path(options.root).absolute(), venv)
            maker.try_again() if options.again else maker.make()
    except SetupError as error:
        print(f"cil: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"cil: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("cil: stopped; the next start takes up where this one was", file=sys.stderr)
        return 130
    return 0


@contextmanager
def _alone(venv: Path) -> Iterator[None]:
    """Hold the lock beside `venv`; wait, and say so, while another start holds it.

    Children inherit the lock: a pip that outlives a killed start is waited for as well.
    """
    venv.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{venv}.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("cil: another start is making this environment; waiting", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        os.set_inheritable(lock.fileno(), True)
        yield


if __name__ == "__main__":
    sys.exit(main())
