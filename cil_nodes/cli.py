"""The `cil` command.

Each command parses, calls the library and prints; heavy imports wait until a command runs, so that
help is instant. Exit codes: 0 done; 1 failed, with one line that says why and what to do; 2 wrong
usage; 130 interrupted. `cil test` ends as pytest does, `cil python` as the script, `cil up` as the
graph does.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from cil_nodes import __version__
from cil_nodes.demo.options import STREAMS, DemoOptions

EXAMPLES = """examples:
  cil demo
  cil up source:=device:0
  cil test -k oracil

exit codes:
  0 done    1 failed: one line says why and what to do    2 wrong usage    130 interrupted"""
# Errors with a sentence written for the user, beside all that this package defines itself;
# anything else is a defect and shows its traceback.
EXPECTED = (OSError, ValueError, ModuleNotFoundError, subprocess.SubprocessError)


class _Help(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of examples, and the commands in the order they are meant to be read."""


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    words: str,
    example: str,
) -> argparse.ArgumentParser:
    """Add a command whose help ends with a line to copy."""
    parser = commands.add_parser(
        name,
        help=words,
        description=words[0].upper() + words[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=_Help,
    )
    return parser


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of the `cil` command."""
    parser = argparse.ArgumentParser(
        prog="cil",
        description="Online class-incremental learning for robots.",
        epilog=EXAMPLES,
        formatter_class=_Help,
    )
    parser.add_argument("--version", action="version", version=f"cil {__version__}")
    parser.add_argument(
        "--debug", action="store_true", help="show where in the code an error came from"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_demo(commands)
    _add_up(commands)
    _add_bench(commands)
    _add_test(commands)
    _add_python(commands)
    _add_wheelhouse(commands)
    return parser


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(
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
    _add_data(parser)
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


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder of data sets (default: the environment variable CIL_DATA)",
    )


def _add_up(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(
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


def _add_bench(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "bench",
        "run the benchmarks and write docs/benchmarks",
        "cil bench run demo-sim && cil bench report",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _command(actions, "list", "list the benchmarks", "cil bench list").set_defaults(run=list_bench)
    run = _command(
        actions,
        "run",
        "run benchmarks by name; one that was interrupted goes on",
        "cil bench run demo-sim demo-grocery",
    )
    run.add_argument("names", nargs="+", metavar="NAME", help="as `cil bench list` shows them")
    run.add_argument("--seeds", type=int, help="number of seeds (default: the benchmark's own)")
    run.add_argument("--dry-run", action="store_true", help="only say what would run, and how long")
    run.add_argument("--fresh", action="store_true", help="forget the parts already computed")
    _add_data(run)
    _add_docs(run)
    run.set_defaults(run=run_bench)
    report = _command(
        actions,
        "report",
        "assemble benchmarks.json and benchmarks.md from all results",
        "cil bench report",
    )
    _add_docs(report)
    report.set_defaults(run=report_bench)


def _add_docs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--docs",
        type=Path,
        metavar="DIR",
        help="where benchmarks/ and benchmarks.md lie (default: docs of this clone)",
    )


def _add_test(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands, "test", "run the tests of this clone with pytest", "cil test -k metrics -x"
    )
    parser.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="passed on to pytest")
    parser.set_defaults(run=run_tests)


def _add_python(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "python",
        "run Python in this environment, where ROS 2 and cil_nodes can be imported",
        "cil python examples/teach_a_mug.py",
    )
    parser.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="passed on to python")
    parser.set_defaults(run=run_python)


def _add_wheelhouse(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "wheelhouse",
        "collect all that the set-up of a clone fetches, for machines without network",
        "cil wheelhouse /media/usb/wheels",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="made where it is missing; 600 MB")
    parser.set_defaults(run=run_wheelhouse)


def clone_root() -> Path:
    """Return the folder of the clone this package runs from.

    Raises
    ------
    FileNotFoundError
        When the package was installed without its clone.
    """
    root = Path(__file__).resolve().parents[1]
    if not (root / "pyproject.toml").is_file():
        raise FileNotFoundError(
            f"{root} is not a clone of cil_nodes (it has no pyproject.toml). This command needs "
            "the clone: run ./cil in it."
        )
    return root


def run_demo(options: argparse.Namespace) -> int:
    """Carry out `cil demo`."""
    from cil_nodes import demo

    folder = options.folder or Path("runs") / f"demo-{options.stream}"
    _set_data(options.data)
    wanted = DemoOptions(options.stream, options.data, options.seed, folder, options.method)
    print(f"The report: {demo.run(wanted)}")
    return 0


def _set_data(folder: Path | None) -> None:
    """Let every process started from here find the data where the user said."""
    if folder is None:
        return
    if not folder.is_dir():
        raise FileNotFoundError(f"--data {folder}: there is no such folder.")
    os.environ["CIL_DATA"] = str(folder.resolve())


def run_up(options: argparse.Namespace) -> int:
    """Carry out `cil up`."""
    from cil_nodes.ros import runner

    return int(runner.main(options.arguments) or 0)


def list_bench(options: argparse.Namespace) -> int:
    """Carry out `cil bench list`."""
    from cil_nodes.evaluation import bench

    for entry in bench.available():
        print(f"{entry.name:<16} about {entry.minutes:g} min  {entry.summary}")
    return 0


def run_bench(options: argparse.Namespace) -> int:
    """Carry out `cil bench run`."""
    from cil_nodes.evaluation import bench

    _set_data(options.data)
    for name in options.names:
        bench.find(name)  # A typo is refused before hours of work, not after.
    for name in options.names:
        if options.dry_run:
            print(bench.estimate(name, options.seeds))
            continue
        print(bench.run(name, _docs(options), seeds=options.seeds, fresh=options.fresh))
    return 0


def report_bench(options: argparse.Namespace) -> int:
    """Carry out `cil bench report`."""
    from cil_nodes.evaluation import bench

    page, complaints = bench.report(_docs(options))
    for complaint in complaints:
        print(f"cil: warning: {complaint}", file=sys.stderr)
    print(page)
    return 0


def _docs(options: argparse.Namespace) -> Path:
    return options.docs or clone_root() / "docs"


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


if __name__ == "__main__":
    sys.exit(main())
