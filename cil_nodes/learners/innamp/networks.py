"""The network layer: one multilayer perceptron a class, all of them as one batched program."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ROWS = 1024
"""Rows that are worked on at once."""


@dataclass(frozen=True)
class Networks:
    """C perceptrons with d inputs, h hidden units (tanh) and one output each (Figure 5).

    Attributes
    ----------
    hidden : (C, h, d + 1) float32 array
        Weights of the hidden units; the last one is the bias.
    output : (C, h + 1) float32 array
        Weights of the output; the last one is the bias.
    """

    hidden: np.ndarray
    output: np.ndarray

    def __len__(self) -> int:
        return len(self.hidden)

    @classmethod
    def empty(cls, width: int, units: int) -> Networks:
        """Return no networks, for rows of ``width`` attributes."""
        return cls(
            np.zeros((0, units, width + 1), np.float32), np.zeros((0, units + 1), np.float32)
        )

    @classmethod
    def drawn(cls, width: int, units: int, seeds: list[np.random.SeedSequence]) -> Networks:
        """Draw untrained networks, each from a seed of its own, so that company changes nothing.

        The output starts at "not me": its weights are 0.
        """
        hidden = np.zeros((len(seeds), units, width + 1), np.float32)
        for place, seed in enumerate(seeds):
            hidden[place] = _drawn(width, units, seed)
        return cls(hidden, np.zeros((len(seeds), units + 1), np.float32))

    def joined(self, others: Networks) -> Networks:
        """Append others."""
        return Networks(
            np.concatenate([self.hidden, others.hidden]),
            np.concatenate([self.output, others.output]),
        )

    def chosen(self, which: np.ndarray) -> Networks:
        """Return some of them, by number or by mask."""
        return Networks(self.hidden[which], self.output[which])

    def replaced(self, which: np.ndarray, by: Networks) -> Networks:
        """Return all of them, those of these numbers replaced."""
        hidden, output = self.hidden.copy(), self.output.copy()
        hidden[which], output[which] = by.hidden, by.output
        return Networks(hidden, output)

    def logits(self, X: np.ndarray) -> np.ndarray:
        """Return what each says about scaled rows X (n, d), as log-odds (n, C), float64.

        A network fires, its output being at least 0.5, where the log-odds are 0 or more.
        """
        blocks = [self._logits(X[start : start + ROWS]) for start in range(0, len(X), ROWS)]
        return np.concatenate(blocks) if blocks else np.zeros((0, len(self)))

    def _logits(self, X: np.ndarray) -> np.ndarray:
        count, units, wide = self.hidden.shape
        weights = self.hidden.reshape(count * units, wide)
        active = np.tanh(X @ weights[:, :-1].T + weights[:, -1]).reshape(len(X), count, units)
        output = self.output.astype(np.float64)
        return np.einsum("nch,ch->nc", active, output[:, :-1]) + output[:, -1]


def _drawn(width: int, units: int, seed: np.random.SeedSequence) -> np.ndarray:
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(units, width + 1)) / np.sqrt(width)
    weights[:, -1] = 0.5 * rng.normal(size=units)
    return weights
