"""Scores of samples before they were learned, from which the threshold for unknowns is set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cil_nodes.learners.calibration import ScoreMap, enough, fit_score_map

_KNOWN, _NEW = 16, 5
_LEAST = 5
_PUSH = 0.5
PRIOR = 0.75
"""Until enough is known: unknown from this share of a row's length on."""


@dataclass(frozen=True)
class HeldBack:
    """Novelty of samples as the memory stood just before it saw them.

    A mini-episode is scored before it is played: what a later one of a class then gets is how new
    fresh views of something known look, and what the first one gets is how something never taught
    does. So every score is out of sample, at no extra training.

    Attributes
    ----------
    known : (C, 16) float32
        The latest scores of each class once it was known; NaN where there are none yet.
    new : (C, 5) float32
        The scores of its first samples against the other classes alone.
    """

    known: np.ndarray
    new: np.ndarray

    @classmethod
    def none(cls) -> HeldBack:
        """Return a record without any class."""
        return cls(np.zeros((0, _KNOWN), np.float32), np.zeros((0, _NEW), np.float32))

    def with_classes(self, count: int) -> HeldBack:
        """Return the same with empty rows for new classes, to be written to."""
        rows = ((0, count - len(self.known)), (0, 0))
        return HeldBack(
            np.pad(self.known, rows, constant_values=np.nan),
            np.pad(self.new, rows, constant_values=np.nan),
        )

    def without_class(self, position: int) -> HeldBack:
        """Return the same without a class."""
        return HeldBack(np.delete(self.known, position, 0), np.delete(self.new, position, 0))

    def note(self, position: int, known: np.ndarray, new: np.ndarray) -> None:
        """Write down scores of a class, the latest last; only on a copy not yet shared."""
        for table, scores in ((self.known, known), (self.new, new)):
            row = table[position]
            kept = np.concatenate([row[~np.isnan(row)], scores])[-len(row) :]
            row[: len(kept)] = kept

    def score_map(
        self, counts: np.ndarray, false_unknown_rate: float, spread: float
    ) -> tuple[ScoreMap, bool]:
        """Lay the threshold.

        Parameters
        ----------
        counts : (C,) array
            Samples of each class.
        false_unknown_rate : float
        spread : float
            About how long a row is; sets the prior that holds while there is too little.

        Returns
        -------
        score_map : ScoreMap
        calibrated : bool
        """
        known = self.known[~np.isnan(self.known)]
        if not enough(counts) or len(known) < _LEAST:
            return ScoreMap(PRIOR * spread, 0.1 * spread), False
        new = self.new[~np.isnan(self.new)]
        return fit_score_map(known, new, false_unknown_rate, _PUSH), True

    def pack(self) -> dict[str, np.ndarray]:
        """Return named arrays."""
        return {"known": self.known, "new": self.new}

    @classmethod
    def unpack(cls, arrays: Mapping[str, np.ndarray]) -> HeldBack:
        """Rebuild from `pack`."""
        return cls(arrays["known"], arrays["new"])
