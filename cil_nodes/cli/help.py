"""`cil doctor`, `cil status` and `cil support-bundle`: what is wrong, and what to do."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path

from cil_nodes.cli.common import Commands, add_command

LOOK = 8.0


def add(commands: Commands) -> None:
    """Add the commands of this family."""
    _add_doctor(commands)
    _add_status(commands)
    _add_bundle(commands)


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


def _add_status(commands: Commands) -> None:
    parser = add_command(
        commands,
        "status",
        "tell how a running graph fares: nodes, rates, losses, what it has learned",
        "cil status namespace:=robot1 --watch",
    )
    _add_namespace(parser)
    parser.add_argument("--watch", action="store_true", help="show it again and again until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="print a JSON object instead")
    parser.add_argument(
        "--seconds",
        type=float,
        default=LOOK,
        metavar="S",
        help=f"how long nodes are waited for (default: {LOOK:g})",
    )
    parser.set_defaults(run=run_status)


def _add_bundle(commands: Commands) -> None:
    parser = add_command(
        commands,
        "support-bundle",
        "gather logs, parameters, versions and events in one file to send to somebody",
        "cil support-bundle namespace:=robot1 --dry-run",
    )
    _add_namespace(parser)
    _add_folder(parser)
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="name of the .tar.gz (default: by the time)"
    )
    parser.add_argument(
        "--pictures", action="store_true", help="put the last pictures of the journal in, too"
    )
    parser.add_argument("--dry-run", action="store_true", help="only list what would be inside")
    parser.set_defaults(run=run_bundle)


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


def run_status(options: argparse.Namespace) -> int:
    """Carry out `cil status`; 1 when something is missing, not active or in error."""
    from cil_nodes.ros import presence

    presence.require()
    from cil_nodes.ros.runner import prepare_environment
    from cil_nodes.support import status
    from cil_nodes.support.graph_watch import GraphWatch

    prepare_environment()
    show = status.as_json if options.json else status.as_text
    with GraphWatch(namespace_of(options)) as watch:
        report = watch.settle(options.seconds, whole=lambda report: not status.missing(report))
        while options.watch:
            clear = "\033[H\033[2J" if sys.stdout.isatty() else ""
            print(f"{clear}{show(report)}", flush=True)
            time.sleep(1.0)
            report = watch.report()
        print(show(report))
    return int(not status.is_well(report))


def run_bundle(options: argparse.Namespace) -> int:
    """Carry out `cil support-bundle`: list what is inside, then write it."""
    from cil_nodes.support import bundle
    from cil_nodes.support.finding import this_machine

    namespace = namespace_of(options)
    output = options.output or Path(bundle.default_name(namespace))
    if output.exists() and not options.dry_run:
        raise FileExistsError(f"{output} exists already; name another: --output FILE")
    with contextlib.suppress(ImportError):  # it is wanted where libraries are broken, too
        from cil_nodes.ros.runner import prepare_environment

        prepare_environment()
    print("Gathering; this takes some seconds.", file=sys.stderr)
    entries = bundle.gather(this_machine(namespace, options.folder), options.pictures)
    print(f"{bundle.contents(entries)}\n{bundle.privacy(options.pictures)}", flush=True)
    if not options.dry_run:
        path = bundle.write(entries, output)
        size = path.stat().st_size / 1024
        print(f"Written: {path} ({size:.0f} KB). Look at it before you send it.")
    return 0
