"""Training of the dense twin: CLIFER's losses (Eq. 1 to 6) over residuals of features.

Of the six terms four have a meaning here: reconstruction, the two adversaries, the classifier.
Identity and total variation are about pictures. The classifier is the nearest mean, which needs no
training and takes any number of classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from cil_nodes.learners.clifer.scaling import LATENT
from cil_nodes.learners.clifer.twin import Twin
from cil_nodes.learners.networks import running
from cil_nodes.learners.phase import Phase

RECONSTRUCTION, PRIOR, REAL, CLASS = 1.0, 0.01, 0.01, 0.1
"""Weights of the losses: lambda_1, lambda_3, lambda_4, lambda_5."""

BATCH = 49
RATE = 1e-3
_CLASSES_AT_ONCE = 64
_EPOCH = 20


@dataclass(frozen=True)
class Settings:
    """How the twin is trained.

    Attributes
    ----------
    hidden : int
        Width of the layers of E, G and D_x.
    iterations : int
        Batches.
    device : str
    """

    hidden: int
    iterations: int
    device: str


class _Networks:
    """E, G and the two discriminators as plain tensors."""

    def __init__(
        self, dimension: int, hidden: int, start: Twin | None, draw: torch.Generator
    ) -> None:
        def layers(*widths: tuple[str, int, int]) -> dict[str, torch.Tensor]:
            made = {}
            for name, inputs, outputs in widths:
                bound = math.sqrt(6.0 / (inputs + outputs))
                w = torch.rand(inputs, outputs, generator=draw, device=draw.device)
                made[name] = (2 * w - 1) * bound
                made[f"{name}_bias"] = torch.zeros(outputs, device=draw.device)
            return {key: value.requires_grad_() for key, value in made.items()}

        self.maker = layers(
            ("E1", dimension, hidden),
            ("E2", hidden, LATENT),
            ("G1", LATENT + dimension, hidden),
            ("G2", hidden, dimension),
        )
        if start is not None and start.weights["E1"].shape == (dimension, hidden):
            for key, value in running.tensors(start.weights, draw.device).items():
                self.maker[key] = value.requires_grad_()
        self.judges = layers(
            ("Z1", LATENT, 64),
            ("Z2", 64, 32),
            ("Z3", 32, 16),
            ("Z4", 16, 1),
            ("X1", 2 * dimension, hidden),
            ("X2", hidden, 1),
        )

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        m = self.maker
        hidden = functional.relu(x @ m["E1"] + m["E1_bias"])
        return torch.tanh(hidden @ m["E2"] + m["E2_bias"])

    def decode(self, z: torch.Tensor, means: torch.Tensor) -> torch.Tensor:
        m = self.maker
        hidden = functional.relu(torch.cat([z, means], 1) @ m["G1"] + m["G1_bias"])
        return hidden @ m["G2"] + m["G2_bias"]

    def prior(self, z: torch.Tensor) -> torch.Tensor:
        """D_z's logits: is this z uniform in [-1, 1]^50?"""
        for name in ("Z1", "Z2", "Z3"):
            z = functional.relu(z @ self.judges[name] + self.judges[f"{name}_bias"])
        return z @ self.judges["Z4"] + self.judges["Z4_bias"]

    def real(self, x: torch.Tensor, means: torch.Tensor) -> torch.Tensor:
        """D_x's logits: is this a residual that was seen around such a mean?"""
        hidden = torch.cat([x, means], 1) @ self.judges["X1"] + self.judges["X1_bias"]
        hidden = functional.leaky_relu(hidden, 0.2)
        return hidden @ self.judges["X2"] + self.judges["X2_bias"]


