"""The loss: Eq. 1 and 2, row by row, so that rows may weigh differently. Needs torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, softplus

from cil_nodes.learners.clare import forward
from cil_nodes.learners.clare.network import Shape

LEAST_LOG_NOISE = -3.0
"""The standard deviation of squared error is at least exp of this: one sample can be fitted
exactly, and its likelihood would have no bound."""


class Batch(NamedTuple):
    """Rows to learn from.

    Attributes
    ----------
    X : (n, d)
    positions : (n,) int
        Classes, for the generator.
    targets : (n, C)
        What D_C shall answer: one-hot, or the old network's softened answer.
    weights : (n,)
        Of each row, one in the mean.
    """

    X: Tensor
    positions: Tensor
    targets: Tensor
    weights: Tensor


@dataclass(frozen=True)
class Weighing:
    """How the parts of the loss weigh; all 1 in the paper."""

    classifier: float = 1.0
    divergence: float = 1.0


def total_loss(
    weights: Mapping[str, Tensor],
    shape: Shape,
    batch: Batch,
    weighing: Weighing,
    source: torch.Generator,
) -> Tensor:
    """Return Eq. 1, L_D + L_{D_F + R}, as the weighted mean over the rows."""
    latent = forward.encode(weights, batch.X)
    noise = torch.randn(latent.mean.shape, generator=source, device=batch.X.device)
    z = latent.mean + torch.exp(0.5 * latent.log_variance) * noise
    decoded = forward.decode(weights, z, weights["dec1.c"][batch.positions])

    # Eq. 2: both terms are minimised; the sign printed before the divergence is a misprint.
    rows = negative_log_likelihood(batch.X, decoded, weights["noise"], shape.bernoulli)
    rows = rows + weighing.divergence * divergence(weights, shape, latent, z, batch.positions)
    if shape.classes > 1:
        seen = {"features": latent.features, "mu": latent.mean, "z": z}[shape.seen]
        rows = rows + weighing.classifier * cross_entropy(
            forward.classify(weights, seen), batch.targets
        )
    return (batch.weights * rows).mean()


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return L_D (n,) for targets that are distributions (n, C)."""
    return -(targets * log_softmax(logits, dim=1)).sum(dim=1)


def negative_log_likelihood(X: Tensor, decoded: Tensor, noise: Tensor, bernoulli: bool) -> Tensor:
    """Return the first term of Eq. 2 (n,): Bernoulli, or Gaussian with one learned variance."""
    if bernoulli:
        return (softplus(decoded) - X * decoded).sum(dim=1)
    log_noise = noise.clip(min=LEAST_LOG_NOISE).squeeze()
    squares = ((decoded - X) ** 2).sum(dim=1)
    return 0.5 * squares * torch.exp(-2.0 * log_noise) + X.shape[1] * log_noise


def divergence(
    weights: Mapping[str, Tensor],
    shape: Shape,
    latent: forward.Latent,
    z: Tensor,
    positions: Tensor,
) -> Tensor:
    """Return the second term of Eq. 2 (n,).

    From the standard Gaussian (the text) or p(z | c) (the formula); where that has several modes
    there is no closed form, and the drawn z stands for the mean over z.
    """
    mean, spread = latent.mean, latent.log_variance
    if not shape.modes:
        return 0.5 * (mean**2 + torch.exp(spread) - 1.0 - spread).sum(dim=1)
    centre = weights["prior.mean"][positions]
    width = weights["prior.logvar"][positions]
    if shape.modes == 1:
        centre, width = centre[:, 0], width[:, 0]
        ratio = (torch.exp(spread) + (mean - centre) ** 2) * torch.exp(-width)
        return 0.5 * (ratio - 1.0 + width - spread).sum(dim=1)
    drawn = -0.5 * (spread + (z - mean) ** 2 * torch.exp(-spread)).sum(dim=1)
    each = -0.5 * (width + (z[:, None] - centre) ** 2 * torch.exp(-width)).sum(dim=2)
    return drawn - torch.logsumexp(each, dim=1) + math.log(shape.modes)
