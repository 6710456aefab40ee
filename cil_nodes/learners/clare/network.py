"""One trained network as NumPy arrays: what it is made of, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from cil_nodes.learners.clare import forward

Array = NDArray[Any]

PER_CLASS = {
    "class.w": 1,
    "class.b": 1,
    "dec1.c": 0,
    "prior.mean": 0,
    "prior.logvar": 0,
}
"""Arrays with an entry a class, and the axis it stands on."""


@dataclass(frozen=True)
class Shape:
    """What a network looks like.

    Attributes
    ----------
    inputs : int
        d.
    hidden : int
        Width of D_F's first and R's hidden layer; D_F's second has half of it.
    latent : int
        L, the width of z.
    classes : int
        C.
    heads : bool
        Whether mean and log-variance are heads on D_F's second layer, or that layer itself.
    seen : {"features", "mu", "z"}
        What D_C classifies.
    modes : int
        Gaussians of each class's own prior; 0 for the standard Gaussian.
    bernoulli : bool
        Inputs in [0, 1] with cross-entropy as the error, or any with squared error.
    """

    inputs: int
    hidden: int
    latent: int
    classes: int
    heads: bool
    seen: str
    modes: int
    bernoulli: bool

    def layers(self) -> dict[str, tuple[int, int]]:
        """Return the layers by name: widths in and out."""
        second = max(2, self.hidden // 2)
        last = second if self.heads else self.hidden
        of_class = second if self.heads and self.seen == "features" else self.latent
        layers = {"enc1": (self.inputs, self.hidden)}
        if self.heads:
            layers["enc2"] = (self.hidden, second)
        return layers | {
            "mean": (last, self.latent),
            "logvar": (last, self.latent),
            "class": (of_class, self.classes),
            "dec1": (self.latent, self.hidden),
            "dec2": (self.hidden, self.inputs),
        }


@dataclass(frozen=True)
class Network:
    """D_F, D_C and R with what they learned.

    Attributes
    ----------
    shape : Shape
    weights : dict of str to float32 array
        Matrices ``<layer>.w`` (in, out), rows ``<layer>.b`` (1, out), ``dec1.c`` (C, hidden),
        ``noise`` (1, 1): log standard deviation of squared error; with a class's own prior
        ``prior.mean`` and ``prior.logvar`` (C, modes, L).
    """

    shape: Shape
    weights: Mapping[str, Array]

    def logits(self, X: Array) -> Array:
        """Return D_C's logits (n, C) for inputs (n, d); z stands at its mean."""
        latent = forward.encode(self.weights, X)
        seen = latent.features if self.shape.seen == "features" else latent.mean
        return forward.classify(self.weights, seen)

    def draw(self, position: int, count: int, rng: np.random.Generator) -> Array:
        """Draw samples of one class from R (section 2.2).

        Parameters
        ----------
        position : int
            Of the class, among the network's.
        count : int
            How many.
        rng : Generator
            Chooses z.

        Returns
        -------
        (count, d) float32 array
            Means of R: no noise is added on them.
        """
        z = self.draw_latent(position, count, rng)
        mean = forward.decode(self.weights, z, self.weights["dec1.c"][position])
        return (expit(mean) if self.shape.bernoulli else mean).astype(np.float32)

    def draw_latent(self, position: int, count: int, rng: np.random.Generator) -> Array:
        """Draw z (count, L) from the prior of one class: N(0, 1), or its own."""
        z = rng.standard_normal((count, self.shape.latent), dtype=np.float32)
        if not self.shape.modes:
            return z
        mode = rng.integers(self.shape.modes, size=count)
        spread = np.exp(0.5 * self.weights["prior.logvar"][position][mode])
        return self.weights["prior.mean"][position][mode] + spread * z

    def without(self, position: int) -> Network:
        """Drop what belongs to one class alone."""
        left = {
            name: np.delete(array, position, axis=PER_CLASS[name]) if name in PER_CLASS else array
            for name, array in self.weights.items()
        }
        return Network(Shape(**{**vars(self.shape), "classes": self.shape.classes - 1}), left)
