"""Renews the pins: ``python -m cil_nodes.environment.lock PYTHON...`` run in the environment.

Each interpreter named (``python3.10 python3.11 ...``, one for each supported version) resolves all
that ``pyproject.toml`` asks for in one go; the answers are merged, with a marker where they differ.
Needs the network, and a minute or two for each interpreter.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import tomllib
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# Which extras of pyproject.toml each file holds. A package wanted by two stands in the first.
FILES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "requirements.txt": (
        "What the nodes and the bench run on, next to ROS 2. Enough where ROS 2 is installed.",
        ("", "cpu", "encoders", "sim", "bags"),
    ),
    "requirements-ros.txt": (
        "ROS 2 Jazzy as wheels, and what builds the interfaces on them. For machines without\n"
        "# ROS 2. Install it in one pip call.",
        ("ros",),
    ),
    "requirements-dev.txt": ("What tests and checks need.", ("test", "dev")),
}
Pins = dict[str, str]


def wanted(root: Path, extras: Iterable[str]) -> list[str]:
    """Return the requirements that ``pyproject.toml`` names for `extras` ("" is the core)."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    lists = [project["optional-dependencies"][e] if e else project["dependencies"] for e in extras]
    return [requirement for one in lists for requirement in one]


def resolve(python: str, requirements: list[str], constraints: Path | None) -> list[dict]:
    """Let `python`'s pip resolve `requirements`; return its report's entries."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [python, "-m", "pip", "install", "--dry-run", "--ignore-installed", "-q"]
        command += ["--report", str(report), *requirements]
        if constraints:
            command += ["-c", str(constraints)]
        subprocess.run(command, check=True)
        return json.loads(report.read_text())["install"]


def reachable(entries: list[dict], requirements: Iterable[str], version: str) -> Pins:
    """Return the pins of `entries` that `requirements` lead to.

    Parameters
    ----------
    entries : list of dict
        The ``install`` list of a pip report.
    requirements : iterable of str
        Where to start.
    version : str
        The Python version to read markers for, for example "3.12".
    """
    by_name = {canonicalize_name(e["metadata"]["name"]): e["metadata"] for e in entries}
    pins: Pins = {}
    queue = [(Requirement(text), "") for text in requirements]
    while queue:
        requirement, extra = queue.pop()
        marker_values = {"python_version": version, "python_full_version": f"{version}.0"}
        if requirement.marker and not requirement.marker.evaluate(
            {**marker_values, "extra": extra}
        ):
            continue
        name = canonicalize_name(requirement.name)
        new = name not in pins
        pins[name] = by_name[name]["version"]
        if new or requirement.extras:
            needs = by_name[name].get("requires_dist", [])
            queue += [(Requirement(n), e) for n in needs for e in ("", *requirement.extras)]
    return pins


def merge(by_version: Mapping[str, Pins]) -> list[str]:
    """Return one line a pin; where versions differ, one with a marker for each.

    Examples
    --------
    >>> merge({"3.10": {"a": "1"}, "3.11": {"a": "2", "b": "1"}, "3.12": {"a": "2", "b": "1"}})
    ['a==1 ; python_version == "3.10"', 'a==2 ; python_version >= "3.11"', \
'b==1 ; python_version >= "3.11"']
    """
    versions = sorted(by_version, key=lambda v: tuple(map(int, v.split("."))))
    lines = []
    for name in sorted({name for pins in by_version.values() for name in pins}):
        groups: dict[str, list[str]] = {}
        for version in versions:
            if name in by_version[version]:
                groups.setdefault(by_version[version][name], []).append(version)
        for pin, where in groups.items():
            lines.append(f"{name}=={pin}{_marker(where, versions)}")
    return lines


def _marker(where: list[str], versions: list[str]) -> str:
    if where == versions:
        return ""
    if where == versions[versions.index(where[0]) :]:
        return f' ; python_version >= "{where[0]}"'
    return " ; " + " or ".join(f'python_version == "{v}"' for v in where)


def write_files(root: Path, reports: Mapping[str, list[dict]]) -> None:
    """Write every requirements file from one pip report for each Python version."""
    seen: dict[str, set[str]] = {version: set() for version in reports}
    for file, (purpose, extras) in FILES.items():
        by_version = {}
        for version, entries in reports.items():
            pins = reachable(entries, wanted(root, extras), version)
            by_version[version] = {n: v for n, v in pins.items() if n not in seen[version]}
            seen[version] |= set(pins)
        head = f"# {purpose}\n# Made by `python -m cil_nodes.environment.lock`; do not edit.\n"
        (root / file).write_text(head + "\n".join(merge(by_version)) + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Resolve with each interpreter and write the files."""
    parser = argparse.ArgumentParser(description="Renew the pinned requirements.")
    parser.add_argument("pythons", nargs="+", help="one interpreter for each supported version")
    parser.add_argument("--keep", action="store_true", help="keep pins that still fit")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the clone")
    options = parser.parse_args(arguments)
    everything = wanted(options.root, [e for _, extras in FILES.values() for e in extras])
    reports = {}
    for python in options.pythons:
        asked = subprocess.run([python, "-V"], check=True, capture_output=True, text=True).stdout
        match = re.search(r"(\d+\.\d+)", asked)
        assert match, f"{python} -V wrote {asked!r}"
        kept = None
        if options.keep:
            kept = options.root / "requirements-kept.tmp"
            kept.write_text("".join((options.root / file).read_text() for file in FILES))
        reports[match[1]] = resolve(python, everything, kept)
        if kept:
            kept.unlink()
        print(f"{match[1]}: {len(reports[match[1]])} packages", file=sys.stderr)
    write_files(options.root, reports)
    return 0


if __name__ == "__main__":
    sys.exit(main())
