"""Imagination in feature space: what a class's samples would look like as another class.

CLIFER decodes a face's z with every label (section IV-B4). Of features in general the same is asked
of their *residual*, what distinguishes a sample from its class: put on another class's mean, or
sent through networks that learned how residuals go with means (`twin`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Carry = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""``carry(residuals, mean)``: residuals (n, d) as they would be around another mean (d,)."""


def as_it_is(residuals: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Carry residuals over unchanged."""
    return residuals


@dataclass(frozen=True)
class Imagination:
    """Imagines known classes; classes that nobody taught are never imagined from features.

    Attributes
    ----------
    most : int
        Rows imagined at once; classes and sources are drawn when there would be more.
    rng : numpy Generator
    carry : callable
    """

    most: int
    rng: np.random.Generator
    carry: Carry = as_it_is

    def __call__(
        self, z: np.ndarray, label: int, means: Mapping[int, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Imagine from weights of winners.

        Parameters
        ----------
        z : (n, d) array
            Weights of the winners of one class.
        label : int
            Position of that class.
        means : mapping of int to (d,) array
            Mean neuron of each known class.

        Returns
        -------
        rows : (m, d) array
            Each source as every known class, and the source itself.
        labels : (m,) int array
        """
        if label not in means:
            return z[:0], np.zeros(0, np.int64)
        classes = self._drawn(np.array([c for c in means if c != label]), self.most // 2)
        sources = z[self._drawn(np.arange(len(z)), max(1, self.most // (len(classes) + 1)))]
        residuals = sources - means[label]
        rows = [sources, *(means[c] + self.carry(residuals, means[c]) for c in classes.tolist())]
        labels = np.repeat(np.append(label, classes).astype(np.int64), len(sources))
        return np.concatenate(rows), labels

    def _drawn(self, of: np.ndarray, most: int) -> np.ndarray:
        """Return at most so many, in their order."""
        if len(of) <= most:
            return of
        return np.sort(self.rng.choice(of, most, replace=False))
