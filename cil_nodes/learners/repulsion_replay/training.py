"""One phase of training: new samples and replayed ones, step by step (torch)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from cil_nodes.learners.phase import Phase
from cil_nodes.learners.repulsion_replay import losses, network
from cil_nodes.learners.repulsion_replay.network import Weights
from cil_nodes.learners.repulsion_replay.rules import Rule
from cil_nodes.learners.repulsion_replay.synapses import Synapses

CURVE = 50
"""Points of the loss curve of one phase, at most."""


@dataclass(frozen=True)
class Samples:
    """What a phase teaches.

    Attributes
    ----------
    x : (n, d) tensor
        Scaled features.
    positions : (n,) int tensor
        Classes.
    """

    x: torch.Tensor
    positions: torch.Tensor

    def drawer(self, rows: torch.Tensor, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return rows sorted by class, and their bounds (classes + 1,): see `draw`."""
        own = self.positions[rows]
        order = torch.argsort(own, stable=True)
        counts = torch.bincount(own, minlength=classes)
        return rows[order], torch.cat([counts.new_zeros(1), counts.cumsum(0)])


@dataclass(frozen=True)
class Old:
    """The model as it was before the phase: it draws what is replayed, and says what it is.

    Attributes
    ----------
    weights : dict of str to tensor
    classes : int
    """

    weights: Weights
    classes: int


@dataclass
class Network:
    """What is trained.

    Attributes
    ----------
    weights : dict of str to tensor
    gates : (C, 2, h) tensor
    means : (C, d) tensor
        x-hat of each class, scaled.
    optimiser : Adam
    synapses : Synapses
    generator : Generator
        Every draw.
    """

    weights: Weights
    gates: torch.Tensor
    means: torch.Tensor
    optimiser: torch.optim.Adam
    synapses: Synapses
    generator: torch.Generator

    @property
    def latent(self) -> int:
        """Dimensions k of z."""
        return len(self.weights["zm.b"])


@dataclass(frozen=True)
class Replayed:
    """A replayed batch.

    Attributes
    ----------
    x : (n, d) tensor
    shares : (n, P) tensor
        Soft targets over the old classes; one-hot without distillation.
    probabilities : (n, P) tensor
        Softmax of the model that drew it, at T = 1.
    """

    x: torch.Tensor
    shares: torch.Tensor
    probabilities: torch.Tensor

    def padded(self, classes: int) -> torch.Tensor:
        """Return the targets over all classes (n, C): new ones have no share."""
        return functional.pad(self.shares, (0, classes - self.shares.shape[1]))


