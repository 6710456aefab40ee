"""How features are scaled, so that the thresholds on exp(-d) mean what they mean in the paper."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LATENT = 50
"""Dimensions of the paper's z."""

SPREAD = float(np.sqrt(LATENT / 3))
"""Root mean square length of a vector that is uniform in [-1, 1]^50: the paper's prior for z."""

NORMALIZATIONS = ("unit", "none")


@dataclass(frozen=True)
class Scaling:
    """From features to the space in which neurons live.

    The paper's thresholds are on activities exp(-d), and its z is made to be uniform in
    [-1, 1]^50, where a vector is about sqrt(50 / 3) = 4.08 long. Features of any encoder are
    therefore raised to a power, their sign kept, and scaled to that length, so that unrelated ones
    lie as far apart as unrelated z do. A 1 is appended first: among a thousand features it weighs
    nothing, among few it keeps rows of one direction and different lengths apart. Nothing is
    estimated, so nothing drifts between phases.

    Attributes
    ----------
    normalize : {"unit", "none"}
        "none" takes them as they are: the CAAE encoder's z.
    power : float
    """

    normalize: str = "unit"
    power: float = 0.5

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Return rows, float64: (n, d), or (n, d + 1) with "unit"."""
        rows = np.asarray(X, dtype=np.float64)
        if self.normalize == "none":
            return rows
        rows = np.sign(rows) * np.abs(rows) ** self.power
        rows = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
        return SPREAD * rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def spread(self, dimension: int) -> float:
        """Return about how long a row is."""
        return SPREAD if self.normalize == "unit" else float(np.sqrt(dimension / 3))
