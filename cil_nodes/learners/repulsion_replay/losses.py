"""The losses, equation by equation (torch).

Where the paper has a binary cross-entropy between features in [0, 1], there is a squared error
averaged over features: internal features are not in [0, 1], and brain-inspired replay does so.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from cil_nodes.learners.repulsion_replay.network import Weights

CLIP = 4.0
"""Distance from which on the negative form of Eq. 4 no longer pushes (features vary by about 1)."""

NEAREST = 1e-3
"""Smallest distance whose reciprocal is taken."""


def squared_error(x: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return the mean over features of (x - other)^2: (n,), in place of Eq. 2's cross-entropy."""
    return torch.square(x - other).mean(dim=1)


def distances(x: torch.Tensor, means: torch.Tensor) -> torch.Tensor:
    """Return `squared_error` of every x (n, d) to every class mean (C, d): (n, C)."""
    squares = x.square().sum(1, keepdim=True) + means.square().sum(1) - 2 * x @ means.T
    return squares.clamp_min(0) / x.shape[1]


def log_mode(w: Weights, z: torch.Tensor) -> torch.Tensor:
    """Return log p(z | c) (n, C) of the modes."""
    mean, logvar = w["modes.mean"], w["modes.logvar"]
    precision = torch.exp(-logvar)
    squares = (
        z.square() @ precision.T
        - 2 * z @ (mean * precision).T
        + (mean.square() * precision + logvar).sum(1)
    )
    return -0.5 * (squares + z.shape[1] * math.log(2 * math.pi))


def log_prior(w: Weights, z: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Return log p(z) (n,) of samples that belong to classes by ``shares`` (n, C).

    A mixture of the classes' modes; N(0, I), as Eq. 3 prints it, where there are none.
    """
    if "modes.mean" not in w:
        return -0.5 * (z.square().sum(1) + z.shape[1] * math.log(2 * math.pi))
    modes = log_mode({n: w[n][: shares.shape[1]] for n in ("modes.mean", "modes.logvar")}, z)
    return torch.logsumexp(modes + torch.log(shares.clamp_min(1e-30)), dim=1)


def regularisation(
    w: Weights, z: torch.Tensor, logvar: torch.Tensor, shares: torch.Tensor
) -> torch.Tensor:
    """Return D_KL[q(z | x) || p(z)] (n,) (Eq. 3): entropy exact, the prior at the drawn z."""
    entropy = 0.5 * (logvar.sum(1) + z.shape[1] * (1 + math.log(2 * math.pi)))
    return -entropy - log_prior(w, z, shares)


def distillation(scores: torch.Tensor, shares: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return the distillation loss (): T^2 times the cross-entropy at temperature T.

    Parameters
    ----------
    scores : (n, C) tensor
        Of the current model.
    shares : (n, P) tensor
        Of the previous model at the same temperature, over the P <= C classes that it knew; the
        others have none.
    temperature : float
    """
    logs = functional.log_softmax(scores / temperature, dim=1)[:, : shares.shape[1]]
    return -(temperature**2) * (shares * logs).sum(1).mean()


# ---- section 3.2: competing classes ----------------------------------------


def competitors(probabilities: torch.Tensor, factor: float) -> torch.Tensor:
    """Return which classes compete: (n, C) bool.

    Parameters
    ----------
    probabilities : (n, C) tensor
        Of the model that drew the samples.
    factor : float
        f >= 1: classes with more than the label's probability divided by f compete. 0: all do.
    """
    top, label = probabilities.max(dim=1, keepdim=True)
    others = torch.ones_like(probabilities, dtype=torch.bool).scatter_(1, label, False)
    return others & (probabilities > top / factor) if factor else others


# ---- section 3.3: repulsion and attraction ----------------------------------------


def repulsion(
    x: torch.Tensor, means: torch.Tensor, rivals: torch.Tensor, form: str
) -> torch.Tensor:
    """Return the reconstruction repulsion of each sample (n,) (Eq. 4); 0 without a competitor.

    Parameters
    ----------
    x : (n, d) tensor
        x', what the current model makes of replayed samples.
    means : (C, d) tensor
        x-hat, mean features of the classes.
    rivals : (n, C) bool tensor
        `competitors`; the mean over them is taken.
    form : {"reciprocal", "negative"}
        1 / error, as printed; or minus the error, up to `CLIP`.
    """
    apart = distances(x, means)
    each = 1 / apart.clamp_min(NEAREST) if form == "reciprocal" else -apart.clamp_max(CLIP)
    return (each * rivals).sum(1) / rivals.sum(1).clamp_min(1)


def attraction(x: torch.Tensor, means: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the reconstruction attraction of each sample (n,) to its class's mean (Eq. 5)."""
    return squared_error(x, means[labels])
