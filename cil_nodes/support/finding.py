"""What a check of the doctor found, and what it looks at."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

OK, NOTE, PROBLEM = "ok", "note", "problem"
LEVELS = (OK, NOTE, PROBLEM)


@dataclass(frozen=True)
class Finding:
    """One line of the doctor.

    Attributes
    ----------
    subject : str
        What was looked at.
    level : {"ok", "note", "problem"}
        A problem keeps the graph from running as it should; a note is good to know.
    text : str
        What was found.
    remedy : str
        What to do; empty when all is well.
    """

    subject: str
    level: str
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Machine:
    """The places and settings that are examined; tests put others in their stead.

    Attributes
    ----------
    environment : mapping
        Environment variables.
    namespace : str
        Namespace of the graph, without slashes in front.
    folder : pathlib.Path
        The learner's folder.
    cache : pathlib.Path
        Where encoders and features are kept.
    devices, memory : pathlib.Path
        Where cameras and shared memory appear.
    """

    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    namespace: str = "cil"
    folder: Path = Path()
    cache: Path = Path()
    devices: Path = Path("/dev")
    memory: Path = Path("/dev/shm")


def this_machine(namespace: str = "cil", folder: Path | None = None) -> Machine:
    """Return what is to be examined where the graph of a namespace runs with its defaults.

    Parameters
    ----------
    namespace : str
        Namespace of the graph.
    folder : pathlib.Path, optional
        The learner's folder where it is not the default.
    """
    from cil_nodes import places

    name = namespace.strip("/") or "cil"
    return Machine(
        namespace=name,
        folder=(folder or places.default_folder(name)).expanduser(),
        cache=places.cache_folder(),
    )
