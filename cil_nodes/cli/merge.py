"""`cil merge`: add up what several learners were taught."""

from __future__ import annotations

import argparse
from pathlib import Path

from cil_nodes.cli.common import Commands, add_command


def add(commands: Commands) -> None:
    """Add `cil merge`."""
    parser = add_command(
        commands,
        "merge",
        "add up what several learners were taught",
        "cil merge kitchen.cil hall.cil -o fleet.cil",
    )
    parser.add_argument(
        "models", nargs="+", metavar="MODEL", help="saved models; with --into also /namespaces/cil"
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("-o", "--output", type=Path, metavar="FILE", help="write one model file")
    where.add_argument(
        "--into",
        metavar="NAMESPACE",
        help="have the running learner there merge them, such as /cil",
    )
    parser.set_defaults(run=run_merge)


def run_merge(options: argparse.Namespace) -> int:
    """Carry out `cil merge`."""
    return _into_graph(options) if options.into else _into_file(options)


def _into_file(options: argparse.Namespace) -> int:
    from cil_nodes.teaching.merging import merge_files

    if len(options.models) < 2:
        raise ValueError("Give two models at least to merge into one file.")
    learner = merge_files([Path(name) for name in options.models], options.output)
    samples = int(learner.class_count_.sum())
    print(f"{options.output}: {len(learner.classes_)} classes, {samples} samples")
    return 0


def _into_graph(options: argparse.Namespace) -> int:
    from cil_nodes.client import Teacher

    with Teacher(namespace=options.into) as teacher:
        for name in options.models:
            path = Path(name)
            if path.is_file():
                version, new = teacher.merge(path=path.resolve())
            elif name.startswith("/"):
                version, new = teacher.merge(peer=name)
            else:
                raise FileNotFoundError(f"No model file at {name}, and it is no /namespace.")
            print(f"{name}: version {version} answers; new: {', '.join(new) or 'no class'}")
    return 0
