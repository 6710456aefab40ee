"""One phase from arrays to arrays: set up the network, train, calibrate (torch)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from cil_nodes.learners.calibration import ScoreMap
from cil_nodes.learners.networks import running
from cil_nodes.learners.phase import Phase
from cil_nodes.learners.repulsion_replay import answering, calibrating, network, training
from cil_nodes.learners.repulsion_replay.model import Model, Scaling, Training
from cil_nodes.learners.repulsion_replay.network import Shape, Weights
from cil_nodes.learners.repulsion_replay.rules import Rule
from cil_nodes.learners.repulsion_replay.synapses import Synapses

HELD_PART = 0.8
"""Part of a phase in which held-back samples stay out; then all are learned."""


@dataclass(frozen=True)
class Lesson:
    """What one phase starts from.

    Attributes
    ----------
    x : (n, d) array
        Scaled features.
    positions : (n,) int array
        Classes.
    counts : (C,) int array
        Samples of each class, this phase included.
    seeds : SeedSequence
        Of every draw.
    """

    x: np.ndarray
    positions: np.ndarray
    counts: np.ndarray
    seeds: np.random.SeedSequence


@dataclass(frozen=True)
class Settings:
    """How the network is built, trained and calibrated.

    Attributes
    ----------
    shape : Shape
        Of a new network; ignored where there is one.
    rule : Rule
    gated : float
        Share of units that are off for a class.
    si_strength, si_damping : float
        As `Synapses` takes them.
    false_unknown_rate : float
    device : str
    threads : int
    """

    shape: Shape
    rule: Rule
    gated: float
    si_strength: float
    si_damping: float
    false_unknown_rate: float
    device: str
    threads: int


@dataclass(frozen=True)
class Outcome:
    """A new model, whether its threshold is calibrated, and the loss curve."""

    model: Model
    calibrated: bool
    losses: tuple[float, ...]


def learn(
    old: Model | None, lesson: Lesson, scaling: Scaling, settings: Settings, phase: Phase
) -> Outcome:
    """Learn one phase.

    Parameters
    ----------
    old : Model or None
        Stays as it is; None in the first phase.
    lesson : Lesson
    scaling : Scaling
        How ``lesson.x`` was scaled.
    settings : Settings
    phase : Phase
    """
    device = running.device_of(settings.device)
    draws, network_draws = lesson.seeds.spawn(2)
    rng = np.random.default_rng(draws)
    held = calibrating.held_back(lesson.positions, rng)
    with running.threads(settings.threads):
        generator = running.generator(network_draws, device)
        net = _network(old, lesson, settings, generator, rng)
        curve, middle = _trained(net, old, lesson, held, scaling, settings, phase)
        model = _model(net, scaling, settings, _blank(len(lesson.counts)))
    phase.report(0.98, "setting the threshold")
    return _calibrated(model, middle, old, lesson, held, settings, rng, curve)


def _network(
    old: Model | None,
    lesson: Lesson,
    settings: Settings,
    generator: torch.Generator,
    rng: np.random.Generator,
) -> training.Network:
    """Return the network to train: the old one with a column, a mode and a gate for new classes."""
    device, classes = generator.device, len(lesson.counts)
    before = old.classes if old else 0
    weights = (
        running.tensors(old.weights, device) if old else network.initial(settings.shape, generator)
    )
    weights = network.grown(weights, classes, generator)
    hidden = weights["d2.b"].numel()
    gates = network.drawn_gates(classes - before, hidden, settings.gated, rng)
    gates = np.concatenate([old.gates, gates]) if old else gates
    kept = _kept(old, weights, device)
    for weight in weights.values():
        weight.requires_grad_(True)
    first, second, importance, anchor = kept
    steps = old.training.steps if old and old.training else 0
    return training.Network(
        weights,
        torch.from_numpy(gates).float().to(device),
        torch.from_numpy(_means(old, lesson)).to(device),
        training.adam(weights, first, second, steps, settings.rule.rate),
        Synapses(weights, importance, anchor, settings.si_strength, settings.si_damping),
        generator,
    )


def _kept(old: Model | None, weights: Weights, device: torch.device) -> tuple[Weights, ...]:
    """Return moments, importance and anchor of earlier phases, widened for new classes."""
    if old is None or old.training is None:
        return {}, {}, {}, {}
    t = old.training
    first, second, importance, anchor = (
        running.tensors(part, device) for part in (t.first, t.second, t.importance, t.anchor)
    )
    # A new column starts where it was drawn, and nothing holds it there: its importance is 0.
    return (
        network.widened(first, weights),
        network.widened(second, weights),
        network.widened(importance, weights),
        network.widened(anchor, weights),
    )


def _means(old: Model | None, lesson: Lesson) -> np.ndarray:
    """Return x-hat of every class, this phase's samples included."""
    classes = len(lesson.counts)
    own = np.bincount(lesson.positions, minlength=classes)
    means = np.zeros((classes, lesson.x.shape[1]), dtype=np.float32)
    if old:
        means[: old.classes] = old.means
    return training.class_means(means, lesson.counts - own, lesson.x, lesson.positions)


