"""The network in torch: classifier and variational autoencoder on one encoder (Figure 1).

Weights are a dict of tensors under the names that `Model` explains; layers are two fully connected
ones of h units with ReLU, up and down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from cil_nodes.learners.repulsion_replay.model import BY_COLUMN, BY_ROW

Weights = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Shape:
    """Sizes of a network.

    Attributes
    ----------
    features, hidden, latent : int
        d, h, k.
    feedback : bool
        Whether classifier and generator share the encoder.
    conditional : bool
        Whether every class has a Gaussian of its own as prior of z.
    """

    features: int
    hidden: int
    latent: int
    feedback: bool
    conditional: bool

    def layers(self) -> dict[str, tuple[int, int]]:
        """Return (inputs, outputs) of every layer that does not grow with the classes."""
        d, h, k = self.features, self.hidden, self.latent
        own = {} if self.feedback else {"c1": (d, h), "c2": (h, h)}
        up = {"e1": (d, h), "e2": (h, h), **own, "zm": (h, k), "zv": (h, k)}
        return {**up, "d1": (k, h), "d2": (h, h), "d3": (h, d)}


def initial(shape: Shape, generator: torch.Generator) -> Weights:
    """Return fresh weights for no class yet."""
    weights: Weights = {}
    for name, (before, after) in shape.layers().items():
        weights[f"{name}.w"] = _uniform((before, after), before, generator)
        weights[f"{name}.b"] = _uniform((after,), before, generator)
    device = generator.device
    weights["head.w"] = torch.zeros(shape.hidden, 0, device=device)
    weights["head.b"] = torch.zeros(0, device=device)
    for name in BY_ROW if shape.conditional else ():
        weights[name] = torch.zeros(0, shape.latent, device=device)
    return weights


def _uniform(size: tuple[int, ...], inputs: int, generator: torch.Generator) -> torch.Tensor:
    """Draw from +-1 / sqrt(inputs), torch's own rule for linear layers."""
    drawn = torch.rand(size, generator=generator, device=generator.device)
    return (2 * drawn - 1) / math.sqrt(inputs)


def grown(weights: Weights, classes: int, generator: torch.Generator) -> Weights:
    """Return weights for ``classes`` classes: a column each, a mode drawn from N(0, 1) each."""
    hidden, before = weights["head.w"].shape
    new = classes - before
    parts = {
        "head.w": _uniform((hidden, new), hidden, generator),
        "head.b": _uniform((new,), hidden, generator),
    }
    for name in BY_ROW:
        if name in weights:
            size = (new, weights[name].shape[1])
            parts[name] = torch.randn(size, generator=generator, device=generator.device)
    return {**weights, **{name: _joined(name, weights[name], part) for name, part in parts.items()}}


def widened(state: Weights, weights: Weights) -> Weights:
    """Return per-weight state (moments, importance) with zeros for what ``weights`` has more."""
    wide = {}
    for name, old in state.items():
        more = torch.zeros_like(weights[name])
        more[tuple(slice(0, n) for n in old.shape)] = old
        wide[name] = more
    return wide


def _joined(name: str, old: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
    return torch.cat([old, new], dim=-1 if name in BY_COLUMN else 0)


# ---- forward -------------------------------------------------------------------------------------


def layer(w: Weights, name: str, x: torch.Tensor) -> torch.Tensor:
    """Return x W + b."""
    return torch.addmm(w[f"{name}.b"], x, w[f"{name}.w"])


def encoded(w: Weights, x: torch.Tensor, stem: str = "e") -> torch.Tensor:
    """Return the last hidden layer (n, h) of the encoder, or of the classifier's own ("c")."""
    return torch.relu(layer(w, f"{stem}2", torch.relu(layer(w, f"{stem}1", x))))


def logits(w: Weights, x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
    """Return class scores (n, C): before z, on the encoder's last layer ``h`` or the own one."""
    return layer(w, "head", encoded(w, x, "c") if "c1.w" in w else h)


def posterior(w: Weights, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and log-variance (n, k) of q(z | x)."""
    return layer(w, "zm", h), layer(w, "zv", h)


def decoded(w: Weights, z: torch.Tensor, gates: torch.Tensor) -> torch.Tensor:
    """Return x' (n, d) for z (n, k) under gates (n, 2, h): every layer but the output is gated."""
    first = torch.relu(layer(w, "d1", z)) * gates[:, 0]
    second = torch.relu(layer(w, "d2", first)) * gates[:, 1]
    return layer(w, "d3", second)


def mixed(gates: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Return gates (n, 2, h) of samples that belong to classes by ``shares`` (n, C)."""
    known = gates[: shares.shape[1]]
    return (shares @ known.flatten(1)).unflatten(1, known.shape[1:])


def drawn_z(
    w: Weights, classes: torch.Tensor, latent: int, generator: torch.Generator
) -> torch.Tensor:
    """Draw z (n, k) from the mode of each class in ``classes`` (n,), or from N(0, I)."""
    noise = torch.randn((len(classes), latent), generator=generator, device=generator.device)
    if "modes.mean" not in w:
        return noise
    return w["modes.mean"][classes] + torch.exp(0.5 * w["modes.logvar"][classes]) * noise


# ---- gates ---------------------------------------------------------------------------------------


def drawn_gates(classes: int, hidden: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Draw gates (classes, 2, hidden), uint8: in each layer int(share x hidden) units are off."""
    off = int(share * hidden)
    gates = np.ones((classes, 2, hidden), dtype=np.uint8)
    for row in gates.reshape(-1, hidden):
        row[rng.permutation(hidden)[:off]] = 0
    return gates
