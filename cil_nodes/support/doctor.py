"""`cil doctor`: looks at everything that the graph stands on, and says what to do."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from cil_nodes.support import check_machine, check_software, check_transport
from cil_nodes.support.finding import LEVELS, PROBLEM, Finding, Machine

Check = Callable[[Machine], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    check_software.python,
    check_software.libraries,
    check_software.ros,
    check_software.providers,
    check_software.encoder,
    check_machine.processor,
    check_machine.shared_memory,
    check_machine.cameras,
    check_machine.folder,
    check_machine.disks,
    check_machine.clock,
    check_transport.profile,
    check_transport.domain,
    check_transport.graph,
)
"""Every check, in the order in which findings are shown."""

WIDTH = 100


def examine(machine: Machine, checks: Sequence[Check] = CHECKS) -> list[Finding]:
    """Carry out all checks; one that fails itself is a finding, too."""
    with ThreadPoolExecutor(4) as pool:  # most of them wait for a process of their own
        found = pool.map(lambda check: _carried_out(check, machine), checks)
        return [finding for findings in found for finding in findings]


def _carried_out(check: Check, machine: Machine) -> list[Finding]:
    try:
        return list(check(machine))
    except Exception as error:
        text = f"the check itself failed: {type(error).__name__}: {error}"
        return [Finding(check.__name__, PROBLEM, text, "Please report this line.")]


def has_problem(findings: Sequence[Finding]) -> bool:
    """Whether anything keeps the graph from running as it should."""
    return any(finding.level == PROBLEM for finding in findings)


def as_text(findings: Sequence[Finding]) -> str:
    """Lay findings out for a terminal: level, subject, text, and the remedy below."""
    lines = []
    for finding in findings:
        head = f"{finding.level:<8} {finding.subject:<17} "
        body = textwrap.wrap(finding.text, WIDTH - len(head), break_long_words=False)
        lines += [head + body[0], *(" " * len(head) + line for line in body[1:])]
        if finding.remedy:
            lines.append(" " * len(head) + f"-> {finding.remedy}")
    counts = [sum(f.level == level for f in findings) for level in LEVELS]
    lines.append("{} ok, {} to note, {} to mend".format(*counts))
    return "\n".join(lines)


def as_json(findings: Sequence[Finding]) -> str:
    """Return the findings as a JSON list of objects."""
    return json.dumps([dataclasses.asdict(f) for f in findings], indent=2, ensure_ascii=False)
