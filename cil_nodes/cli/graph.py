"""`cil demo` and `cil up`: commands that start the graph."""

from __future__ import annotations

import argparse
from pathlib import Path

from cil_nodes.cli.common import Commands, add_command, add_data, set_data
from cil_nodes.demo.options import STREAMS, DemoOptions


def add(commands: Commands) -> None:
    """Add the commands of this family."""
    _add_demo(commands)
    _add_up(commands)


def _add_demo(commands: Commands) -> None:
    parser = add_command(
        commands,
        "demo",
        "start the real graph, teach it objects in phases, and write a report",
        "cil demo --seed 1 --folder runs/second",
    )
    parser.add_argument(
        "--stream",
        choices=STREAMS,
        default="sim",
        help="what the camera sees: the simulated turntable, or grocery photographs (default: sim)",
    )
    add_data(parser)
    parser.add_argument(
        "--seed", type=int, default=0, help="which objects, order and views (default: 0)"
    )
    parser.add_argument(
        "--folder", type=Path, help="where the run is written (default: runs/demo-STREAM)"
    )
    parser.add_argument(
        "--method", default="oracil", help="the learner that is taught (default: oracil)"
    )
    parser.set_defaults(run=run_demo)


def _add_up(commands: Commands) -> None:
    parser = add_command(
        commands,
        "up",
        "start camera, extractor, learner and labeler, and keep them until Ctrl-C",
        "cil up source:=device:0 namespace:=robot1",
    )
    parser.add_argument(
        "arguments",
        nargs="*",
        metavar="name:=value",
        help="arguments of the graph, as `ros2 launch` takes them",
    )
    parser.set_defaults(run=run_up)


def run_demo(options: argparse.Namespace) -> int:
    """Carry out `cil demo`."""
    from cil_nodes import demo
    from cil_nodes.ros import presence

    presence.require()
    folder = options.folder or Path("runs") / f"demo-{options.stream}"
    set_data(options.data)
    wanted = DemoOptions(options.stream, options.data, options.seed, folder, options.method)
    print(f"The report: {demo.run(wanted)}")
    return 0


def run_up(options: argparse.Namespace) -> int:
    """Carry out `cil up`."""
    from cil_nodes.ros import presence, runner

    presence.require()
    return int(runner.main(options.arguments) or 0)
