"""Keep what can be read of a torn journal: a new one beside it, the old one left as it is."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cil_nodes.teaching.content import History, Recipe
from cil_nodes.teaching.errors import StorageError
from cil_nodes.teaching.folders import JOURNAL, SNAPSHOTS
from cil_nodes.teaching.journal import EVENT_KINDS, Event, Journal, read_only_uri
from cil_nodes.teaching.locking import FolderLock
from cil_nodes.teaching.remains import COLUMNS, Remains, Row, read_remains
from cil_nodes.teaching.schema import bring_up_to_date, refuse_foreign
from cil_nodes.teaching.snapshots import SnapshotStore


@dataclass(frozen=True)
class Repair:
    """What came of a repair.

    Attributes
    ----------
    repaired : bool
        False if nothing had to be done; nothing was touched then.
    kept, lost : mapping
        Rows by table; ``lost`` counts what is known to have been there.
    aside : tuple of str
        Where the old files are now.
    remarks : tuple of str
        What else a person should know, a sentence each.
    """

    repaired: bool
    kept: Mapping[str, int] = field(default_factory=dict)
    lost: Mapping[str, int] = field(default_factory=dict)
    aside: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def repair(folder: Path) -> Repair:
    """Make a journal that is whole of one that is torn.

    The old file stays as ``journal.torn-<n>`` (with its ``-wal``), snapshots of versions that the
    new journal does not know in ``snapshots.torn-<n>``.

    Raises
    ------
    FolderInUseError
        If a learner holds the folder.
    JournalDamagedError
        If the file is another program's, or from a newer release: nothing is torn then.
    StorageError
        If there is no such folder, or no room for the new file; nothing has changed then.
    """
    if not folder.is_dir():
        raise StorageError(f"There is no folder {folder}. Name the learner's `folder`.")
    lock = FolderLock(folder)
    try:
        return _repair(folder)
    finally:
        lock.release()


def _repair(folder: Path) -> Repair:
    path = folder / JOURNAL
    number = _next_number(folder)
    torn = not _is_whole(path)
    kept: Mapping[str, int] = {}
    lost: Mapping[str, int] = {}
    aside: list[str] = []
    remarks: list[str] = []
    if torn:
        workplace = folder / "repair"
        try:
            kept, lost, remarks = _rewrite(path, _fresh(workplace) / JOURNAL)
            aside += _set_aside(path, number)
            os.replace(workplace / JOURNAL, path)
        except (OSError, sqlite3.Error) as error:
            raise StorageError(
                f"Cannot write the repaired journal to {workplace}: {error}. Make room on the disk "
                f"for another {_size(path) // 2**20 + 1} MB, then repair again."
            ) from error
        finally:
            shutil.rmtree(workplace, ignore_errors=True)
    aside += _unknown_snapshots(folder, number)
    return Repair(bool(aside) or torn, kept, lost, tuple(aside), tuple(remarks))


def _is_whole(path: Path) -> bool:
    """Tell whether a session would open the journal; a foreign file is refused."""
    if path.is_file():
        with (
            suppress(sqlite3.Error),
            closing(sqlite3.connect(read_only_uri(path), uri=True)) as database,
        ):
            refuse_foreign(database, str(path))
    try:
        with closing(Journal(path, read_only=True)) as journal:
            _ = History(journal, Recipe("")), journal.feature_space(), journal.pending()
            vectors = {len(row[0]) for row in journal.rows("SELECT features FROM samples")}
            orphans = journal.rows("PRAGMA foreign_key_check")
            return len(vectors) <= 1 and not orphans
    except (StorageError, LookupError, ValueError, TypeError):
        return False


# -- writing


def _rewrite(path: Path, new: Path) -> tuple[dict[str, int], dict[str, int], list[str]]:
    """Write what is left of one journal to another; return counts kept and lost, and remarks."""
    left = read_remains(path)
    _write(new, left)
    events = _write_events(new, left.events)
    kept = {**{name: len(rows) for name, rows in left.tables.items()}, "events": len(events)}
    lost = {name: left.had[name] - kept[name] for name in left.had if left.had[name] > kept[name]}
    return kept, lost, list(_remarks(left, lost))


def _remarks(left: Remains, lost: Mapping[str, int]) -> Iterator[str]:
    for number in left.nameless:
        yield f"The name of class {number} was lost; it is called 'lost class {number}' now."
    if left.tables["samples"] and not left.meta:
        yield "The encoder's name was lost; that of the next sample counts as theirs."
    if "events" in lost:
        yield "What lessons after the last whole one had taught waits to be learned again."


def _write(new: Path, left: Remains) -> None:
    with closing(sqlite3.connect(new, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous = FULL")
        bring_up_to_date(database, str(new))
        database.execute("BEGIN")
        database.executemany("INSERT INTO meta VALUES (?, ?)", left.meta.items())
        for table, rows in left.tables.items():
            marks = ", ".join("?" * len(COLUMNS[table].split(",")))
            query = f"INSERT INTO {table} ({COLUMNS[table]}) VALUES ({marks})"
            database.executemany(query, rows)
        database.execute("COMMIT")


def _write_events(new: Path, rows: list[Row]) -> list[Event]:
    """Write the events up to the first that does not fit; labels taught later wait again."""
    good: list[Event] = []
    with closing(Journal(new)) as journal:
        history = History(journal, Recipe(""))
        for row in rows:
            try:
                event = _event(row)
                if event.kind != "tuning" and event.version != history.latest + 1:
                    break
                history.append(event)
            except (LookupError, ValueError, TypeError):
                break
            good.append(event)
        with journal.transaction():
            for event in good:
                journal.add_event(event)
            journal.have_wait_again(history.latest)
    return good


def _event(row: Row) -> Event:
    _, kind, version, parent, restored, stamp, method, parameters, seed, detail, name, sha256 = row
    if kind not in EVENT_KINDS:
        raise ValueError(kind)
    values = json.loads(parameters), seed, restored, json.loads(detail), name, sha256
    return Event(kind, version, parent, stamp, method, *values)


# -- files


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    return folder


def _next_number(folder: Path) -> int:
    taken = (path.name.rpartition("torn-")[2].partition("-")[0] for path in folder.glob("*.torn-*"))
    return max((int(number) for number in taken if number.isdecimal()), default=0) + 1


def _set_aside(path: Path, number: int) -> list[str]:
    """Rename a journal with its log, which goes first: beside another file it would be read in."""
    new = path.with_name(f"journal.torn-{number}")
    moved = []
    for part in ("-wal", "-shm", ""):
        if path.with_name(path.name + part).exists():
            os.rename(path.with_name(path.name + part), new.with_name(new.name + part))
            moved.append(str(new) + part)
    return [name for name in moved if not name.endswith("-shm")][::-1]


def _unknown_snapshots(folder: Path, number: int) -> list[str]:
    """Move snapshots of versions that the journal does not know out of the session's way."""
    if not (folder / SNAPSHOTS).is_dir():
        return []
    with closing(Journal(folder / JOURNAL, read_only=True)) as journal:
        latest = History(journal, Recipe("")).latest
    store = SnapshotStore(folder / SNAPSHOTS)
    if store.newest() <= latest + 1:
        return []
    aside = folder / f"{SNAPSHOTS}.torn-{number}"
    aside.mkdir(mode=0o700)
    for version, path in store.versions().items():
        if version > latest:
            os.rename(path, aside / path.name)
    return [str(aside)]


def _size(path: Path) -> int:
    parts = (path.with_name(path.name + part) for part in ("", "-wal"))
    return sum(part.stat().st_size for part in parts if part.is_file())
