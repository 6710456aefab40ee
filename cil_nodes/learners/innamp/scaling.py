"""How a learner scales what comes in, so that one setting fits pixels, counts and features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SCALINGS = ("auto", "direction", "standard", "none")
WIDE = 128
"""Attributes from which on "auto" takes rows by their direction: few measured quantities have
units of their own each, while many pixels, counts or features share one."""

_LEAST_SHARE = 1e-3
"""An attribute that varies less than this share of the others counts as constant."""


@dataclass(frozen=True)
class Scaling:
    """The map from what comes in to what the networks see.

    Attributes
    ----------
    kind : {"direction", "standard", "none"}
        "direction": the square root of every value (its sign kept), the row scaled to length 1;
        then centred, and divided by one number. "standard": each attribute centred and divided by
        its own deviation.
    mean, scale : (d,) float32 arrays
    """

    kind: str
    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def start(cls, kind: str, width: int) -> Scaling:
        """Return the scaling that leaves centre and spread as they are."""
        if kind == "auto":
            kind = "direction" if width >= WIDE else "standard"
        return cls(kind, np.zeros(width, np.float32), np.ones(width, np.float32))

    def levelled(self, X: np.ndarray) -> np.ndarray:
        """Return X (n, d) before centring: the part that depends on nothing learned."""
        X = X.astype(np.float32)
        if self.kind != "direction":
            return X
        X = np.sign(X) * np.sqrt(np.abs(X))
        lengths = np.linalg.norm(X, axis=1, keepdims=True)
        return X / np.where(lengths > 0, lengths, 1)

    def fitted(self, levelled: np.ndarray, weights: np.ndarray) -> Scaling:
        """Return the scaling whose centre and spread are those of rows.

        Parameters
        ----------
        levelled : (n, d) array
            From `levelled`.
        weights : (n,) array
            Of each row; they sum to 1.
        """
        if self.kind == "none":
            return self
        rows = levelled.astype(np.float64)
        mean = weights @ rows
        variance = weights @ (rows - mean) ** 2
        level = float(variance.mean())
        if level <= 0:
            level = 1.0
        if self.kind == "direction":
            variance = np.full_like(variance, level)
        # What hardly varies among what is known would, scaled up, drown everything else.
        variance = np.where(variance > _LEAST_SHARE**2 * level, variance, level)
        return Scaling(self.kind, mean.astype(np.float32), np.sqrt(variance).astype(np.float32))

    def centred(self, levelled: np.ndarray) -> np.ndarray:
        """Return float32 rows (n, d) as the networks see them, from `levelled` ones."""
        return (levelled - self.mean) / self.scale

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Return float32 rows (n, d) as the networks see them."""
        return self.centred(self.levelled(X))

    def moved(self, hidden: np.ndarray, before: Scaling) -> np.ndarray:
        """Rewrite weights so that networks compute under this scaling what they did before.

        Parameters
        ----------
        hidden : (..., d + 1) array
            Weights of hidden units, the last one the bias.
        before : Scaling
            Under which they were learned.
        """
        ratio = self.scale / before.scale
        shift = (self.mean - before.mean) / before.scale
        moved = np.empty_like(hidden)
        moved[..., :-1] = hidden[..., :-1] * ratio
        moved[..., -1] = hidden[..., -1] + hidden[..., :-1] @ shift
        return moved
