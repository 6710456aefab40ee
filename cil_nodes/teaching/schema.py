"""The journal's tables, their version and how an older file is brought up to date.

``samples`` holds each vector once; ``labels`` every label ever given, in order; ``events`` what was
done with them, in order. Rows of ``labels`` are never changed but for their state, so that a lesson
can be replayed as it happened.
"""

from __future__ import annotations

import sqlite3

from cil_nodes.teaching.errors import JournalDamagedError

APPLICATION_ID = 0x43494C31  # "CIL1": tells a journal from any other SQLite file

_VERSION_1 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE classes (
    id INTEGER PRIMARY KEY,             -- ClassInfo.index: from 0, never reused
    name TEXT NOT NULL UNIQUE,          -- what the learner calls the class, for good
    label TEXT NOT NULL                 -- as first written
);

CREATE TABLE samples (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sample_id TEXT NOT NULL UNIQUE,
    stamp_ns INTEGER NOT NULL,
    frame_id TEXT NOT NULL,
    x INTEGER NOT NULL, y INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
    features BLOB NOT NULL,             -- float32, little endian
    picture BLOB NOT NULL               -- JPEG, or empty
);

CREATE TABLE labels (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sample INTEGER NOT NULL REFERENCES samples(id),
    class INTEGER NOT NULL REFERENCES classes(id),
    source TEXT NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,   -- 0 pending, 1 taught, 2 withdrawn before it was taught
    version INTEGER,                    -- the lesson that learned it
    held_out INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX labels_of_sample ON labels(sample);
CREATE INDEX labels_of_version ON labels(version) WHERE version IS NOT NULL;
CREATE INDEX labels_pending ON labels(id) WHERE state = 0;

CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,                 -- lesson, edit, roll_back, switch, tuning
    version INTEGER NOT NULL,           -- that it made; of tuning: that it followed
    parent INTEGER NOT NULL,
    restored INTEGER NOT NULL DEFAULT 0,
    stamp_ns INTEGER NOT NULL,
    method TEXT NOT NULL,
    parameters TEXT NOT NULL,           -- JSON
    seed INTEGER NOT NULL,
    detail TEXT NOT NULL,               -- JSON; depends on kind
    snapshot TEXT NOT NULL DEFAULT '',
    snapshot_sha256 TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX events_version ON events(version) WHERE kind != 'tuning';
"""

MIGRATIONS: tuple[str, ...] = (_VERSION_1,)
"""Step i brings a journal of schema version i to i + 1; a released step is never edited."""

SCHEMA_VERSION = len(MIGRATIONS)


def bring_up_to_date(connection: sqlite3.Connection, path: str) -> None:
    """Create or migrate the tables, each step in one transaction.

    Raises
    ------
    JournalDamagedError
        If the file is another program's, or from a newer version of this one.
    """
    refuse_foreign(connection, path)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    for number in range(version, SCHEMA_VERSION):
        connection.executescript(
            f"BEGIN IMMEDIATE;{MIGRATIONS[number]}"
            f"PRAGMA application_id = {APPLICATION_ID};"
            f"PRAGMA user_version = {number + 1};COMMIT;"
        )


def refuse_foreign(connection: sqlite3.Connection, path: str) -> None:
    """Refuse a file that is none of ours to read; nothing is written.

    Raises
    ------
    JournalDamagedError
        If the file is another program's, or from a newer version of this one.
    """
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and application != APPLICATION_ID:
        raise JournalDamagedError(f"{path} is a database of another program; move it away.")
    if version > SCHEMA_VERSION:
        raise JournalDamagedError(
            f"{path} has schema version {version}, made by a newer release; this one knows up to "
            f"{SCHEMA_VERSION}. Update this program, or choose another folder."
        )
