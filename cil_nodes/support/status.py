"""`cil status`: judges what is seen of a graph and lays it out for people and programs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable

from cil_nodes.ros.diagnostics import LOSSES
from cil_nodes.support.graph_watch import GraphReport, NodeReport

EXPECTED = {
    "camera": "images come from nobody",
    "extractor": "images become no features",
    "learner": "nothing is predicted or learned",
    "labeler": "no labels are taken",
}
"""Nodes of every graph, with what fails without each."""

CLASSES_SHOWN = 12


def missing(report: GraphReport) -> list[str]:
    """Names of nodes that should be there and are not; a camera driver stands in for ours."""
    there = {node.name for node in report.nodes}
    absent = [name for name in EXPECTED if name not in there]
    if "camera" in absent and (report.image_publishers or _gets_images(report)):
        absent.remove("camera")
    return absent


def _gets_images(report: GraphReport) -> bool:
    extractor = next((node for node in report.nodes if node.name == "extractor"), None)
    return extractor is not None and float(extractor.values.get("images_hz", 0)) > 0


def advice(report: GraphReport) -> list[str]:
    """What is wrong, worst first, each with what to do; empty when all is well."""
    where = f"namespace:={report.namespace}"
    if not report.nodes:
        return [
            f"No node of ours runs in /{report.namespace}. Start the graph: cil up {where}; or "
            "name another namespace, ROS_DOMAIN_ID or ROS_AUTOMATIC_DISCOVERY_RANGE (cil doctor)."
        ]
    found = [
        f"{name} is missing: {EXPECTED[name]}. Its log says why it ended; start it again: "
        f"cil up nodes:={name} {where}"
        for name in missing(report)
    ]
    for node in report.nodes:
        found += _advice_for(node, f"/{report.namespace}/{node.name}")
    return found


def _advice_for(node: NodeReport, full_name: str) -> list[str]:
    found = []
    if node.running > 1:
        found.append(
            f"{node.running} nodes are called {full_name}: end one graph, or give it a namespace."
        )
    if node.state == "unconfigured":
        found.append(f"{full_name} is not configured: ros2 lifecycle set {full_name} configure")
    elif node.state == "inactive":
        found.append(f"{full_name} is not active: ros2 lifecycle set {full_name} activate")
    elif node.level in ("stale", "silent"):
        found.append(f"{full_name} says nothing of itself: it hangs, or has no diagnostic_msgs.")
    if node.level in ("warning", "error"):
        found.append(f"{full_name}: {node.message}")
    return found


def is_well(report: GraphReport) -> bool:
    """Whether every expected node is there, once, active, and without an error."""
    good = all(
        node.running == 1 and node.state == "active" and node.level in ("ok", "warning")
        for node in report.nodes
    )
    return bool(report.nodes) and good and not missing(report)


def as_json(report: GraphReport) -> str:
    """Return the report with its judgement as a JSON object; what is not a number is null."""
    shown = {
        **dataclasses.asdict(report),
        "missing": missing(report),
        "advice": advice(report),
        "well": is_well(report),
    }
    return json.dumps(_without_nan(shown), indent=2, ensure_ascii=False)


def _without_nan(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if value != value else value


def as_text(report: GraphReport) -> str:
    """Lay the report out for a terminal."""
    lines = [f"/{report.namespace}"]
    if report.nodes:
        head = ("node", "state", "rates", "p50/p95", "lost", "memory", "")
        lines += _table([head, *(_row(node) for node in report.nodes)])
    lines += _learner_lines(report)
    lines += _last_errors(report.nodes)
    if found := advice(report):
        lines += ["", "what to do", *(f"  {text}" for text in found)]
    elif report.nodes:
        lines += ["", "all is well"]
    return "\n".join(lines)


def _row(node: NodeReport) -> tuple[str, ...]:
    values = node.values
    memory = f"{values['memory_mb']} MB" if "memory_mb" in values else ""
    note = "" if node.level == "ok" else node.level
    return (node.name, node.state, rates(values), latencies(values), losses(values), memory, note)


def rates(values: dict[str, str]) -> str:
    """What passes, in Hz: ``images 10.0, features 10.0``."""
    named = {key.removesuffix("_hz"): v for key, v in values.items() if key.endswith("_hz")}
    return ", ".join(f"{name} {v}/s" for name, v in named.items() if name not in LOSSES)


def latencies(values: dict[str, str]) -> str:
    """Each duration's median and 95th percentile: ``encode 4.1/5.0 ms``."""
    names = [key.removesuffix("_p50_ms") for key in values if key.endswith("_p50_ms")]
    shown = [(n, values[f"{n}_p50_ms"], values.get(f"{n}_p95_ms", "")) for n in names]
    return ", ".join(f"{n} {_short(p50)}/{_short(p95)} ms" for n, p50, p95 in shown if p50 != "nan")


def _short(number: str) -> str:
    return f"{float(number):.1f}" if number else "?"


def losses(values: dict[str, str]) -> str:
    """What was lost since the node was configured: ``3 dropped``; ``0`` for nothing."""
    lost = [f"{values[name]} {name}" for name in LOSSES if values.get(name, "0") != "0"]
    return ", ".join(lost) or "0"


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _learner_lines(report: GraphReport) -> list[str]:
    state = report.learner
    if state is None:
        return []
    values = next((node.values for node in report.nodes if node.name == "learner"), {})
    worker = values.get("worker", "unknown")
    if values.get("worker_memory_mb", "0") != "0":
        worker += f", {values['worker_memory_mb']} MB"
    lines = [
        "",
        f"learner: {state.phase}, version {state.version} of {state.method}, "
        f"{len(state.classes)} classes, {state.pending} samples pending",
        f"  worker {worker}; journal {state.journal_bytes / 2**20:.1f} MB",
    ]
    if state.classes:
        names = [f"{known.label} ({known.samples})" for known in state.classes]
        more = f" and {len(names) - CLASSES_SHOWN} more" if len(names) > CLASSES_SHOWN else ""
        lines.append(f"  classes: {', '.join(names[:CLASSES_SHOWN])}{more}")
    if state.message:
        lines.append(f"  {state.message}")
    return lines


def _last_errors(nodes: Iterable[NodeReport]) -> list[str]:
    lines = [
        f"  {node.name}, {node.values.get('last_error_age_s', '?')} s ago: "
        f"{node.values['last_error']}"
        for node in nodes
        if node.values.get("last_error")
    ]
    return ["", "last warnings and errors", *lines] if lines else []
