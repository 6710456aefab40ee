"""What can be read of a torn journal: every good row that SQLite or its pages still give."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cil_nodes.teaching.errors import BadLabelError
from cil_nodes.teaching.journal import PENDING, TAUGHT, WITHDRAWN, read_only_uri
from cil_nodes.teaching.labels import normalise_label
from cil_nodes.teaching.sqlite_pages import TornFile

Row = tuple[Any, ...]

COLUMNS = {
    "classes": "id, name, label",
    "samples": "id, sample_id, stamp_ns, frame_id, x, y, width, height, features, picture",
    "labels": "id, sample, class, source, state, version, held_out",
    "events": "id, kind, version, parent, restored, stamp_ns, method, parameters, seed, detail,"
    " snapshot, snapshot_sha256",
}
_BY_WIDTH = {len(columns.split(",")): table for table, columns in COLUMNS.items()}
NUMBERED = ("samples", "labels", "events")  # AUTOINCREMENT: how many there were is known


@dataclass(frozen=True)
class Remains:
    """The good rows of a torn journal, by table, as they were.

    Attributes
    ----------
    meta : mapping
        Encoder and length of the vectors; empty where it was lost.
    tables : mapping
        Rows of classes, samples and labels that fit together.
    events : list
        All that can be read, in order; whether they fit is for the history to say.
    nameless : list of int
        Classes whose names were lost.
    had : mapping
        How many samples, labels and events there have been, as far as anything says.
    """

    meta: Mapping[str, str]
    tables: Mapping[str, list[Row]]
    events: list[Row]
    nameless: list[int]
    had: Mapping[str, int]


def read_remains(path: Path) -> Remains:
    """Read what is left of a journal; the file stays as it is."""
    raw = TornFile(path)
    found, meta = _readable(path, raw), _meta(path, raw)
    dimension = _dimension(meta, found["samples"].values())
    good = [row for _, row in sorted(found["samples"].items()) if _is_sample(row, dimension)]
    samples = list({row[1]: row for row in good}.values())  # one of each sample_id
    known = {row[0] for row in samples}
    rows = [row for _, row in sorted(found["labels"].items()) if row[1] in known]
    labels = [row for row in rows if _is_label(row)]
    classes, nameless = _good_classes(found["classes"].values(), {row[2] for row in labels})
    tables = {"classes": classes, "samples": samples, "labels": labels}
    counted = _counted(path, raw)
    had = {name: _had(name, counted, found) for name in NUMBERED}
    events = [row for _, row in sorted(found["events"].items())]
    space = {**meta, "dimension": str(dimension)} if "encoder_id" in meta else {}
    return Remains(space, tables, events, nameless, had)


def _readable(path: Path, raw_file: TornFile) -> dict[str, dict[int, Row]]:
    """Return every row that can be read, by table and number: as SQLite finds it, else raw."""
    found: dict[str, dict[int, Row]] = {table: {} for table in COLUMNS}
    if path.is_file():
        with suppress(sqlite3.Error), closing(_opened(path)) as database:
            for table, columns in COLUMNS.items():
                for order in ("", " DESC"):  # from both ends, up to what is torn
                    rows = _until_torn(
                        database, f"SELECT {columns} FROM {table} ORDER BY id{order}"
                    )
                    found[table].update((row[0], row) for row in rows)
    raw: dict[str, dict[int, Row]] = {table: {} for table in COLUMNS}
    for row in raw_file.rows():
        table = _BY_WIDTH.get(len(row.values), "")
        if table and row.values[0] is None:
            values = (row.rowid, *row.values[1:])
            raw[table][row.rowid] = _later(raw[table].get(row.rowid), values)
    return {table: {**raw[table], **found[table]} for table in COLUMNS}


def _opened(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(read_only_uri(path), uri=True)
    database.execute("PRAGMA writable_schema = ON")  # else a file cut short is not read at all
    return database


def _until_torn(database: sqlite3.Connection, query: str) -> Iterable[Row]:
    with suppress(sqlite3.Error):
        yield from database.execute(query)


def _later(one: Row | None, other: Row) -> Row:
    """Of two copies of a row, the later: a label's state only grows."""
    if one is None or len(other) != len(COLUMNS["labels"].split(",")):
        return other
    return max(one, other, key=lambda row: row[4] if isinstance(row[4], int) else -1)


def _meta(path: Path, raw_file: TornFile) -> dict[str, str]:
    with suppress(sqlite3.Error), closing(_opened(path)) as database:
        return dict(database.execute("SELECT key, value FROM meta"))
    pairs = [row.values for row in raw_file.rows() if len(row.values) == 2]
    return {key: value for key, value in pairs if key in ("encoder_id", "dimension")}


def _counted(path: Path, raw_file: TornFile) -> dict[str, int]:
    """Return how many rows each table has had, as SQLite keeps count; empty if that is torn."""
    with suppress(sqlite3.Error), closing(_opened(path)) as database:
        return dict(database.execute("SELECT name, seq FROM sqlite_sequence"))
    pairs = [row.values for row in raw_file.rows() if len(row.values) == 2]
    return {n: c for n, c in pairs if n in NUMBERED and isinstance(c, int)}


def _is_sample(row: Row, dimension: int) -> bool:
    _, sample_id, stamp, frame, *roi, features, picture = row
    texts = isinstance(sample_id, str) and 0 < len(sample_id) <= 64 and isinstance(frame, str)
    numbers = all(isinstance(value, int) for value in (stamp, *roi))
    blobs = isinstance(features, bytes) and isinstance(picture, bytes)
    if not (texts and numbers and blobs and len(features) == 4 * dimension):
        return False
    return bool(np.isfinite(np.frombuffer(features, dtype="<f4")).all())


def _dimension(meta: Mapping[str, str], rows: Iterable[Row]) -> int:
    """Return the length of the vectors: as written down, else the most frequent one."""
    with suppress(ValueError):
        if int(meta.get("dimension", "0")) > 0:
            return int(meta["dimension"])
    lengths = Counter(len(row[8]) // 4 for row in rows if isinstance(row[8], bytes) and row[8])
    return lengths.most_common(1)[0][0] if lengths else 1


def _is_label(row: Row) -> bool:
    _, _, number, source, state, version, held_out = row
    known = state in (PENDING, TAUGHT, WITHDRAWN) and (state != TAUGHT or isinstance(version, int))
    return known and isinstance(number, int) and isinstance(source, str) and held_out in (0, 1)


def _good_classes(rows: Iterable[Row], needed: set[int]) -> tuple[list[Row], list[int]]:
    """Return classes with a name of their own, and the numbers of those whose names were lost."""
    kept: dict[int, Row] = {}
    names: set[str] = set()
    for number, name, label in rows:
        with suppress(BadLabelError, AttributeError, TypeError):
            normalise_label(label)
            if isinstance(name, str) and name not in names:
                kept[number] = (number, name, label)
                names.add(name)
    nameless = sorted(needed - set(kept))
    for number in nameless:
        kept[number] = (number, f"lost class {number}", f"lost class {number}")
    return sorted(kept.values()), nameless


def _had(table: str, counted: Mapping[str, int], found: Mapping[str, Mapping[int, Row]]) -> int:
    """Return how many rows there have been, from all that says so."""
    named = [row[1] for row in found["labels"].values() if isinstance(row[1], int)]
    highest = max([0, *found[table], *(named if table == "samples" else [])])
    return max(counted.get(table, 0), highest)
