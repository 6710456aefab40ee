"""The parser of `cil`, and what happens around every command.

Each command parses, calls the library and prints. Exit codes: 0 done; 1 failed, with one line that
says why and what to do; 2 wrong usage; 130 interrupted. `cil test` ends as pytest does, `cil
python` as the script, `cil up` as the graph does.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import traceback
from collections.abc import Sequence

from cil_nodes import __version__
from cil_nodes.cli import bench, develop, graph, help, journal, merge, switch
from cil_nodes.cli.common import Help

FAMILIES = (graph, help, journal, merge, switch, bench, develop)
"""Modules with commands, in the order in which `cil --help` shows them."""

EXAMPLES = """examples:
  cil demo
  cil up source:=device:0
  cil test -k oracil

exit codes:
  0 done    1 failed: one line says why and what to do    2 wrong usage    130 interrupted"""
# Errors with a sentence written for the user, beside all that this package defines itself;
# anything else is a defect and shows its traceback.
EXPECTED = (OSError, ValueError, ModuleNotFoundError, subprocess.SubprocessError)


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of the `cil` command."""
    parser = argparse.ArgumentParser(
        prog="cil",
        description="Online class-incremental learning for robots.",
        epilog=EXAMPLES,
        formatter_class=Help,
    )
    parser.add_argument("--version", action="version", version=f"cil {__version__}")
    parser.add_argument(
        "--debug", action="store_true", help="show where in the code an error came from"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for family in FAMILIES:
        family.add(commands)
    return parser


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse a command line; `cil test` and `cil python` hand on what only those know.

    Parameters
    ----------
    arguments : sequence of str
        Without the name of the command itself.
    """
    parser = build_parser()
    options, rest = parser.parse_known_args(arguments)
    hands_on = options.command in ("test", "python")
    if rest and not hands_on:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if hands_on:
        start = list(arguments).index(options.command)
        options.arguments = list(arguments)[start + 1 :]
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the `cil` command; return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of this process.
    """
    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        print("cil: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        ours = type(error).__module__.startswith("cil_nodes")
        if options.debug or not (ours or isinstance(error, EXPECTED)):
            traceback.print_exc()
        print(f"cil: error: {error}", file=sys.stderr)
        return 1
