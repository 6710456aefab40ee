"""Look a session's folder over: whether everything in it is whole, and what to do where it is not.

Nothing is written but the lock, which keeps a learner out meanwhile.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cil_nodes.teaching.content import History, Recipe
from cil_nodes.teaching.errors import BadLabelError, StorageError
from cil_nodes.teaching.folders import JOURNAL, MODELS, SNAPSHOTS
from cil_nodes.teaching.journal import PENDING, TAUGHT, WITHDRAWN, Journal
from cil_nodes.teaching.labels import normalise_label
from cil_nodes.teaching.locking import FolderLock
from cil_nodes.teaching.snapshots import SnapshotStore, TornSnapshot

_SHOWN = 3  # ids named in a finding; the rest is a number
_LITTLE = 100 * 2**20  # bytes of free disk below which labels may soon be refused


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: in which file, what, and the remedy."""

    file: str
    what: str
    remedy: str


@dataclass(frozen=True)
class Health:
    """What a look at a folder brought.

    Attributes
    ----------
    folder : str
    findings : tuple of Finding
        Empty if all is well.
    counts : mapping
        Samples, labels, pending ones, classes, events and the latest version; empty where the
        journal could not be read.
    bytes_used : mapping
        By part: journal, snapshots, models, set aside.
    bytes_free : int
        On that disk.
    """

    folder: str
    findings: tuple[Finding, ...]
    counts: dict[str, int] = field(default_factory=dict)
    bytes_used: dict[str, int] = field(default_factory=dict)
    bytes_free: int = 0

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def check(folder: Path) -> Health:
    """Look over journal, snapshots, model files and room.

    Raises
    ------
    FolderInUseError
        If a learner holds the folder.
    StorageError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise StorageError(f"There is no folder {folder}. Name the learner's `folder`.")
    lock = FolderLock(folder)
    try:
        findings, counts = _journal(folder)
        free = shutil.disk_usage(folder).free
        if free < _LITTLE:
            text = f"only {free / 2**20:.1f} MB are free on its disk"
            findings.append(Finding(str(folder), text, "Make room, or labels will be refused."))
        return Health(str(folder), tuple(findings), counts, _used(folder), free)
    finally:
        lock.release()


def _journal(folder: Path) -> tuple[list[Finding], dict[str, int]]:
    path = folder / JOURNAL
    repair = f"Put a backup in its place, or run `cil journal repair {folder}`."
    if not path.is_file():
        return [Finding(str(path), "there is no journal", repair)], {}
    try:
        with closing(Journal(path, read_only=True)) as journal:
            findings = [Finding(str(path), what, repair) for what in _inside(journal)]
            counts = _counts(journal)
            history = History(journal, Recipe(""))
            counts["version"] = history.latest
            return findings + list(_files(folder, history)), counts
    except StorageError as error:
        return [Finding(str(path), str(error), repair)], {}
    except (LookupError, ValueError, TypeError) as error:
        text = f"its events do not fit together ({type(error).__name__}: {error})"
        return [Finding(str(path), text, repair)], {}


def _inside(journal: Journal) -> Iterator[str]:
    """Name what is wrong with the rows."""
    for (text,) in journal.rows("PRAGMA integrity_check(5)"):
        if text != "ok":
            yield " ".join(text.split())
    orphans = journal.rows("PRAGMA foreign_key_check")
    if orphans:
        yield f"{len(orphans)} labels belong to samples or classes that are not there"
    yield from _vectors(journal)
    for number, label in journal.class_labels().items():
        try:
            normalise_label(label)
        except BadLabelError as error:
            yield f"class {number}: {error}"
    states = f"state NOT IN ({PENDING}, {TAUGHT}, {WITHDRAWN})"
    query = f"SELECT count(*) FROM labels WHERE {states} OR state = {TAUGHT} AND version IS NULL"
    wrong = journal.rows(query)[0][0]
    if wrong:
        yield f"{wrong} labels are neither waiting, learned nor withdrawn"
    query = "SELECT count(*) FROM labels WHERE version NOT IN (SELECT version FROM events)"
    lost = journal.rows(query)[0][0]
    if lost:
        yield f"{lost} labels were learned in lessons of which there is no event"


def _vectors(journal: Journal) -> Iterator[str]:
    """Name samples whose features no learner could take."""
    space = journal.feature_space()
    last, short, wild = 0, list[str](), list[str]()
    query = "SELECT id, sample_id, features FROM samples WHERE id > ? ORDER BY id LIMIT 500"
    while page := journal.rows(query, (last,)):
        last = page[-1][0]
        for _, sample_id, data in page:
            if space is None or len(data) != 4 * space.dimension:
                short.append(sample_id)
            elif not np.isfinite(np.frombuffer(data, dtype="<f4")).all():
                wild.append(sample_id)
    if space is None and short:
        yield "it does not say which encoder its samples belong to"
    elif short:
        yield f"features of another length than the encoder's: {_named(short)}"
    if wild:
        yield f"features that are NaN or infinite: {_named(wild)}"


def _named(sample_ids: list[str]) -> str:
    more = len(sample_ids) - _SHOWN
    return "sample " + ", ".join(sample_ids[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _counts(journal: Journal) -> dict[str, int]:
    tables = ("samples", "labels", "classes", "events")
    counts = {name: int(journal.rows(f"SELECT count(*) FROM {name}")[0][0]) for name in tables}
    return {**counts, "pending": len(journal.pending())}


def _files(folder: Path, history: History) -> Iterator[Finding]:
    """Name snapshots and model files that are missing or torn."""
    if not (folder / SNAPSHOTS).is_dir():
        return  # to open the store would make it
    store = SnapshotStore(folder / SNAPSHOTS)
    if store.newest() > history.latest + 1:
        text = (
            f"holds version {store.newest()}, but the journal ends at {history.latest}: its newest "
            "part was lost, or it is an older copy"
        )
        remedy = (
            f"Put {JOURNAL}-wal or the newer journal back; or go on with this one by "
            f"`cil journal repair {folder}`, which sets the newer snapshots aside."
        )
        yield Finding(str(store.folder), text, remedy)
    for name, sha256 in {(e.snapshot, e.snapshot_sha256) for e in history.events.values()}:
        try:
            if name:
                store.path_of(name, sha256)
        except TornSnapshot as error:
            remedy = "Start the learner: what answers is made again from the journal."
            yield Finding(str(store.folder / name), str(error), remedy)
    for base in {history.content_of(version).base for version in history.events} - {""}:
        if not (folder / MODELS / base).is_file():
            remedy = "Put it back from a backup; without it nothing can be learned on top of it."
            yield Finding(str(folder / MODELS / base), "a loaded model's file is missing", remedy)


def _used(folder: Path) -> dict[str, int]:
    parts = {"journal": f"{JOURNAL}*", "snapshots": f"{SNAPSHOTS}/*", "models": f"{MODELS}/*"}
    used = {name: _bytes(folder, pattern) for name, pattern in parts.items()}
    return {**used, "set aside": _bytes(folder, "*.torn-*") + _bytes(folder, "*.torn-*/*")}


def _bytes(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.glob(pattern) if path.is_file())
