"""The network's way forward, written once: for NumPy, which answers, and torch, which trains.

Weights are matrices by name, biases rows (1, width), so that networks of one shape may be stacked
along a leading axis. ``D_F``, ``D_C`` and ``R`` are the names of the paper (section 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Weights = Mapping[str, Any]

LOG_VARIANCE = 8.0
"""Log-variances of the latent lie within plus or minus this."""


class Latent(NamedTuple):
    """What ``D_F`` makes of n inputs.

    Attributes
    ----------
    features : (n, h)
        Its last layer; for ``latent="direct"`` the same as ``mean``.
    mean, log_variance : (n, L)
        Of the normal distribution that z is drawn from.
    """

    features: Any
    mean: Any
    log_variance: Any


def linear(weights: Weights, name: str, x: Any) -> Any:
    """Return x (n, a) through one layer (a, b)."""
    return x @ weights[f"{name}.w"] + weights[f"{name}.b"]


def relu(x: Any) -> Any:
    """Return the positive part."""
    return x.clip(min=0)


def encode(weights: Weights, x: Any) -> Latent:
    """Return D_F(x) for x (n, d).

    With a layer ``enc2`` the latent has heads of its own; without, the second layer is mean and
    log-variance itself.
    """
    hidden = relu(linear(weights, "enc1", x))
    heads = "enc2.w" in weights
    if heads:
        hidden = relu(linear(weights, "enc2", hidden))
    mean = linear(weights, "mean", hidden)
    spread = linear(weights, "logvar", hidden).clip(min=-LOG_VARIANCE, max=LOG_VARIANCE)
    return Latent(hidden if heads else mean, mean, spread)


def decode(weights: Weights, z: Any, condition: Any) -> Any:
    """Return R(z, c) (n, d) for z (n, L): means, or logits where inputs are Bernoulli.

    Parameters
    ----------
    weights : mapping
    z : (n, L)
    condition : (n, h) or (1, h)
        The rows of ``dec1.c`` that belong to the classes: what a one-hot c adds to the layer.
    """
    hidden = relu(linear(weights, "dec1", z) + condition)
    return linear(weights, "dec2", hidden)


def classify(weights: Weights, seen: Any) -> Any:
    """Return the logits (n, C) of D_C for what it sees of the latent (n, h)."""
    return linear(weights, "class", seen)