def _trained(
    net: training.Network,
    old: Model | None,
    lesson: Lesson,
    held: np.ndarray,
    scaling: Scaling,
    settings: Settings,
    phase: Phase,
) -> tuple[list[float], Model]:
    """Train without the held-back samples, keep that model, then train on with all."""
    device, rule = net.generator.device, settings.rule
    samples = training.Samples(
        torch.from_numpy(lesson.x.astype(np.float32)).to(device),
        torch.from_numpy(lesson.positions).to(device),
    )
    before = None
    if old:
        before = training.Old(running.tensors(old.weights, device), old.classes)
    present = len(np.unique(lesson.positions))
    share = present / (present + (old.classes if old else 0))
    first = round(HELD_PART * rule.iterations) if held.any() else rule.iterations
    rows = torch.from_numpy(np.flatnonzero(~held)).to(device)
    start = phase.part(0.0, 0.98 * first / rule.iterations)
    curve = training.train(net, before, samples, rows, first, share, rule, start)
    middle = _model(net, scaling, settings, _blank(len(lesson.counts)))
    if held.any():
        every = torch.arange(len(held), device=device)
        end = phase.part(0.98 * first / rule.iterations, 0.98)
        more = rule.iterations - first
        curve += training.train(net, before, samples, every, more, share, rule, end)
    return curve, middle


def _blank(classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return no calibration yet."""
    rows = np.zeros((classes, calibrating.QUANTILES), dtype=np.float32)
    return rows, np.zeros(classes, dtype=bool)


def _model(
    net: training.Network,
    scaling: Scaling,
    settings: Settings,
    calibration: tuple[np.ndarray, np.ndarray],
) -> Model:
    """Return the network as arrays."""
    first, second = training.moments(net)
    importance, anchor = net.synapses.consolidated()
    state = Training(
        running.arrays(first),
        running.arrays(second),
        training.steps_of(net),
        running.arrays(importance),
        running.arrays(anchor),
    )
    return Model(
        scaling,
        running.arrays(net.weights),
        net.gates.cpu().numpy().astype(np.uint8),
        net.means.cpu().numpy(),
        *calibration,
        ScoreMap(0.0, 1.0),
        settings.rule.kl_divisor,
        state,
    )


def _calibrated(
    model: Model,
    middle: Model,
    old: Model | None,
    lesson: Lesson,
    held: np.ndarray,
    settings: Settings,
    rng: np.random.Generator,
    curve: list[float],
) -> Outcome:
    """Add the map from novelty to unknown score."""
    novelty = answering.novelty(middle, lesson.x)
    rows = calibrating.measured(novelty, lesson.positions, held, model.classes)
    if old is not None:
        shifted = old.held + calibrating.moved(old, model, rng)[:, None].astype(np.float32)
        rows = calibrating.together((shifted, old.measured), rows)
    map_, calibrated = calibrating.score_map(*rows, lesson.counts, settings.false_unknown_rate)
    whole = replace(model, held=rows[0], measured=rows[1], score_map=map_)
    return Outcome(whole, calibrated, tuple(curve))