def train(
    net: Network,
    old: Old | None,
    samples: Samples,
    rows: torch.Tensor,
    steps: int,
    share: float,
    rule: Rule,
    phase: Phase,
) -> list[float]:
    """Take steps on some rows of the new samples and on replayed ones.

    Parameters
    ----------
    net : Network
        Changed in place.
    old : Old or None
        None in the first phase: nothing is replayed.
    samples : Samples
    rows : (m,) int tensor
        Which of them are drawn from.
    steps : int
    share : float
        Weight of the new samples' loss, 1 / phase; the replayed ones have the rest.
    rule : Rule
    phase : Phase
        Told progress; it may stop.

    Returns
    -------
    list of float
        The loss, `CURVE` points at most.
    """
    curve: list[float] = []
    sum_, counted, every = 0.0, 0, max(1, steps // CURVE)
    batches = _drawn(samples, rows, len(net.gates), rule.batch, net.generator)
    for step in range(steps):
        phase.report(step / steps, "training")
        replayed = replay(old, net, rule) if old else None
        loss = _loss(net, next(batches), replayed, share, rule)
        _step(net, loss)
        sum_, counted = sum_ + float(loss.detach()), counted + 1
        if counted == every:
            curve.append(sum_ / counted)
            sum_, counted = 0.0, 0
    return curve


def _drawn(
    samples: Samples, rows: torch.Tensor, classes: int, batch: int, generator: torch.Generator
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield batches (x, positions) for ever: a class at random, then one of its samples."""
    order, bounds = samples.drawer(rows, classes)
    sizes = bounds.diff()
    present = torch.nonzero(sizes).squeeze(1)
    device = generator.device
    while True:
        which = torch.randint(len(present), (batch,), generator=generator, device=device)
        own = present[which]
        part = torch.rand(batch, generator=generator, device=device)
        at = torch.minimum((part * sizes[own]).long(), sizes[own] - 1) + bounds[own]
        yield samples.x[order[at]], own


def _loss(
    net: Network,
    new: tuple[torch.Tensor, torch.Tensor],
    replayed: Replayed | None,
    share: float,
    rule: Rule,
) -> torch.Tensor:
    """Return the loss of a step; new and replayed samples go through the network together."""
    x, own = new
    shares = functional.one_hot(own, len(net.gates)).to(x.dtype)
    if replayed is not None:
        x = torch.cat([x, replayed.x])
        shares = torch.cat([shares, replayed.padded(len(net.gates))])
    scores, again, generative = _through(net, x, shares, rule)
    n = len(own)
    loss = functional.cross_entropy(scores[:n], own) + generative[:n].mean()
    if replayed is None:
        return loss
    temperature = rule.temperature if rule.distillation else 1.0
    old = losses.distillation(scores[n:], replayed.shares, temperature) + generative[n:].mean()
    old = old + _repulsion_and_attraction(net, again[n:], replayed, rule)
    return share * loss + (1 - share) * old


def _through(
    net: Network, x: torch.Tensor, shares: torch.Tensor, rule: Rule
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return scores (n, C), x' (n, d) and the generative loss (n,) (Eq. 1 to 3) of samples."""
    w = net.weights
    h = network.encoded(w, x)
    mean, logvar = network.posterior(w, h)
    noise = torch.randn(mean.shape, generator=net.generator, device=x.device)
    z = mean + torch.exp(0.5 * logvar) * noise
    again = network.decoded(w, z, network.mixed(net.gates, shares))
    kl = losses.regularisation(w, z, logvar, shares)
    generative = losses.squared_error(x, again) + kl / rule.kl_divisor
    return network.logits(w, x, h), again, generative


@torch.no_grad()
def replay(old: Old, net: Network, rule: Rule) -> Replayed:
    """Draw a batch from the old model: old classes in equal shares, then what it says of them."""
    generator = net.generator
    own = torch.randint(old.classes, (rule.batch,), generator=generator, device=generator.device)
    z = network.drawn_z(old.weights, own, net.latent, generator)
    x = network.decoded(old.weights, z, net.gates[own])
    scores = network.logits(old.weights, x, network.encoded(old.weights, x))
    probabilities = torch.softmax(scores, dim=1)
    if rule.distillation:
        shares = torch.softmax(scores / rule.temperature, dim=1)
    else:
        told = own if rule.conditional else scores.argmax(1)
        shares = functional.one_hot(told, old.classes).to(x.dtype)
    return Replayed(x, shares, probabilities)


def _repulsion_and_attraction(
    net: Network, again: torch.Tensor, replayed: Replayed, rule: Rule
) -> torch.Tensor:
    """Return lambda_RR l_RR + lambda_RA l_RA (Eq. 4 and 5), beside a reconstruction of weight 1."""
    loss = again.new_zeros(())
    known = net.means[: replayed.probabilities.shape[1]]
    top, labels = replayed.probabilities.max(dim=1)
    if rule.repulsion != "none" and rule.repulsion_weight > 0:
        rivals = losses.competitors(replayed.probabilities, rule.factor)
        pushed = losses.repulsion(again, known, rivals, rule.repulsion)
        weight = top if rule.confidence else torch.ones_like(top)
        loss = loss + rule.repulsion_weight * (weight * pushed).mean()
    if rule.attraction_weight > 0:
        loss = loss + rule.attraction_weight * losses.attraction(again, known, labels).mean()
    return loss


def _step(net: Network, loss: torch.Tensor) -> None:
    """Follow the gradient once."""
    net.optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    net.synapses.before_step()
    net.optimiser.step()
    net.synapses.after_step()


def adam(
    weights: Weights, first: Weights, second: Weights, steps: int, rate: float
) -> torch.optim.Adam:
    """Return Adam over ``weights``, going on from moments of earlier phases."""
    optimiser = torch.optim.Adam(list(weights.values()), lr=rate, fused=True)
    for name, weight in weights.items():
        if name in first:
            optimiser.state[weight] = {
                "step": torch.tensor(float(steps)),
                "exp_avg": first[name],
                "exp_avg_sq": second[name],
            }
    return optimiser


def moments(net: Network) -> tuple[Weights, Weights]:
    """Return Adam's moments of every weight, zeros where it never had a gradient."""
    state = net.optimiser.state
    return tuple(  # type: ignore[return-value]
        {
            name: state[w][part] if w in state else torch.zeros_like(w)
            for name, w in net.weights.items()
        }
        for part in ("exp_avg", "exp_avg_sq")
    )


def steps_of(net: Network) -> int:
    """Return the steps that Adam has taken."""
    return int(max((float(s["step"]) for s in net.optimiser.state.values()), default=0.0))


def class_means(
    means: np.ndarray, counts: np.ndarray, x: np.ndarray, positions: np.ndarray
) -> np.ndarray:
    """Return running class means (C, d) after more samples.

    Parameters
    ----------
    means : (C, d) array
        Before; rows of new classes are ignored.
    counts : (C,) array
        Samples of each class before.
    x, positions : (n, d), (n,) arrays
        More samples, at least one of each class without any before.
    """
    sums = means.astype(np.float64) * counts[:, None]
    np.add.at(sums, positions, x)
    total = counts + np.bincount(positions, minlength=len(counts))
    return (sums / total[:, None]).astype(np.float32)
