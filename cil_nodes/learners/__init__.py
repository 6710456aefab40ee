"""Learners: scikit-learn estimators over feature vectors that are taught in phases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cil_nodes.learners.base import (
    Answers,
    CannotLearnError,
    IncrementalLearner,
    PhaseReport,
    PhaseStopped,
    Reason,
    TornFileError,
    UnknownReason,
)
from cil_nodes.learners.merging import CannotMergeError, merge
from cil_nodes.learners.registry import available, create, describe, load

if TYPE_CHECKING:
    from cil_nodes.learners.clare import Clare
    from cil_nodes.learners.innamp import Innamp
    from cil_nodes.learners.oracil import Oracil

__all__ = [
    "Answers",
    "CannotLearnError",
    "CannotMergeError",
    "Clare",
    "IncrementalLearner",
    "Innamp",
    "Oracil",
    "PhaseReport",
    "PhaseStopped",
    "Reason",
    "TornFileError",
    "UnknownReason",
    "available",
    "create",
    "describe",
    "load",
    "merge",
]


def __getattr__(name: str) -> Any:
    """Import a method only when it is asked for."""
    if name == "Clare":
        from cil_nodes.learners.clare import Clare

        return Clare
    if name == "Innamp":
        from cil_nodes.learners.innamp import Innamp

        return Innamp
    if name == "Oracil":
        from cil_nodes.learners.oracil import Oracil

        return Oracil
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
