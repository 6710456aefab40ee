"""Tables and drawings that stand behind the records of a benchmark."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cil_nodes.evaluation.published import PublishedTable

Cell = str | int | float | bool | None


@dataclass(frozen=True)
class Table:
    """One table of a benchmark.

    Attributes
    ----------
    title : str
        What it shows.
    columns : tuple of str
        Names of the columns, the first over the names of the rows.
    rows : tuple of tuple
        One cell a column; None is printed as a dash.
    minutes : float
        Time budget on two cores without a GPU. Every table that we measured names it; 0 only for
        figures that others published.
    note : str
        What a reader must know.
    source : str
        Where published figures come from; empty for ours.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    minutes: float = 0.0
    note: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"Table {self.title!r}: row {row[0]!r} has {len(row)} cells, but there are "
                    f"{len(self.columns)} columns."
                )
        if not self.minutes and not self.source:
            raise ValueError(
                f"Table {self.title!r} names neither its time budget (minutes) nor a source."
            )

    @classmethod
    def of(cls, table: PublishedTable, rows: Sequence[str] = ()) -> Table:
        """Show a published table, or some of its rows."""
        chosen: tuple[tuple[Cell, ...], ...] = tuple(
            (name, *table.rows[name]) for name in rows or table.rows
        )
        columns = ("published", *table.columns)
        return cls(table.caption, columns, chosen, note=table.remark, source=table.source)

    def markdown(self) -> list[str]:
        """Lay it out, with its budget or source and its note."""
        about = self.source or f"about {self.minutes:g} min on two cores"
        head = f"| {' | '.join(self.columns)} |"
        rule = f"| --- |{' ---: |' * (len(self.columns) - 1)}"
        body = [f"| {' | '.join(map(_spelled, row))} |" for row in self.rows]
        note = ["", self.note] if self.note else []
        return [f"### {self.title}", "", f"({about})", "", head, rule, *body, *note]


def _spelled(cell: Cell) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, bool) or not isinstance(cell, float):
        return str(cell).lower() if isinstance(cell, bool) else str(cell).replace("|", "\\|")
    if cell and abs(cell) < 0.1:
        return f"{cell:.2g}"
    return f"{cell:.2f}" if abs(cell) < 1000 else f"{cell:.0f}"


@dataclass(frozen=True)
class Curves:
    """Lines over a common axis, drawn as one SVG file.

    Attributes
    ----------
    title : str
        What is drawn; the file's name is made from it.
    x_name, y_name : str
        What the axes measure.
    series : mapping of str to sequence of (float, float)
        Up to six lines of points (x, y), by name.
    unit : str
        Put behind figures of the vertical axis.
    log_x : bool
        Whether the horizontal axis is logarithmic.
    """

    title: str
    x_name: str
    y_name: str
    series: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)
    unit: str = "%"
    log_x: bool = False

    @property
    def slug(self) -> str:
        """The title as a part of a file name."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")
