"""Trains one network: Adam on Eq. 1. Needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cil_nodes.learners.clare.loss import Batch, Weighing, total_loss
from cil_nodes.learners.clare.network import PER_CLASS, Network, Shape
from cil_nodes.learners.networks import running
from cil_nodes.learners.phase import Phase

Array = NDArray[Any]

CHECK_EVERY = 5
LOSS_EVERY = 20
STEEPEST = 1e4
"""Gradients longer than this are shortened: a first step from a bad start must not end it all."""


@dataclass(frozen=True)
class Schedule:
    """How a network is trained.

    Attributes
    ----------
    iterations : int
    batch : int
    rate : float
        Adam's; it falls to 0 along a cosine.
    device : torch.device
    """

    iterations: int
    batch: int
    rate: float
    device: torch.device


@dataclass(frozen=True)
class Rows:
    """What to learn from; fields as in `Batch`."""

    X: Array
    positions: Array
    targets: Array
    weights: Array

    @classmethod
    def hard(cls, X: Array, positions: Array, classes: int) -> Rows:
        """Return rows with one-hot targets that weigh the same."""
        targets = np.eye(classes, dtype=np.float32)[positions]
        return cls(X, positions, targets, np.ones(len(X), np.float32))

    def only(self, chosen: Array) -> Rows:
        """Return some of the rows."""
        return Rows(*(getattr(self, name)[chosen] for name in vars(self)))

    def on(self, device: torch.device) -> Batch:
        """Return tensors."""
        parts = (self.X, self.positions, self.targets, self.weights)
        return Batch(*(torch.from_numpy(np.ascontiguousarray(part)).to(device) for part in parts))


def fresh(shape: Shape, mean: Array, source: torch.Generator) -> dict[str, Tensor]:
    """Return first weights: uniform within 1 / sqrt(inputs), as is usual for such layers.

    Parameters
    ----------
    shape : Shape
    mean : (d,) array
        Of the inputs: R starts by drawing it.
    source : Generator
        Of the draws.
    """
    device = source.device
    weights: dict[str, Tensor] = {}
    for name, (inputs, outputs) in shape.layers().items():
        weights[f"{name}.w"] = _uniform((inputs, outputs), inputs, source)
        weights[f"{name}.b"] = _uniform((1, outputs), inputs, source)
    weights["dec1.c"] = _uniform((shape.classes, shape.hidden), shape.latent, source)
    weights["noise"] = torch.full((1, 1), -1.0, device=device)
    if shape.modes:
        size = (shape.classes, shape.modes, shape.latent)
        weights["prior.mean"] = torch.randn(size, generator=source, device=device)
        weights["prior.logvar"] = torch.zeros(size, device=device)
    start = torch.from_numpy(np.asarray(mean, np.float32)).to(device)[None]
    weights["dec2.b"] = torch.logit(start.clip(0.005, 0.995)) if shape.bernoulli else start
    return weights


def _uniform(size: tuple[int, ...], inputs: int, source: torch.Generator) -> Tensor:
    drawn = torch.rand(size, generator=source, device=source.device)
    return (2.0 * drawn - 1.0) / max(inputs, 1) ** 0.5


def grown(old: Network, shape: Shape, first: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the old network's weights, widened by first weights for the new classes."""
    device = first["noise"].device
    kept = running.tensors(old.weights, device)
    for name, axis in PER_CLASS.items():
        if name in kept:
            new = first[name].narrow(axis, old.shape.classes, shape.classes - old.shape.classes)
            kept[name] = torch.cat([kept[name], new], dim=axis)
    return kept


class Trainer:
    """Trains one network in as many goes as wanted.

    Parameters
    ----------
    start : dict of str to Tensor
        First weights.
    shape : Shape
    schedule : Schedule
    weighing : Weighing
    source : Generator
        Of every draw.
    """

    def __init__(
        self,
        start: Mapping[str, Tensor],
        shape: Shape,
        schedule: Schedule,
        weighing: Weighing,
        source: torch.Generator,
    ) -> None:
        self.weights = {name: w.clone().requires_grad_() for name, w in start.items()}
        self.shape, self.schedule, self.weighing, self.source = shape, schedule, weighing, source
        self.losses: list[float] = []
        self._adam = torch.optim.Adam(self.weights.values(), lr=schedule.rate)
        fall = torch.optim.lr_scheduler.CosineAnnealingLR
        self._fall = fall(self._adam, max(schedule.iterations, 1), eta_min=0.02 * schedule.rate)

    def run(self, rows: Rows, share: float, phase: Phase) -> None:
        """Train for a share of the iterations.

        Raises
        ------
        FloatingPointError
            When the loss is no number any more.
        """
        steps = max(1, round(share * self.schedule.iterations))
        whole = rows.on(self.schedule.device)
        for step in range(steps):
            loss = self._step(whole)
            if step % LOSS_EVERY == 0:
                self._note(loss)
            if step % CHECK_EVERY == 0:
                phase.report(step / steps, "training")

    def _step(self, rows: Batch) -> Tensor:
        count = len(rows.X)
        size = min(self.schedule.batch, count)
        chosen = torch.randint(count, (size,), generator=self.source, device=rows.X.device)
        batch = Batch(*(part[chosen] for part in rows))
        loss = total_loss(self.weights, self.shape, batch, self.weighing, self.source)
        self._adam.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.weights.values(), STEEPEST)
        self._adam.step()
        self._fall.step()
        return loss

    def _note(self, loss: Tensor) -> None:
        value = float(loss.detach())
        if not np.isfinite(value):
            raise FloatingPointError(
                f"clare's loss became {value} after {len(self.losses) * LOSS_EVERY} iterations. "
                f"Use a smaller clare.rate; it is {self.schedule.rate:g}."
            )
        self.losses.append(value)

    def network(self) -> Network:
        """Return the present weights as a network of arrays."""
        return Network(replace(self.shape), running.arrays(self.weights))
