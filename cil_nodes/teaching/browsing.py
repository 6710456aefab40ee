"""Views of a session for people: its classes, its history, its samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from cil_nodes.teaching.books import Books
from cil_nodes.teaching.content import Content, History
from cil_nodes.teaching.journal import Event, Journal
from cil_nodes.teaching.labels import is_background
from cil_nodes.teaching.live import LiveModel
from cil_nodes.teaching.records import NAN, Cause, ClassSummary, Version
from cil_nodes.teaching.samples import Sample

MAX_PAGE = 100
_CAUSES = {
    "lesson": Cause.LESSON,
    "edit": Cause.EDIT,
    "roll_back": Cause.ROLL_BACK,
    "switch": Cause.SWITCH,
    "merge": Cause.MERGE,
}


def classes(content: Content, event: Event | None, books: Books) -> tuple[ClassSummary, ...]:
    """Return the classes of what answers, by number; ``background`` is none of them."""
    recall: Mapping[str, float] = event.detail.get("recall", {}) if event else {}
    labels, inner = books.labels(content), books.inner_names()
    return tuple(
        ClassSummary(
            index=number,
            label=labels[number],
            samples=content.counts[number],
            version_added=content.added_in.get(number, 0),
            recall=float(recall.get(inner[number], NAN)),
        )
        for number in sorted(content.counts)
        if not is_background(labels[number])
    )


def remark(live: LiveModel) -> str:
    """Return what a person should know about the model that answers; empty when all is well."""
    if live.learner is None:
        return "nothing has been taught yet"
    if not live.calibrated:
        return "unknowns not yet calibrated: teach at least 3 classes with 5 samples each"
    return ""


def versions(history: History, books: Books) -> list[Version]:
    """Return every version, newest first, down to the empty model."""
    events = sorted(history.events.values(), key=lambda event: -event.version)
    empty = Version(0, 0, 0, 0, Cause.EMPTY, history.recipe.method)
    return [_version(event, history, books) for event in events] + [empty]


def _version(event: Event, history: History, books: Books) -> Version:
    content = history.content_of(event.version)
    labels = books.labels(content)
    touched = event.detail.get("classes", ())
    return Version(
        version=event.version,
        parent=event.parent,
        restored=event.restored,
        stamp_ns=event.stamp_ns,
        cause=_CAUSES[event.kind],
        method=event.method,
        labels=tuple(labels[number] for number in touched)[:64],
        samples=int(event.detail.get("samples", 0)),
        accuracy=float(event.detail.get("accuracy", NAN)),
        available=content.is_empty or bool(event.snapshot),
    )


@dataclass(frozen=True)
class Query:
    """What is asked of the journal; fields as in `Session.list_samples`."""

    label: str = ""
    sample_ids: tuple[str, ...] = ()
    nearest_to: str = ""
    offset: int = 0
    limit: int = 20
    pictures: bool = True


def samples(journal: Journal, books: Books, query: Query) -> tuple[int, list[Sample]]:
    """Return how many samples fit the query, and one page of them."""
    current = books.current()
    rows = _chosen(journal, books, query, current)
    if query.nearest_to:
        rows = _by_likeness(journal, rows, books.row_of(query.nearest_to))
    else:
        rows.sort(reverse=True)
    begin = max(0, query.offset)
    page = rows[begin : begin + min(max(0, query.limit), MAX_PAGE)]
    labels = books.labels()
    found = journal.samples(page, query.pictures)
    named = [
        replace(sample, label=labels[current[row]] if row in current else "")
        for row, sample in zip(page, found, strict=True)
    ]
    return len(rows), named


def _chosen(journal: Journal, books: Books, query: Query, current: dict[int, int]) -> list[int]:
    if query.sample_ids:
        rows = list(journal.sample_rows(query.sample_ids).values())
    else:
        rows = journal.all_samples()
    if not query.label:
        return rows
    number = books.number_of(query.label)
    return [row for row in rows if number is not None and current.get(row) == number]


def _by_likeness(journal: Journal, rows: list[int], to: int | None) -> list[int]:
    if to is None or not rows:
        return []
    features = journal.features(rows).astype(np.float64)
    one = journal.features([to])[0].astype(np.float64)
    lengths = np.linalg.norm(features, axis=1) * np.linalg.norm(one)
    likeness = features @ one / np.maximum(lengths, 1e-12)
    return [rows[i] for i in np.argsort(-likeness, kind="stable")]
