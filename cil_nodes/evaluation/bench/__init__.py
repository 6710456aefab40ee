"""Benchmarks: named runs, one result file each, one page of all figures."""

from cil_nodes.evaluation.bench.backends import Backend, BackendError
from cil_nodes.evaluation.bench.context import Context, Work
from cil_nodes.evaluation.bench.pages import report
from cil_nodes.evaluation.bench.records import Record, measured
from cil_nodes.evaluation.bench.registry import Bench, available, bench, find
from cil_nodes.evaluation.bench.runner import BenchResult, estimate, run
from cil_nodes.evaluation.bench.tables import Curves, Table

__all__ = [
    "Backend",
    "BackendError",
    "Bench",
    "BenchResult",
    "Context",
    "Curves",
    "Record",
    "Table",
    "Work",
    "available",
    "bench",
    "estimate",
    "find",
    "measured",
    "report",
    "run",
]