def train(
    residuals: np.ndarray,
    means: np.ndarray,
    start: Twin | None,
    settings: Settings,
    seed: np.random.SeedSequence,
    phase: Phase,
) -> tuple[Twin, tuple[float, ...]]:
    """Train E and G against D_z and D_x.

    Parameters
    ----------
    residuals, means : (n, d) arrays
        What distinguishes each row from its class's mean, and that mean.
    start : Twin or None
        Where to go on from.
    settings : Settings
    seed : SeedSequence
    phase : Phase

    Returns
    -------
    twin : Twin
    losses : tuple of float
        Mean L1 reconstruction over each 20 batches.
    """
    device = running.device_of(settings.device)
    draw = running.generator(seed, device)
    with running.threads(1):
        nets = _Networks(residuals.shape[1], settings.hidden, start, draw)
        x = torch.from_numpy(residuals.astype(np.float32)).to(device)
        around = torch.from_numpy(means.astype(np.float32)).to(device)
        losses = _fit(nets, x, around, settings.iterations, draw, phase)
    return Twin(running.arrays(nets.maker)), losses


def _fit(
    nets: _Networks,
    x: torch.Tensor,
    around: torch.Tensor,
    iterations: int,
    draw: torch.Generator,
    phase: Phase,
) -> tuple[float, ...]:
    """Take turns: the discriminators one step, encoder and generator one step."""
    maker = torch.optim.Adam(nets.maker.values(), RATE, betas=(0.5, 0.999))
    judges = torch.optim.Adam(nets.judges.values(), RATE, betas=(0.5, 0.999))
    losses, recent = [], []
    for step in range(iterations):
        phase.report(step / iterations, "training imagination")
        rows = torch.randint(len(x), (min(BATCH, len(x)),), generator=draw, device=x.device)
        other = torch.randint(len(x), rows.shape, generator=draw, device=x.device)
        judges.zero_grad()
        _judged(nets, x[rows], around[rows], around[other], draw).backward()
        judges.step()
        maker.zero_grad()
        loss, reconstruction = _made(nets, x[rows], around[rows], around[other], step // _EPOCH)
        loss.backward()
        maker.step()
        recent.append(float(reconstruction.detach()))
        if len(recent) == _EPOCH or step == iterations - 1:
            losses.append(float(np.mean(recent)))
            recent = []
    return tuple(losses)


def _judged(
    nets: _Networks,
    x: torch.Tensor,
    own: torch.Tensor,
    other: torch.Tensor,
    draw: torch.Generator,
) -> torch.Tensor:
    """Return what D_z and D_x minimise: Eq. 3 and 4 with the sign of their side."""
    with torch.no_grad():
        z = nets.encode(x)
        made = nets.decode(z, other)
    prior = 2 * torch.rand(z.shape, generator=draw, device=z.device) - 1
    yes, no = torch.ones(len(x), 1, device=x.device), torch.zeros(len(x), 1, device=x.device)
    says = nn.functional.binary_cross_entropy_with_logits
    return (
        says(nets.prior(prior), yes)
        + says(nets.prior(z), no)
        + says(nets.real(x, own), yes)
        + says(nets.real(made, other), no)
    )


def _made(
    nets: _Networks, x: torch.Tensor, own: torch.Tensor, other: torch.Tensor, epoch: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what E and G minimise (Eq. 6), and its reconstruction alone (Eq. 1)."""
    z = nets.encode(x)
    reconstruction = (nets.decode(z, own) - x).abs().mean()
    made = nets.decode(z, other)
    yes = torch.ones(len(x), 1, device=x.device)
    says = functional.binary_cross_entropy_with_logits
    fooled = PRIOR * says(nets.prior(z), yes) + REAL * says(nets.real(made, other), yes)
    loss = RECONSTRUCTION * reconstruction + fooled
    return loss + CLASS * math.exp(-epoch) * _classified(made, other), reconstruction


def _classified(made: torch.Tensor, means: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy of the nearest mean for what was made around ``means`` (Eq. 5)."""
    classes, labels = torch.unique(means, dim=0, return_inverse=True)
    classes = classes[:_CLASSES_AT_ONCE]
    among = labels < len(classes)
    logits = -torch.cdist((made + means)[among], classes)
    return functional.cross_entropy(logits, labels[among])
