"""What of a journal goes into a support bundle: what was done and counted, never a feature.

The file is opened for reading alone, beside a learner that may be writing to it.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

EVENTS, PICTURES = 200, 50
"""How many of the last ones are taken."""

_COUNTS = """
SELECT classes.label, labels.state, count(*) FROM labels JOIN classes ON labels.class = classes.id
GROUP BY classes.id, labels.state ORDER BY classes.id
"""
_STATES = {0: "pending", 1: "taught", 2: "withdrawn"}


def extract(path: Path) -> dict[str, Any]:
    """Return the last events and how many samples and labels there are.

    Raises
    ------
    sqlite3.Error
        If the file cannot be read.
    """
    with _opened(path) as database:
        rows = database.execute("SELECT * FROM events ORDER BY id DESC LIMIT ?", (EVENTS,))
        events = [_event(dict(row)) for row in rows][::-1]
        return {
            "schema_version": database.execute("PRAGMA user_version").fetchone()[0],
            "bytes": path.stat().st_size,
            "meta": {row[0]: row[1] for row in database.execute("SELECT key, value FROM meta")},
            "samples": database.execute("SELECT count(*) FROM samples").fetchone()[0],
            "labels": [
                {"label": label, "state": _STATES.get(state, state), "count": count}
                for label, state, count in database.execute(_COUNTS)
            ],
            "events": events,
        }


def pictures(path: Path) -> dict[str, bytes]:
    """Return the last pictures that were kept, by sample id.

    Raises
    ------
    sqlite3.Error
        If the file cannot be read.
    """
    query = "SELECT sample_id, picture FROM samples WHERE picture != x'' ORDER BY id DESC LIMIT ?"
    with _opened(path) as database:
        return {name: bytes(jpeg) for name, jpeg in database.execute(query, (PICTURES,))}


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)
    try:
        database.row_factory = sqlite3.Row
        yield database
    finally:
        database.close()


def _event(row: dict[str, Any]) -> dict[str, Any]:
    """Unpack the columns that hold JSON; one that is torn stays as it is."""
    for name in ("parameters", "detail"):
        with contextlib.suppress(ValueError, TypeError):
            row[name] = json.loads(row[name])
    return row
