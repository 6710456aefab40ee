"""The session's memory on disk: samples, labels and events in one SQLite file.

Every call is one transaction; when it returns, the data are on the disk (write-ahead log,
``synchronous=FULL``). Nothing here decides anything: what a lesson or a version means is folded
from the events by :mod:`cil_nodes.teaching.content`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from cil_nodes.teaching.errors import JournalDamagedError, StorageError
from cil_nodes.teaching.folders import SNAPSHOTS
from cil_nodes.teaching.samples import FeatureSpace, Sample
from cil_nodes.teaching.schema import bring_up_to_date, refuse_foreign

PENDING, TAUGHT, WITHDRAWN = 0, 1, 2
EVENT_KINDS = ("lesson", "edit", "roll_back", "switch", "tuning")
_BATCH = 500  # values in one IN (...): every SQLite build takes this many


@dataclass(frozen=True)
class LabelRow:
    """One label given to one sample; ``sample`` and ``class_id`` are row numbers."""

    id: int
    sample: int
    class_id: int
    held_out: bool = False


@dataclass(frozen=True)
class Event:
    """One thing done: a lesson, an edit, a roll back, a switch, or a tuning between two lessons."""

    kind: str
    version: int
    parent: int
    stamp_ns: int
    method: str
    parameters: Mapping[str, Any]
    seed: int
    restored: int = 0
    detail: Mapping[str, Any] = field(default_factory=dict)
    snapshot: str = ""
    snapshot_sha256: str = ""


class Journal:
    """The SQLite file of one session. Safe to use from several threads.

    Parameters
    ----------
    path : pathlib.Path
        The file; made when it is missing. Its folder must exist.
    read_only : bool
        Only look: nothing is made, brought up to date or written.

    Raises
    ------
    StorageError
        If the file cannot be written.
    JournalDamagedError
        If it is torn, another program's, or newer than this release.
    """

    def __init__(self, path: Path, read_only: bool = False) -> None:
        self.path = path
        self._read_only = read_only
        self._lock = threading.RLock()
        self._db: Any = None
        try:
            with self._translated():
                self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        if self._read_only:
            self._db = self._connect(read_only_uri(self.path))
            self._check(self._db)
            return
        # The index of the write-ahead log, which processes share, is a file and needs room. A
        # session that does without it, alone with the journal, answers from a full disk, too.
        shared = not self.path.exists() or _has_room(self.path.parent)
        self._look_first(shared)
        self._db = self._connect(f"file:{quote(str(self.path))}")
        if not shared:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        if not shared:
            self._check(self._db)
        bring_up_to_date(self._db, str(self.path))

    def _look_first(self, has_room: bool) -> None:
        """Check the file before it is opened for writing: a torn or foreign one stays as it is."""
        if not self.path.exists():
            self._refuse_lost(0)
            return
        database = self._connect(read_only_uri(self.path))
        try:
            self._check(database)
        except sqlite3.OperationalError:  # without room not even a log can be looked at
            if has_room:
                raise
        finally:
            database.close()

    def _connect(self, uri: str) -> sqlite3.Connection:
        return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)

    def _check(self, database: sqlite3.Connection) -> None:
        self._refuse_lost(database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
        found = [row[0] for row in database.execute("PRAGMA quick_check(3)")]
        if found != ["ok"]:
            raise JournalDamagedError(self._damage(" ".join("; ".join(map(str, found)).split())))
        refuse_foreign(database, str(self.path))

    def _refuse_lost(self, tables: int) -> None:
        """Refuse an empty file in a folder that has been used: beginning anew would hide a loss."""
        log = self.path.with_name(self.path.name + "-wal")
        used = (self.path.parent / SNAPSHOTS).is_dir() or _size(log) > 0
        if used and not tables:
            raise JournalDamagedError(
                self._damage("it is empty, but the folder was used: the file or its -wal was lost")
            )

    def _damage(self, what: str) -> str:
        return damaged(self.path, what)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn SQLite's errors into ours; a half-done transaction is taken back."""
        try:
            yield
        except sqlite3.OperationalError as error:
            self._take_back()
            raise StorageError(
                f"Cannot write the journal {self.path}: {error}. Nothing of this call was stored. "
                "Make room on the disk or check the folder's permissions, then say it again."
            ) from error
        except sqlite3.DatabaseError as error:
            self._take_back()
            raise JournalDamagedError(self._damage(str(error))) from error
        except BaseException:
            self._take_back()
            raise

    def _take_back(self) -> None:
        if self._db is not None:
            with suppress(sqlite3.Error):  # the first error says more
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or none of what is written inside; on disk at its end."""
        with self._lock, self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return what a query finds; for what no method here asks."""
        with self._lock, self._translated():
            return self._db.execute(query, values).fetchall()

    def _rows_in(self, query: str, keys: Sequence[Any]) -> Iterator[Any]:
        """Rows of ``query``, whose ``(?)`` stands for a list of keys."""
        for start in range(0, len(keys), _BATCH):
            batch = keys[start : start + _BATCH]
            marks = ",".join("?" * len(batch))
            yield from self.rows(query.replace("(?)", f"({marks})"), batch)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._lock:
            if self._db is not None:
                self._db.close()

    def size_bytes(self) -> int:
        """Return what the journal takes on disk."""
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    # -- samples and labels

    def feature_space(self) -> FeatureSpace | None:
        """Return encoder and length of all vectors; None before the first sample."""
        found = dict(self.rows("SELECT key, value FROM meta"))
        if "encoder_id" not in found:
            return None
        return FeatureSpace(found["encoder_id"], int(found["dimension"]))

    def fix_feature_space(self, space: FeatureSpace) -> None:
        """Write down encoder and length, once, inside a transaction."""
        pairs = {"encoder_id": space.encoder_id, "dimension": str(space.dimension)}
        self._db.executemany("INSERT INTO meta VALUES (?, ?)", pairs.items())

    def class_names(self) -> dict[int, str]:
        """Return what the learner calls every class ever written, by number."""
        return dict(self.rows("SELECT id, name FROM classes ORDER BY id"))

    def class_labels(self) -> dict[int, str]:
        """Return every class ever written, as it was first written, by number."""
        return dict(self.rows("SELECT id, label FROM classes ORDER BY id"))

    def add_class(self, label: str) -> int:
        """Give ``label`` the next number, inside a transaction."""
        number = self.rows("SELECT ifnull(max(id) + 1, 0) FROM classes")[0][0]
        taken = self.rows("SELECT 1 FROM classes WHERE name = ?", (label,))
        # A renamed class keeps its old name inside; another may then be written under it.
        name = f"{label} #{number}" if taken else label
        self._db.execute("INSERT INTO classes VALUES (?, ?, ?)", (number, name, label))
        return int(number)

    def sample_rows(self, sample_ids: Sequence[str]) -> dict[str, int]:
        """Return the row numbers of those samples that are kept."""
        query = "SELECT sample_id, id FROM samples WHERE sample_id IN (?)"
        return dict(self._rows_in(query, list(sample_ids)))

    def add_sample(self, sample: Sample, keep_picture: bool) -> int:
        """Store a vector and return its row number, inside a transaction."""
        features = np.ascontiguousarray(sample.features, dtype="<f4").tobytes()
        picture = sample.picture if keep_picture else b""
        cursor = self._db.execute(
            "INSERT INTO samples (sample_id, stamp_ns, frame_id, x, y, width, height, features,"
            " picture) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (sample.sample_id, sample.stamp_ns, sample.frame_id, *sample.roi, features, picture),
        )
        return int(cursor.lastrowid or 0)

    def add_label(self, sample: int, class_id: int, source: str) -> int:
        """Add a label that waits for a lesson and return its row number, inside a transaction."""
        cursor = self._db.execute(
            "INSERT INTO labels (sample, class, source) VALUES (?, ?, ?)",
            (sample, class_id, source),
        )
        return int(cursor.lastrowid or 0)

    def withdraw(self, label_ids: Iterable[int]) -> None:
        """Take back labels that wait for a lesson, inside a transaction."""
        self._db.executemany(
            f"UPDATE labels SET state = {WITHDRAWN} WHERE id = ? AND state = {PENDING}",
            ((number,) for number in label_ids),
        )

    def have_wait_again(self, version: int) -> None:
        """Let labels that lessons after ``version`` learned wait anew, inside a transaction."""
        self._db.execute(
            f"UPDATE labels SET state = {PENDING}, version = NULL, held_out = 0 WHERE version > ?",
            (version,),
        )
        self._db.execute(  # of one sample, the last word counts
            f"UPDATE labels SET state = {WITHDRAWN} WHERE state = {PENDING} AND id NOT IN"
            f" (SELECT max(id) FROM labels WHERE state = {PENDING} GROUP BY sample)"
        )

    def pending(self) -> list[LabelRow]:
        """Return the labels that wait for a lesson, in order of arrival."""
        query = f"SELECT id, sample, class FROM labels WHERE state = {PENDING} ORDER BY id"
        return [LabelRow(*row) for row in self.rows(query)]

    def all_samples(self) -> list[int]:
        """Return the row numbers of all samples kept."""
        return [row[0] for row in self.rows("SELECT id FROM samples ORDER BY id")]

    def taught(self, version: int) -> list[LabelRow]:
        """Return the labels that lesson ``version`` learned, in order of arrival."""
        query = "SELECT id, sample, class, held_out FROM labels WHERE version = ? ORDER BY id"
        rows = self.rows(query, (version,))
        return [LabelRow(number, sample, klass, bool(out)) for number, sample, klass, out in rows]

    def mark_taught(self, rows: Iterable[LabelRow], version: int) -> None:
        """Say that lesson ``version`` learned these labels, inside a transaction."""
        self._db.executemany(
            f"UPDATE labels SET state = {TAUGHT}, version = ?, held_out = ? WHERE id = ?",
            ((version, int(row.held_out), row.id) for row in rows),
        )

    def features(self, samples: Sequence[int]) -> np.ndarray:
        """Return the vectors of these rows, (n, d) float32, in their order."""
        query = "SELECT id, features FROM samples WHERE id IN (?)"
        found = dict(self._rows_in(query, list(samples)))
        if not found:
            return np.zeros((0, 0), dtype=np.float32)
        try:
            return np.stack([np.frombuffer(found[row], dtype="<f4") for row in samples])
        except (KeyError, ValueError) as error:
            what = f"a feature vector is torn ({error})"
            raise JournalDamagedError(self._damage(what)) from error

    def last_stamp(self, samples: Sequence[int] | None = None) -> int:
        """Return the newest stamp of these rows, or of all, in nanoseconds; 0 for none."""
        if samples is None:
            return int(self.rows("SELECT ifnull(max(stamp_ns), 0) FROM samples")[0][0])
        query = "SELECT stamp_ns FROM samples WHERE id IN (?)"
        return max((row[0] for row in self._rows_in(query, list(samples))), default=0)

    def samples(self, rows: Sequence[int], pictures: bool = True) -> list[Sample]:
        """Return whole samples, unlabelled, in the order of ``rows``."""
        space = self.feature_space()
        encoder_id = space.encoder_id if space else ""
        picture = "picture" if pictures else "x''"
        query = (
            "SELECT id, sample_id, stamp_ns, frame_id, x, y, width, height, features, "
            f"{picture} FROM samples WHERE id IN (?)"
        )
        found = {}
        for row, sample_id, stamp, frame, *roi, features, jpeg in self._rows_in(query, list(rows)):
            vector = np.frombuffer(features, dtype="<f4")
            box = (roi[0], roi[1], roi[2], roi[3])
            found[row] = Sample(
                sample_id, stamp, frame, box, encoder_id, vector, picture=bytes(jpeg)
            )
        return [found[row] for row in rows]

    # -- events

    def events(self) -> list[Event]:
        """Return everything done, in order."""
        query = (
            "SELECT kind, version, parent, stamp_ns, method, parameters, seed, restored, detail,"
            " snapshot, snapshot_sha256 FROM events ORDER BY id"
        )
        try:
            return [_event(row) for row in self.rows(query)]
        except ValueError as error:
            raise JournalDamagedError(self._damage(f"an event is torn ({error})")) from error

    def add_event(self, event: Event) -> None:
        """Append one event, inside a transaction."""
        self._db.execute(
            "INSERT INTO events (kind, version, parent, stamp_ns, method, parameters, seed,"
            " restored, detail, snapshot, snapshot_sha256) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            (
                event.kind,
                event.version,
                event.parent,
                event.stamp_ns,
                event.method,
                json.dumps(dict(event.parameters), sort_keys=True),
                event.seed,
                event.restored,
                json.dumps(dict(event.detail), sort_keys=True),
                event.snapshot,
                event.snapshot_sha256,
            ),
        )

    def forget_snapshot(self, name: str) -> None:
        """Say that a snapshot file is no longer kept, inside a transaction."""
        self._db.execute("UPDATE events SET snapshot = '' WHERE snapshot = ?", (name,))

    def replace_snapshot(self, name: str, new_name: str, sha256: str) -> None:
        """Say that a file made again stands for a torn one, inside a transaction."""
        self._db.execute(
            "UPDATE events SET snapshot = ?, snapshot_sha256 = ? WHERE snapshot = ?",
            (new_name, sha256, name),
        )


def damaged(path: Path, what: str) -> str:
    """Return the sentence for a journal that cannot be used as it is."""
    return (
        f"The journal {path} is damaged: {what}. Put a backup in its place, or keep what is "
        f"readable with `cil journal repair {path.parent}`, which leaves the old file beside it; "
        f"`cil journal check {path.parent}` says more."
    )


def read_only_uri(path: Path) -> str:
    """Return the address by which SQLite reads a file that nobody else has open.

    Where no write-ahead log lies beside it, nothing is made beside it either. Beside an empty file
    SQLite would delete the log, even so; there it is not looked for.
    """
    has_log = _size(path) > 0 and _size(path.with_name(path.name + "-wal")) > 0
    return f"file:{quote(str(path))}?mode=ro" + ("" if has_log else "&immutable=1")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _has_room(folder: Path) -> bool:
    """Whether the disk has room for what SQLite makes beside a journal."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize > 2**20


def _event(row: Sequence[Any]) -> Event:
    kind, version, parent, stamp, method, parameters, seed, restored, detail, name, sha256 = row
    return Event(
        kind,
        version,
        parent,
        stamp,
        method,
        json.loads(parameters),
        seed,
        restored,
        json.loads(detail),
        name,
        sha256,
    )
