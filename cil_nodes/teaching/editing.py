"""Edits of classes that are already known: rename, merge, forget; and taking back labels."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

from cil_nodes.teaching.books import Books
from cil_nodes.teaching.content import Content, History
from cil_nodes.teaching.errors import LabelTakenError, NoSuchClassError, UnteachableError
from cil_nodes.teaching.journal import Journal, LabelRow
from cil_nodes.teaching.labels import normalise_label


class Edit(str, enum.Enum):
    """What can be done to a class; the names are those of ``EditClass.srv`` in small letters."""

    RENAME = "rename"
    MERGE = "merge"
    FORGET = "forget"


def plan_edit(
    books: Books, history: History, operation: Edit, label: str, new_label: str
) -> Mapping[str, Any]:
    """Return the detail of the event that this edit makes.

    Raises
    ------
    NoSuchClassError
        If ``label`` (or, to merge, ``new_label``) is no class now.
    LabelTakenError
        If another class goes by the new name.
    BadLabelError
        If the new name may not be one.
    UnteachableError
        If the class came with a model file: its samples are not here.
    """
    content = history.content
    number = _known(books, content, label)
    detail: dict[str, Any] = {"operation": operation.value, "class": number, "classes": [number]}
    if operation is Edit.RENAME:
        name = normalise_label(new_label)
        other = books.number_of(name)
        if other is not None and other != number and _in_use(books, content, other):
            raise LabelTakenError(
                f"Another class is called {name!r}; merge the two, or choose another name."
            )
        return {**detail, "name": name}
    _refuse_foreign(content, number, label)
    if operation is Edit.FORGET:
        return {**detail, "samples": content.counts.get(number, 0)}
    into = _known(books, content, new_label)
    if into == number:
        raise LabelTakenError(f"{label!r} and {new_label!r} are one class already.")
    _refuse_foreign(content, into, new_label)
    return {**detail, "into": into, "classes": [number, into]}


def _known(books: Books, content: Content, label: str) -> int:
    number = books.number_of(label)
    if number is None or not _in_use(books, content, number):
        names = books.labels()
        now = ", ".join(sorted(names[n] for n in content.counts)) or "none yet"
        raise NoSuchClassError(f"No class is called {label!r}. There are: {now}.")
    return number


def _in_use(books: Books, content: Content, number: int) -> bool:
    return number in content.counts or any(row.class_id == number for row in books.pending())


def _refuse_foreign(content: Content, number: int, label: str) -> None:
    if number in content.foreign:
        raise UnteachableError(
            f"{label!r} came with a model file and its samples are not here; it can be renamed, "
            "but not merged or forgotten. Forget it where it was taught, then merge that model "
            "again."
        )


def move_pending(journal: Journal, books: Books, detail: Mapping[str, Any]) -> None:
    """Let labels that still wait follow an edit, inside a transaction."""
    rows = [row for row in books.pending() if row.class_id == detail["class"]]
    if detail["operation"] == Edit.RENAME.value:
        return
    journal.withdraw(row.id for row in rows)
    if detail["operation"] == Edit.MERGE.value:
        for row in rows:
            journal.add_label(row.sample, int(detail["into"]), "edit")


def last_pending(books: Books) -> list[LabelRow]:
    """Return the labels given last that still wait: those of one class in a row."""
    rows = books.pending()
    last: list[LabelRow] = []
    for row in reversed(rows):
        if row.class_id != rows[-1].class_id:
            break
        last.append(row)
    return last
