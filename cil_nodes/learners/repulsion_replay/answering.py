"""The network's answers in NumPy: classes, reconstructions, likelihoods, replayed samples."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp, softmax

from cil_nodes.learners.repulsion_replay.model import Model

FLOOR = 1e-6
"""Smallest reconstruction error that is told apart from none."""


def _layer(model: Model, name: str, x: np.ndarray) -> np.ndarray:
    """Return x W + b."""
    w = model.doubles
    return x @ w[f"{name}.w"] + w[f"{name}.b"]


def _hidden(model: Model, stem: str, x: np.ndarray) -> np.ndarray:
    """Return the last hidden layer (n, h) of the encoder "e" or the classifier's own "c"."""
    first = np.maximum(_layer(model, f"{stem}1", x), 0.0)
    return np.maximum(_layer(model, f"{stem}2", first), 0.0)


def encoded(model: Model, x: np.ndarray) -> np.ndarray:
    """Return the encoder's last hidden layer (n, h) for scaled features (n, d)."""
    return _hidden(model, "e", x)


def logits(model: Model, x: np.ndarray, h: np.ndarray | None = None) -> np.ndarray:
    """Return class scores (n, C) for scaled features (n, d).

    Parameters
    ----------
    model : Model
    x : (n, d) array
        Scaled features.
    h : (n, h) array, optional
        `encoded` of x, where that was computed already.
    """
    if "c1.w" in model.weights:
        return _layer(model, "head", _hidden(model, "c", x))
    return _layer(model, "head", encoded(model, x) if h is None else h)


def posterior_mean(model: Model, h: np.ndarray) -> np.ndarray:
    """Return the mean (n, k) of z given the encoder's last hidden layer (n, h)."""
    return _layer(model, "zm", h)


def decoded(model: Model, z: np.ndarray, gates: np.ndarray) -> np.ndarray:
    """Return scaled features (n, d) for z (n, k) under gates (n, 2, h) or (2, h)."""
    first = np.maximum(_layer(model, "d1", z), 0.0) * gates[..., 0, :]
    second = np.maximum(_layer(model, "d2", first), 0.0) * gates[..., 1, :]
    return _layer(model, "d3", second)


def log_prior(model: Model, z: np.ndarray) -> np.ndarray:
    """Return log p(z | c) (n, C): each class's own Gaussian, or the standard one for all."""
    w = model.doubles
    size = z.shape[1] * np.log(2 * np.pi)
    if "modes.mean" not in w:
        one = -0.5 * (np.square(z).sum(axis=1, keepdims=True) + size)
        return np.repeat(one, model.classes, axis=1)
    mean, logvar = w["modes.mean"], w["modes.logvar"]
    squares = np.square(z[:, None, :] - mean) * np.exp(-logvar)
    return -0.5 * ((squares + logvar).sum(axis=2) + size)


def mixed_gates(model: Model, shares: np.ndarray) -> np.ndarray:
    """Return gates (n, 2, h) mixed by class shares (n, C)."""
    flat = model.gates.reshape(model.classes, -1).astype(np.float64)
    return (shares @ flat).reshape(len(shares), 2, -1)


def reconstructed(model: Model, x: np.ndarray) -> np.ndarray:
    """Return x' (n, d), decoded from the mean of z under the gates of what x is taken for."""
    h = encoded(model, x)
    shares = softmax(logits(model, x, h), axis=1)
    return decoded(model, posterior_mean(model, h), mixed_gates(model, shares))


def generator_scores(model: Model, x: np.ndarray) -> np.ndarray:
    """Return log p(x | c) (n, C) up to a constant, at the mean of z: "classify by generation".

    The prior score of the class's mode, minus the reconstruction error under the class's gates at
    the weight that training gives it.
    """
    z = posterior_mean(model, encoded(model, x))
    scores = log_prior(model, z)
    for c, gates in enumerate(model.gates.astype(np.float64)):
        error = np.square(x - decoded(model, z, gates)).mean(axis=1)
        scores[:, c] -= model.kl_divisor * error
    return scores


def novelty(model: Model, x: np.ndarray) -> np.ndarray:
    """Return raw novelty (n,): the logarithm of the relative reconstruction error."""
    error = np.square(x - reconstructed(model, x)).mean(axis=1)
    return np.log(error + FLOOR) - np.log(np.square(x).mean(axis=1) + FLOOR)


def energy(model: Model, x: np.ndarray) -> np.ndarray:
    """Return the energy (n,) of the class scores, -log sum exp: larger is less known."""
    return -logsumexp(logits(model, x), axis=1)


def drawn(model: Model, classes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a scaled sample (n, d) of each class in ``classes`` (n,), as replay does."""
    w = model.doubles
    z = rng.standard_normal((len(classes), w["zm.b"].size))
    if "modes.mean" in w:
        z = w["modes.mean"][classes] + np.exp(0.5 * w["modes.logvar"][classes]) * z
    return decoded(model, z, model.gates[classes].astype(np.float64))
