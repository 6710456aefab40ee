"""`cil doctor`, `cil status` and `cil support-bundle`: what is wrong, and what to do."""

from __future__ import annotations

import argparse
from pathlib import Path

from cil_nodes.cli.common import Commands, add_command


def add(commands: Commands) -> None:
    """Add the commands of this family."""
    _add_doctor(commands)


def _add_doctor(commands: Commands) -> None:
    parser = add_command(
        commands,
        "doctor",
        "look at everything that the graph stands on, and say what to mend",
        "cil doctor namespace:=robot1",
    )
    _add_namespace(parser)
    _add_folder(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON list instead")
    parser.set_defaults(run=run_doctor)


def _add_namespace(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "arguments", nargs="*", metavar="namespace:=NAME", help="the graph's (default: cil)"
    )


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="the learner's (default: ~/.ros/NAMESPACE)"
    )


def namespace_of(options: argparse.Namespace) -> str:
    """Return the namespace given as ``namespace:=NAME``, without slashes; ``cil`` by default.

    Raises
    ------
    ValueError
        For any other word.
    """
    chosen = "cil"
    for word in options.arguments:
        name, sign, value = word.partition(":=")
        if name != "namespace" or not sign or not value.strip("/"):
            raise ValueError(f"Cannot read {word!r}: only namespace:=NAME is taken here.")
        chosen = value.strip("/")
    return chosen


def run_doctor(options: argparse.Namespace) -> int:
    """Carry out `cil doctor`; 1 when there is something to mend."""
    from cil_nodes.support import doctor
    from cil_nodes.support.finding import this_machine

    findings = doctor.examine(this_machine(namespace_of(options), options.folder))
    print(doctor.as_json(findings) if options.json else doctor.as_text(findings))
    return int(doctor.has_problem(findings))
