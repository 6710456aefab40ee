"""How badly each class explains a sample: the negative of Eq. 2 with z at its mean, in nats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from cil_nodes.learners.clare import forward
from cil_nodes.learners.clare.network import Network, Shape

Array = NDArray[Any]

BLOCK = 4_000_000
"""Numbers that a block of decoded inputs may hold."""


@dataclass(frozen=True)
class Parts:
    """The two parts of Eq. 2 for n samples under C classes.

    Attributes
    ----------
    error : (n, C) array
        Reconstruction error: cross-entropy in nats, or the sum of squares.
    divergence : (n, C) array
        Of the latent distribution from the class's prior, in nats.
    """

    error: Array
    divergence: Array


@dataclass(frozen=True)
class Bank:
    """Networks of one shape side by side, in double precision.

    Single precision is enough to learn; sums over a thousand inputs would then differ between
    one sample asked alone and the same among others.

    Attributes
    ----------
    shape : Shape
    weights : mapping of str to (G, a, b) array
    columns : (G * C,) array
        Where the classes of these networks stand in the whole.
    """

    shape: Shape
    weights: Mapping[str, Array]
    columns: Array

    @classmethod
    def of(cls, networks: Sequence[Network], columns: Array) -> Bank:
        """Stack networks whose shapes are equal."""
        names = networks[0].weights
        stacked = {
            name: np.stack([n.weights[name] for n in networks]).astype(np.float64) for name in names
        }
        return cls(networks[0].shape, stacked, columns)

    def parts(self, X: Array) -> Parts:
        """Return both parts for X (n, d), in the order of ``columns``."""
        networks = self.weights["dec1.b"].shape[0]
        rows = max(1, BLOCK // (networks * self.shape.inputs))
        blocks = [self._block(X[start : start + rows]) for start in range(0, len(X), rows)]
        return Parts(*(np.concatenate(side) for side in zip(*blocks, strict=True)))

    def logits(self, X: Array) -> Array:
        """Return D_C's logits (n, C) of the first network for X (n, d)."""
        first = Network(self.shape, {name: w[0] for name, w in self.weights.items()})
        return first.logits(X.astype(np.float64))

    def _block(self, X: Array) -> tuple[Array, Array]:
        latent = forward.encode(self.weights, X)
        errors, divergences = [], []
        for position in range(self.shape.classes):
            condition = self.weights["dec1.c"][:, position : position + 1]
            decoded = forward.decode(self.weights, latent.mean, condition)
            errors.append(reconstruction_error(X, decoded, self.shape.bernoulli))
            divergences.append(self._divergence(latent, position))
        # (C, G, n) to (n, G * C), networks outermost.
        return tuple(  # type: ignore[return-value]
            np.stack(part).transpose(2, 1, 0).reshape(len(X), -1) for part in (errors, divergences)
        )

    def _divergence(self, latent: forward.Latent, position: int) -> Array:
        if not self.shape.modes:
            return standard_divergence(latent.mean, latent.log_variance)
        mean = self.weights["prior.mean"][:, position, :, None, :]
        spread = self.weights["prior.logvar"][:, position, :, None, :]
        each = gaussian_divergence(latent.mean[:, None], latent.log_variance[:, None], mean, spread)
        return np.log(self.shape.modes) - logsumexp(-each, axis=1)


def reconstruction_error(X: Array, decoded: Array, bernoulli: bool) -> Array:
    """Return the first term of Eq. 2 (..., n): cross-entropy of logits, or sum of squares."""
    if bernoulli:
        return (np.logaddexp(0.0, decoded) - X * decoded).sum(axis=-1)
    difference = decoded - X
    return np.einsum("...d,...d->...", difference, difference)


def standard_divergence(mean: Array, log_variance: Array) -> Array:
    """Return KL(N(mean, variance) || N(0, 1)) (..., n)."""
    return 0.5 * (mean**2 + np.exp(log_variance) - 1.0 - log_variance).sum(axis=-1)


def gaussian_divergence(mean: Array, log_variance: Array, centre: Array, width: Array) -> Array:
    """Return KL(N(mean, variance) || N(centre, exp(width))), summed over the last axis."""
    ratio = (np.exp(log_variance) + (mean - centre) ** 2) / np.exp(width)
    return 0.5 * (ratio - 1.0 + width - log_variance).sum(axis=-1)
