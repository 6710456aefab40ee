"""Renews the pins: ``python -m cil_nodes.environment.lock PYTHON...`` run in the environment.

Each interpreter named (``python3.10 python3.11 ...``, one for each supported version) resolves all
that ``pyproject.toml`` asks for in one go; the answers are merged, with a marker where they differ.
Needs the network, and a minute or two for each interpreter. torch is resolved last and by itself,
because its CPU build is on an index of its own; where that has none, its pins stay as they were.
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

from cil_nodes.environment import torch_build

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
TORCH_PURPOSE = (
    "torch for the methods that train networks (the CPU build, from PyTorch's own index), and\n"
    "# what it stands on. The set-up goes on without it where it cannot be had."
)
TORCH_INDEX = ("--extra-index-url", "https://download.pytorch.org/whl/cpu")
Pins = dict[str, str]


def wanted(root: Path, extras: Iterable[str]) -> list[str]:
    """Return the requirements that ``pyproject.toml`` names for `extras` ("" is the core)."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    lists = [project["optional-dependencies"][e] if e else project["dependencies"] for e in extras]
    return [requirement for one in lists for requirement in one]


def resolve(
    python: str, requirements: list[str], constraints: str = "", options: Iterable[str] = ()
) -> list[dict]:
    """Let `python`'s pip resolve `requirements` within `constraints`; return its report's list."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [python, "-m", "pip", "install", "--dry-run", "--ignore-installed", "-q"]
        kept = Path(folder, "constraints.txt")
        kept.write_text(constraints)
        command += ["--report", str(report), "-c", str(kept), *options, *requirements]
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


def write_files(root: Path, reports: Mapping[str, list[dict]]) -> dict[str, set[str]]:
    """Write every requirements file but torch's from one pip report for each Python version.

    Returns
    -------
    dict of str to set of str
        What they hold, for each Python version.
    """
    seen: dict[str, set[str]] = {version: set() for version in reports}
    for file, (purpose, extras) in FILES.items():
        by_version = {}
        for version, entries in reports.items():
            pins = reachable(entries, wanted(root, extras), version)
            by_version[version] = {n: v for n, v in pins.items() if n not in seen[version]}
            seen[version] |= set(pins)
        _write(root / file, purpose, merge(by_version))
    return seen


def write_torch(
    root: Path, reports: Mapping[str, list[dict]], seen: Mapping[str, set[str]]
) -> None:
    """Write torch's pins, less those that other files hold.

    Raises
    ------
    ValueError
        Where a report has another build than that for the CPU alone.
    """
    by_version = {}
    for version, entries in reports.items():
        pins = reachable(entries, wanted(root, ["torch"]), version)
        if not pins["torch"].endswith("+cpu"):
            raise ValueError(f"torch {pins['torch']} for Python {version} is no CPU build")
        by_version[version] = {n: v for n, v in pins.items() if n not in seen[version]}
    _write(root / torch_build.PINS, TORCH_PURPOSE, [" ".join(TORCH_INDEX), *merge(by_version)])


def _write(path: Path, purpose: str, lines: Iterable[str]) -> None:
    head = f"# {purpose}\n# Made by `python -m cil_nodes.environment.lock`; do not edit.\n"
    path.write_text(head + "\n".join(lines) + "\n")


def pins_of(root: Path, files: Iterable[str]) -> str:
    """Return the lines of requirements files that pin something."""
    lines = [line for file in files for line in (root / file).read_text().splitlines()]
    return "".join(f"{line}\n" for line in lines if "==" in line and not line.startswith("#"))


def renew_torch(
    root: Path, pythons: Mapping[str, str], seen: Mapping[str, set[str]], keep: bool
) -> None:
    """Renew torch's pins for `pythons` (version to interpreter), beside those of other files."""
    constraints = pins_of(root, [*FILES, torch_build.PINS] if keep else FILES)
    try:
        reports = {
            version: resolve(python, wanted(root, ["torch"]), constraints, TORCH_INDEX)
            for version, python in pythons.items()
        }
        write_torch(root, reports, seen)
    except (subprocess.CalledProcessError, ValueError) as error:
        print(f"{torch_build.PINS} stays as it was: {error}", file=sys.stderr)


def main(arguments: list[str] | None = None) -> int:
    """Resolve with each interpreter and write the files."""
    parser = argparse.ArgumentParser(description="Renew the pinned requirements.")
    parser.add_argument("pythons", nargs="+", help="one interpreter for each supported version")
    parser.add_argument("--keep", action="store_true", help="keep pins that still fit")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the clone")
    options = parser.parse_args(arguments)
    everything = wanted(options.root, [e for _, extras in FILES.values() for e in extras])
    kept = pins_of(options.root, FILES) if options.keep else ""
    pythons = {_version_of(python): python for python in options.pythons}
    reports = {}
    for version, python in pythons.items():
        reports[version] = resolve(python, everything, kept)
        print(f"{version}: {len(reports[version])} packages", file=sys.stderr)
    seen = write_files(options.root, reports)
    renew_torch(options.root, pythons, seen, options.keep)
    return 0


def _version_of(python: str) -> str:
    asked = subprocess.run([python, "-V"], check=True, capture_output=True, text=True).stdout
    match = re.search(r"(\d+\.\d+)", asked)
    assert match, f"{python} -V wrote {asked!r}"
    return match[1]


if __name__ == "__main__":
    sys.exit(main())
