"""Figures that papers print, to put beside ours; one JSON file a paper, each table by its number.

Remarks are ours. Nothing here was measured by us, and none of it may enter a record as ``value``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class PublishedTable:
    """One table of a paper.

    Attributes
    ----------
    paper, number, caption : str
        Where it stands, and what it shows.
    columns : tuple of str
        Names of the columns.
    rows : dict of str to tuple of float
        One figure a column.
    remark : str
        What a reader must know (ours, not the paper's); may be empty.
    """

    paper: str
    number: str
    caption: str
    columns: tuple[str, ...]
    rows: dict[str, tuple[float, ...]]
    remark: str = ""

    @property
    def source(self) -> str:
        """Where the figures come from, in words."""
        kind = "Figure" if self.number.startswith("F") else "Table"
        return f"{self.paper}, {kind} {self.number.removeprefix('F')}"

    def value(self, row: str, column: str) -> float:
        """Return one figure; KeyError names what there is."""
        if row not in self.rows or column not in self.columns:
            raise KeyError(
                f"{self.source} has no figure ({row}, {column}): rows {', '.join(self.rows)}; "
                f"columns {', '.join(self.columns)}."
            )
        return self.rows[row][self.columns.index(column)]


def published(paper: str, table: str) -> PublishedTable:
    """Return a table of a paper.

    Parameters
    ----------
    paper : str
        Name of a file beside this one, such as ``oracil``.
    table : str
        Number as printed (``3``, ``A1``), figures with an F (``F5``).

    Raises
    ------
    KeyError
        For a paper or table that is not here, with those that are.
    """
    content = _content(paper)
    if table not in content["tables"]:
        raise KeyError(f"{paper} has no table {table!r}; there are {', '.join(content['tables'])}.")
    found = content["tables"][table]
    rows = {name: tuple(values) for name, values in found["rows"].items()}
    remark = " ".join(filter(None, [found.get("remark"), found.get("leak")]))
    columns = tuple(found["columns"])
    return PublishedTable(content["paper"], table, found["caption"], columns, rows, remark)


@cache
def _content(paper: str) -> dict[str, Any]:
    file = resources.files(__package__) / f"{paper}.json"
    if not file.is_file():
        raise KeyError(f"No published figures of {paper!r} are stored.")
    return json.loads(file.read_text(encoding="utf-8"))
