"""Records: one figure each, with what it is measured against."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cil_nodes.evaluation.goals import Goal

Value = float | int | bool | str | None
_ID = re.compile(r"^[a-z0-9_+]+(\.[a-z0-9_+]+)+$")
_BETTER = ("higher", "lower", "")


@dataclass(frozen=True)
class Record:
    """One figure of a benchmark.

    Attributes
    ----------
    id : str
        Permanent name: lower-case words joined by dots, such as ``demo.sim.final_accuracy``.
    value : float, int, bool, str or None
        The figure; a mean where it comes from several runs. None: not measured, ``note`` says why.
    unit : str
        Such as ``%`` or ``ms``; empty for plain numbers.
    better : {"higher", "lower", ""}
        Direction; empty where neither is better.
    goal : str
        As :class:`cil_nodes.evaluation.goals.Goal` reads it.
    reference : dict of str to float
        What the figure is measured against, in the same unit.
    spread : float or None
        Standard deviation over runs (n - 1 in the denominator); None for a single run.
    runs : int
        Runs behind the figure.
    command, commit, machine : str
        How, with what and where it was made.
    note : str
        What a reader must know; where the goal is missed, why.
    """

    id: str
    value: Value
    unit: str = ""
    better: str = "higher"
    goal: str = "reported"
    reference: dict[str, float] = field(default_factory=dict)
    spread: float | None = None
    runs: int = 1
    command: str = ""
    commit: str = ""
    machine: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if not _ID.match(self.id):
            raise ValueError(
                f"{self.id!r} is no record id: lower-case words joined by dots, such as "
                "demo.sim.final_accuracy."
            )
        if self.better not in _BETTER:
            raise ValueError(f'{self.id}: better must be "higher", "lower" or "".')
        if isinstance(self.value, float) and not math.isfinite(self.value):
            raise ValueError(f"{self.id} is {self.value}; write None and a note that says why.")
        if self.value is None and not self.note:
            raise ValueError(f"{self.id} has no value and no note that says why.")

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where that is undecided."""
        number = isinstance(self.value, float | int)
        return Goal(self.goal).met(float(self.value or 0), self.reference) if number else None

    @classmethod
    def read(cls, entry: Mapping[str, Any], source: str) -> Record:
        """Read a record from JSON; a key that does not belong is refused by name.

        Parameters
        ----------
        entry : mapping
            As written by :meth:`plain`.
        source : str
            The file it comes from, for the message.
        """
        known = {f.name for f in dataclasses.fields(cls)}
        strangers = sorted(set(entry) - known)
        if strangers:
            raise ValueError(f"{source}: a record has the unknown key {strangers[0]!r}.")
        return cls(**entry)

    def plain(self) -> dict[str, Any]:
        """Return the record as JSON takes it."""
        return dataclasses.asdict(self)


def measured(id: str, values: Sequence[float], **more: Any) -> Record:
    """Make a record of one figure over several runs: mean, spread, number of runs.

    Parameters
    ----------
    id : str
        The record's id.
    values : sequence of float
        One for each run.
    **more
        Further fields of :class:`Record`.
    """
    spread = round(float(np.std(values, ddof=1)), 4) if len(values) > 1 else None
    return Record(id, round(float(np.mean(values)), 4), spread=spread, runs=len(values), **more)


def missing(id: str) -> Record:
    """Return a record of what was left out."""
    return Record(id, None, note="Not measured: its runs were left out of this one.")
