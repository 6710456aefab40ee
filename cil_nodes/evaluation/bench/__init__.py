"""Benchmarks: named runs, one result file each, one page of all figures."""

from cil_nodes.evaluation.bench.pages import report
from cil_nodes.evaluation.bench.records import Record, measured
from cil_nodes.evaluation.bench.registry import Bench, available, bench, find
from cil_nodes.evaluation.bench.runner import BenchResult, Context, estimate, run

__all__ = [
    "Bench",
    "BenchResult",
    "Context",
    "Record",
    "available",
    "bench",
    "estimate",
    "find",
    "measured",
    "report",
    "run",
]
