"""`cil switch` and `cil rebuild`: another method learns what was taught."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cil_nodes.cli.common import Commands, add_command
from cil_nodes.cli.help import namespace_of

LONGEST = 24 * 3600.0
"""Seconds after which a switch is given up."""


def add(commands: Commands) -> None:
    """Add `cil switch` and `cil rebuild`."""
    switch = add_command(
        commands,
        "switch",
        "have another method learn what a running learner was taught, and answer",
        "cil switch oracil ridge=0.01 namespace:=robot1",
    )
    switch.add_argument("method", metavar="METHOD", help="such as oracil or innamp")
    _add_values(switch, "; namespace:=NAME is the graph's (default: cil)")
    switch.add_argument(
        "--dry-run", action="store_true", help="build and report, but leave the old one answering"
    )
    switch.set_defaults(run=run_switch)
    rebuild = add_command(
        commands,
        "rebuild",
        "have a method learn a journal again, while no learner holds it",
        "cil rebuild --method innamp ~/.ros/robot1 --out innamp.cil",
    )
    rebuild.add_argument("folder", type=Path, metavar="FOLDER", help="the learner's folder")
    _add_values(rebuild, "")
    rebuild.add_argument(
        "--method", default="", metavar="METHOD", help="default: the one that answers there"
    )
    rebuild.add_argument("--seed", type=int, metavar="N", help="default: the one used there")
    rebuild.add_argument(
        "--out",
        type=Path,
        metavar="MODEL",
        help="write a model file; without it the folder's learner answers with the new model",
    )
    rebuild.set_defaults(run=run_rebuild)


def _add_values(parser: argparse.ArgumentParser, more: str) -> None:
    words = f"parameters of the method; the rest has its defaults{more}"
    parser.add_argument("values", nargs="*", metavar="name=value", help=words)


def run_switch(options: argparse.Namespace) -> int:
    """Carry out `cil switch`."""
    from cil_nodes.ros import presence

    presence.require()
    from cil_nodes.client import Teacher
    from cil_nodes.ros.runner import prepare_environment

    options.arguments = [word for word in options.values if ":=" in word]
    pairs = [word.partition("=") for word in options.values if ":=" not in word]
    parameters = _parameters(pairs)
    prepare_environment()
    with Teacher(namespace=f"/{namespace_of(options)}") as teacher:
        done = teacher.switch_method(
            options.method, parameters, not options.dry_run, _tell, timeout=LONGEST
        )
    print(
        f"Version {done.version} answers; {options.method} learned the journal again in "
        f"{done.seconds:.1f} s.{_accuracies(done.accuracy_before, done.accuracy_after)}"
    )
    return 0


def _parameters(pairs: list[tuple[str, str, str]]) -> dict[str, str]:
    for name, sign, value in pairs:
        if not (name and sign):
            raise ValueError(f"{name + value!r} is no parameter; write name=value.")
    return {name: value for name, _, value in pairs}


def run_rebuild(options: argparse.Namespace) -> int:
    """Carry out `cil rebuild`."""
    from cil_nodes.teaching import Session
    from cil_nodes.teaching.switching import last_recipe, settings_of

    folder = options.folder.expanduser()
    recipe = last_recipe(folder)
    method = options.method or (recipe.method if recipe else "oracil")
    settings = settings_of(method, options.values)
    known = {"method": method} if recipe is None else vars(recipe).copy()
    known["random_state"] = known.pop("seed", 0)
    with Session(folder, **known) as session:
        done = session.switch_method(
            options.method, settings, options.seed, _tell, swap=not options.out, save_to=options.out
        )
    if options.out:
        figures = _accuracies(done.accuracy_before, done.accuracy_after)
        print(f"{options.out}: {done.samples} samples learned by {done.method}.{figures}")
    else:
        print(done.in_words())
    return 0


def _tell(fraction: float, done: int, total: int, message: str) -> None:
    """Show progress in one line of a terminal; say nothing elsewhere."""
    if sys.stderr.isatty():
        end = "\n" if fraction >= 1 else ""
        print(f"\r\033[K{fraction:4.0%}  {message}", end=end, file=sys.stderr, flush=True)


def _accuracies(before: float, after: float) -> str:
    pairs = (("before", before), ("now", after))
    known = [f"{words} {value:.1%}" for words, value in pairs if value == value]
    return f" Accuracy on held-out samples: {', '.join(known)}." if known else ""
