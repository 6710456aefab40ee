"""The report of a run: one HTML file that needs nothing else."""

from cil_nodes.evaluation.report.page import render_report

__all__ = ["render_report"]
