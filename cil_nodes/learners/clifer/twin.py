"""The dense twin of CLIFER's auto-encoder, as it answers: NumPy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Twin:
    """Encoder E and generator G over residuals of features (CLIFER, section IV-A1 and 2).

    Attributes
    ----------
    weights : dict of str to float32 array
        ``E1``, ``E2``, ``G1``, ``G2`` (in, out) and their biases ``E1_bias`` and so on. The image
        form's label is a class's mean here, so that classes may come without end.
    """

    weights: dict[str, np.ndarray]

    @property
    def dimension(self) -> int:
        """Length of a feature vector, d."""
        return self.weights["E1"].shape[0]

    def encode(self, residuals: np.ndarray) -> np.ndarray:
        """Return z (n, 50) in [-1, 1] of residuals (n, d): a ReLU layer, then tanh."""
        return np.tanh(self._layer("E2", np.maximum(self._layer("E1", residuals), 0.0)))

    def decode(self, z: np.ndarray, means: np.ndarray) -> np.ndarray:
        """Return residuals (n, d) of z (n, 50) around class means (n, d)."""
        hidden = self._layer("G1", np.concatenate([z, means], axis=1))
        return self._layer("G2", np.maximum(hidden, 0.0))

    def carry(self, residuals: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """Return residuals (n, d) as they would be around another class's mean (d,)."""
        around = np.broadcast_to(mean, residuals.shape)
        return self.decode(self.encode(residuals), around)

    def _layer(self, name: str, rows: np.ndarray) -> np.ndarray:
        return rows @ self.weights[name] + self.weights[f"{name}_bias"]
