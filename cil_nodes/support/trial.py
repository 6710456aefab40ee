"""Tries in a process of its own what may fail or crash: imports, and a look at the graph.

A module compiled against another NumPy can take its whole process down; so what is tried reports
line by line, and what crashes is the one that did not.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 60.0
"""How long a trial may take."""


@dataclass(frozen=True)
class Trial:
    """Outcome of one import: the module's version, or why it failed."""

    name: str
    version: str = ""
    error: str = ""


def try_imports(names: Iterable[str]) -> dict[str, Trial]:
    """Import modules in another process.

    Returns
    -------
    dict of str to Trial
        One for each name, in their order; those after a crash are tried in a fresh process.
    """
    left, found = list(names), {}
    while left:
        answer = run("imports", *left)
        for line in answer.lines:
            found[line["name"]] = Trial(**line)
        left = [name for name in left if name not in found]
        if left:
            found[left[0]] = Trial(left[0], error=answer.end)
            left = left[1:]
    return found


@dataclass(frozen=True)
class Answer:
    """What a trial printed, and how it ended where it did not end well."""

    lines: tuple[Mapping[str, Any], ...]
    end: str = ""


def run(what: str, *words: str, environment: Mapping[str, str] | None = None) -> Answer:
    """Carry out a trial of this module in another process."""
    command = [sys.executable, "-m", __name__, what, *words]
    home = str(Path(__file__).resolve().parents[2])
    try:
        done = subprocess.run(
            command,
            cwd=home,  # this package is found, installed or not
            env=None if environment is None else dict(environment),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        text = error.stdout.decode(errors="replace") if isinstance(error.stdout, bytes) else ""
        return Answer(_parsed(text), f"no answer within {SECONDS:g} s")
    end = f"it crashed its process, by signal {-done.returncode}" if done.returncode < 0 else ""
    if done.returncode > 0:
        end = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
    return Answer(_parsed(done.stdout), end)


def _parsed(text: str) -> tuple[Mapping[str, Any], ...]:
    return tuple(json.loads(line) for line in text.splitlines() if line.startswith('{"name": '))


def _tell(**values: Any) -> None:
    print(json.dumps(values), flush=True)


def _imports(names: Iterable[str]) -> None:
    for name in names:
        try:
            module = importlib.import_module(name)
        except Exception as error:
            text = " ".join(str(error).split()) or type(error).__name__
            _tell(name=name, error=f"{type(error).__name__}: {text}"[:400])
        else:
            _tell(name=name, version=str(getattr(module, "__version__", "")))


def _providers() -> None:
    import onnxruntime

    _tell(name="providers", found=onnxruntime.get_available_providers())


def _graph(seconds: float) -> None:
    """List the nodes that can be seen, after looking for some seconds."""
    import rclpy

    rclpy.init(args=[])
    node = rclpy.create_node("_cil_doctor", enable_rosout=False, start_parameter_services=False)
    end, others = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        time.sleep(0.1)
        if (seen := len(node.get_node_names()) - 1) > others:  # one more: others may follow
            end, others = max(end, time.monotonic() + 1.0), seen
    for name, namespace in node.get_node_names_and_namespaces():
        if name != "_cil_doctor":
            _tell(name=f"{namespace.rstrip('/')}/{name}")
    rmw = rclpy.get_rmw_implementation_identifier()
    _tell(name="", rmw=rmw)
    node.destroy_node()
    rclpy.shutdown()


def main(words: list[str]) -> None:
    """Carry out one trial in this process."""
    what, *rest = words
    if what == "imports":
        _imports(rest)
    elif what == "providers":
        _providers()
    else:
        _graph(float(rest[0]))


if __name__ == "__main__":
    main(sys.argv[1:])
