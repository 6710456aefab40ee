"""`cil journal`: whether what was taught is whole on the disk, and how to rescue it."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

from cil_nodes.cli.common import Commands, add_command

if TYPE_CHECKING:
    from cil_nodes.teaching.checking import Health
    from cil_nodes.teaching.salvage import Repair


def add(commands: Commands) -> None:
    """Add `cil journal check | repair`."""
    parser = add_command(
        commands,
        "journal",
        "look over what a learner keeps on disk, and rescue it",
        "cil journal check ~/.ros/cil",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = add_command(
        actions,
        "check",
        "look over journal, snapshots and disk; 1 when something is wrong",
        "cil journal check ~/.ros/robot1 --json",
    )
    _add_folder(check)
    check.set_defaults(run=run_check)
    repair = add_command(
        actions,
        "repair",
        "make a whole journal of a torn one, which is kept beside it",
        "cil journal repair ~/.ros/robot1",
    )
    _add_folder(repair)
    repair.set_defaults(run=run_repair)


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="FOLDER",
        help="the learner's folder (default: ~/.ros/cil, where it lies unless told otherwise)",
    )
    parser.add_argument("--json", action="store_true", help="print for programs")


def run_check(options: argparse.Namespace) -> int:
    """Carry out `cil journal check`."""
    from cil_nodes.teaching import checking

    health = checking.check(_folder(options))
    print(_as_json(health) if options.json else _in_words(health))
    return 0 if health.sound else 1


def run_repair(options: argparse.Namespace) -> int:
    """Carry out `cil journal repair`."""
    from cil_nodes.teaching import salvage

    folder = _folder(options)
    outcome = salvage.repair(folder)
    print(_as_json(outcome) if options.json else _told(folder, outcome))
    return 0


def _folder(options: argparse.Namespace) -> Path:
    from cil_nodes.places import default_folder

    return (options.folder or default_folder()).expanduser()


def _as_json(outcome: Health | Repair) -> str:
    return json.dumps(dataclasses.asdict(outcome), indent=2)


def _in_words(health: Health) -> str:
    counts = ", ".join(f"{number} {name}" for name, number in health.counts.items())
    used = ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in health.bytes_used.items())
    lines = [
        f"folder   {health.folder}",
        f"journal  {counts or 'cannot be read'}",
        f"disk     {used}; {health.bytes_free / 1e9:.1f} GB free",
    ]
    for finding in health.findings:
        lines += ["", f"problem  {finding.file}: {finding.what}", f"remedy   {finding.remedy}"]
    return "\n".join([*lines, "", "Everything is whole." if health.sound else "Not all is well."])


def _told(folder: Path, outcome: Repair) -> str:
    if not outcome.repaired:
        return f"Nothing to repair: the journal in {folder} is whole."
    kept = ", ".join(f"{number} {name}" for name, number in outcome.kept.items())
    lost = ", ".join(f"{number} {name}" for name, number in outcome.lost.items())
    lines = [f"kept     {kept}", f"lost     {lost or 'nothing'}"] if kept else []
    lines += [f"aside    {name}" for name in outcome.aside]
    return "\n".join([*lines, *outcome.remarks, "The learner can be started."])
