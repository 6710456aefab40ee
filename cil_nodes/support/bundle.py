"""`cil support-bundle`: one file with what somebody else needs to find out what is wrong.

It holds no features, and pictures only when asked for; names of users in paths become ``~``.
Each part is gathered by itself: what fails leaves a remark in its place.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cil_nodes.places import config_folder, log_folder, without_user
from cil_nodes.ros import presence
from cil_nodes.support import doctor, journal_extract, surroundings
from cil_nodes.support.check_transport import PROFILE_VARIABLES
from cil_nodes.support.finding import Machine

LOGS, LOG_BYTES = 20, 500_000
"""How many of the newest logs are taken, and how much of the end of each."""

LOOK = 8.0
"""Seconds for which the running graph is looked at."""


@dataclass(frozen=True)
class Entry:
    """One file of the bundle: its path inside, its content, and what it is."""

    path: str
    content: bytes
    what: str


def gather(machine: Machine, pictures: bool = False) -> list[Entry]:
    """Collect everything; takes some seconds.

    Parameters
    ----------
    machine : Machine
        Names the namespace and the learner's folder.
    pictures : bool
        Whether the last pictures of the journal come along.
    """
    parts: list[Callable[[Machine], list[Entry]]] = [
        _versions,
        _doctor,
        _graph,
        _logs,
        _journal,
        _configuration,
    ]
    if pictures:
        parts.append(_pictures)
    entries = [entry for part in parts for entry in _gathered(part, machine)]
    return [_readme(entries, pictures), *entries]


def _gathered(part: Callable[[Machine], list[Entry]], machine: Machine) -> list[Entry]:
    try:
        return part(machine)
    except Exception as error:  # the bundle is wanted most where something is broken
        name = part.__name__.strip("_")
        return [_text(f"{name}/missing.txt", f"{type(error).__name__}: {error}\n", "why not there")]


def _text(path: str, text: str, what: str) -> Entry:
    return Entry(path, without_user(text).encode(), what)


def _versions(machine: Machine) -> list[Entry]:
    return [
        _text("versions.txt", surroundings.versions(), "versions, system, variables of ROS"),
        _text("packages.txt", surroundings.packages(), "installed Python packages"),
    ]


def _doctor(machine: Machine) -> list[Entry]:
    return [_text("doctor.txt", doctor.as_text(doctor.examine(machine)), "findings of the doctor")]


def _graph(machine: Machine) -> list[Entry]:
    presence.require()
    from cil_nodes.support import status
    from cil_nodes.support.graph_watch import GraphWatch
    from cil_nodes.support.node_parameters import parameters_of

    with GraphWatch(machine.namespace) as watch:
        report = watch.settle(LOOK, whole=lambda report: not status.missing(report))
        entries = [
            _text("status.txt", status.as_text(report) + "\n", "state of the graph; labels"),
            _text("status.json", status.as_json(report), "the same with all diagnostics; labels"),
        ]
        for node in report.nodes:
            text = parameters_of(watch.node, node.name)
            entries.append(_text(f"parameters/{node.name}.yaml", text, "its parameters"))
        return entries


def _logs(machine: Machine) -> list[Entry]:
    """The newest logs in which nodes of this namespace speak."""
    sign = f"[{machine.namespace.replace('/', '.')}.".encode()
    entries: list[Entry] = []
    files = [path for path in log_folder().glob("**/*.log") if path.is_file()]
    for path in sorted(files, key=lambda p: p.stat().st_mtime, reverse=True):
        end = _end_of(path)
        if sign in end:
            text = end.decode(errors="replace")
            entries.append(_text(f"logs/{path.name}", text, "log of a node; may name labels"))
        if len(entries) == LOGS:
            break
    return entries


def _end_of(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LOG_BYTES))
        return file.read()


def _journal(machine: Machine) -> list[Entry]:
    path = machine.folder / "journal.sqlite"
    if not path.is_file():
        return [_text("journal/missing.txt", f"There is no {path}.\n", "why not there")]
    text = json.dumps(journal_extract.extract(path), indent=1, ensure_ascii=False)
    files = [f"{p.relative_to(machine.folder)} {p.stat().st_size}" for p in _files(machine.folder)]
    return [
        _text("journal/journal.json", text, "last events, counts; labels, no features"),
        _text("journal/files.txt", "\n".join(files) + "\n", "names and sizes in the folder"),
    ]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _pictures(machine: Machine) -> list[Entry]:
    found = journal_extract.pictures(machine.folder / "journal.sqlite")
    return [Entry(f"pictures/{name}.jpg", jpeg, "A PICTURE") for name, jpeg in found.items()]


def _configuration(machine: Machine) -> list[Entry]:
    chosen = [machine.environment.get(name, "") for name in PROFILE_VARIABLES]
    files = [config_folder() / "cil.yaml", config_folder() / "fastdds.xml"]
    files += [Path(path) for path in dict.fromkeys(chosen) if path and Path(path) not in files]
    return [
        _text(f"config/{path.name}", path.read_text(), "configuration")
        for path in files
        if path.is_file()
    ]


def _readme(entries: list[Entry], pictures: bool) -> Entry:
    text = "Support bundle of cil_nodes.\n\n" + contents(entries) + "\n\n" + privacy(pictures)
    return Entry("README.txt", text.encode() + b"\n", "this list")


def contents(entries: list[Entry]) -> str:
    """List what is inside, one entry a line with its size."""
    width = max((len(entry.path) for entry in entries), default=0)
    return "\n".join(
        f"  {entry.path:<{width}}  {len(entry.content) / 1024:7.1f} KB  {entry.what}"
        for entry in entries
    )


def privacy(pictures: bool) -> str:
    """Say what in the bundle may be private."""
    seen = "and the last pictures of what was taught" if pictures else "but no pictures"
    return (
        "It holds the labels that were taught, which may be private, names of hosts and folders, "
        f"{seen}; no features. Home folders are written ~."
    )


def write(entries: list[Entry], path: Path) -> Path:
    """Write the bundle, readable by its owner alone.

    Raises
    ------
    OSError
        When the file cannot be written or exists already.
    """
    top = path.name.removesuffix(".tar.gz")
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
        for entry in entries:
            info = tarfile.TarInfo(f"{top}/{entry.path}")
            info.size, info.mtime, info.mode = len(entry.content), int(time.time()), 0o600
            archive.addfile(info, io.BytesIO(entry.content))
    return path


def default_name(namespace: str) -> str:
    """Name a bundle after namespace and time."""
    return f"cil-support-{namespace.replace('/', '-')}-{time.strftime('%Y%m%d-%H%M%S')}.tar.gz"
