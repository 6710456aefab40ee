"""`cil bench`: the benchmarks and their pages."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cil_nodes.cli.common import Commands, add_command, add_data, clone_root, set_data


def add(commands: Commands) -> None:
    """Add `cil bench list | run | report`."""
    parser = add_command(
        commands,
        "bench",
        "run the benchmarks and write docs/benchmarks",
        "cil bench run demo-sim && cil bench report",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = add_command(actions, "list", "list the benchmarks", "cil bench list")
    listing.set_defaults(run=list_bench)
    _add_run(actions)
    report = add_command(
        actions,
        "report",
        "assemble benchmarks.json and benchmarks.md from all results",
        "cil bench report",
    )
    _add_docs(report)
    report.set_defaults(run=report_bench)


def _add_run(actions: Commands) -> None:
    run = add_command(
        actions,
        "run",
        "run benchmarks by name; one that was interrupted goes on",
        "cil bench run demo-sim demo-grocery",
    )
    run.add_argument("names", nargs="+", metavar="NAME", help="as `cil bench list` shows them")
    run.add_argument("--seeds", type=int, help="number of seeds (default: the benchmark's own)")
    run.add_argument("--dry-run", action="store_true", help="only say what would run, and how long")
    run.add_argument("--fresh", action="store_true", help="forget the parts already computed")
    _add_backend(run)
    add_data(run)
    _add_docs(run)
    run.set_defaults(run=run_bench)


def _add_backend(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="independent parts at the same time (-1: one a core or worker; default: 1, or on a "
        "cluster all of its workers)",
    )
    run.add_argument(
        "--backend",
        default="loky",
        help="where parts run: loky (processes of this machine), dask or ray (default: loky)",
    )
    run.add_argument(
        "--cluster",
        default="",
        metavar="ADDRESS",
        help="scheduler of a running Dask or Ray cluster (default: one on this machine)",
    )


def _add_docs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--docs",
        type=Path,
        metavar="DIR",
        help="where benchmarks/ and benchmarks.md lie (default: docs of this clone)",
    )


def list_bench(options: argparse.Namespace) -> int:
    """Carry out `cil bench list`."""
    from cil_nodes import live_bench  # noqa: F401 - makes its benchmarks known
    from cil_nodes.evaluation import bench

    for entry in bench.available():
        print(f"{entry.name:<16} about {entry.minutes:g} min  {entry.summary}")
    return 0


def run_bench(options: argparse.Namespace) -> int:
    """Carry out `cil bench run`."""
    from cil_nodes import live_bench  # noqa: F401 - makes its benchmarks known
    from cil_nodes.evaluation import bench

    set_data(options.data)
    for name in options.names:
        bench.find(name)  # A typo is refused before hours of work, not after.
    jobs = options.jobs or (1 if options.backend == "loky" else -1)
    backend = bench.Backend(options.backend, jobs, options.cluster)
    for name in options.names:
        if options.dry_run:
            print(bench.estimate(name, options.seeds))
            continue
        wanted = {"seeds": options.seeds, "fresh": options.fresh, "backend": backend}
        print(bench.run(name, _docs(options), **wanted))
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
