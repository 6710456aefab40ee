"""CLIFER's four conditions, taught one person's expressions class after class (section V-B)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from cil_nodes.evaluation.bench.clifer_caae import EXPRESSIONS, Views
from cil_nodes.evaluation.metrics import accuracy, macro_f1
from cil_nodes.learners.clifer.dual import DualMemory, Pair, Schedule
from cil_nodes.learners.clifer.memory import GrowingMemory

CONDITIONS = ("mlp", "gdm", "gdm_replay", "clifer")
MEMORIES = ("episodic", "semantic")
SPLITS = ("train", "heldout")
EXPERIMENTS = ("seen", "all")
_EPOCHS, _RATE = 20, 2e-3


class Condition(Protocol):
    """What learns one class after another and then answers."""

    def learn(self, rows: np.ndarray, label: int) -> None:
        """Learn z (n, 50) of one class."""

    def answer(self, memory: str, rows: np.ndarray) -> np.ndarray:
        """Return the labels (n,) that a memory answers; -1 for none."""

    def size(self, memory: str) -> int:
        """Return the numbers that a memory keeps."""


class Memories:
    """GDM, with replay or with imagination or with neither.

    Parameters
    ----------
    replay : bool
    imagine : callable or None
        As `DualMemory.learn_class` takes it.
    rng : numpy Generator
        Draws the first two neurons.
    """

    def __init__(self, replay: bool, imagine: Any, rng: np.random.Generator) -> None:
        first = rng.uniform(-1, 1, (2, 50))
        pair = Pair.begin(first, len(EXPRESSIONS))
        self._dual = DualMemory(pair, schedule=Schedule(replay=replay))
        self._imagine = imagine

    def learn(self, rows: np.ndarray, label: int) -> None:
        """Learn z (n, 50) of one class."""
        self._dual.learn_class(rows, label, self._imagine)

    def _memory(self, memory: str) -> GrowingMemory:
        return self._dual.episodic if memory == "episodic" else self._dual.semantic

    def answer(self, memory: str, rows: np.ndarray) -> np.ndarray:
        """Return the label of each row's winner."""
        asked = self._memory(memory)
        return asked.labels[asked.winners(rows)]

    def size(self, memory: str) -> int:
        """Return neurons times dimensions."""
        return self._memory(memory).weights.size


class Perceptron:
    """The MLP baseline: 64-32-16 units with batch normalisation, trained class after class.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int) -> None:
        import torch
        from torch import nn

        from cil_nodes.learners.networks import running

        self._torch, self._threads = torch, running.threads
        cpu = running.device_of("cpu")
        draw = running.generator(np.random.SeedSequence([seed, 4]), cpu)
        layers: list[nn.Module] = []
        widths = [50, 64, 32, 16]
        for a, b in pairwise(widths):
            layers += [nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU()]
        self._net = nn.Sequential(*layers, nn.Linear(16, len(EXPRESSIONS)))
        with torch.no_grad():
            for module in self._net:
                if isinstance(module, nn.Linear):
                    bound = module.in_features**-0.5
                    module.weight.uniform_(-bound, bound, generator=draw)
                    module.bias.uniform_(-bound, bound, generator=draw)

    def learn(self, rows: np.ndarray, label: int) -> None:
        """Train 20 epochs of Adam on one class alone, in one batch."""
        torch = self._torch
        x = torch.from_numpy(rows.astype(np.float32))
        y = torch.full((len(rows),), label)
        self._net.train()
        adam = torch.optim.Adam(self._net.parameters(), _RATE)
        with self._threads(1):
            for _ in range(_EPOCHS):
                adam.zero_grad()
                torch.nn.functional.cross_entropy(self._net(x), y).backward()
                adam.step()

    def answer(self, memory: str, rows: np.ndarray) -> np.ndarray:
        """Return the likeliest label; there is only one network."""
        self._net.eval()
        with self._torch.no_grad(), self._threads(1):
            x = self._torch.from_numpy(rows.astype(np.float32))
            return self._net(x).argmax(dim=1).numpy()

    def size(self, memory: str) -> int:
        """Return the weights."""
        return sum(w.numel() for w in self._net.parameters())


def make(condition: str, imagination: Any, seed: int) -> Condition:
    """Return a fresh condition by its name."""
    if condition == "mlp":
        return Perceptron(seed)
    imagine = imagination if condition == "clifer" else None
    return Memories(condition == "gdm_replay", imagine, np.random.default_rng([seed, 5]))


def teach(
    condition: str, imagination: Any, views: Views, order: Sequence[int], seed: int
) -> dict[str, Any]:
    """Teach one person's expressions in some order, and ask after each.

    Returns
    -------
    dict
        ``<experiment>.<memory>.<split>`` and the same with ``.macro``: F1 after each class;
        ``seconds``, ``numbers.<memory>`` at the end.
    """
    learner = make(condition, imagination, seed)
    told: dict[str, Any] = {}
    began = time.perf_counter()
    spent = 0.0
    for moment, label in enumerate(order):
        began = time.perf_counter()
        learner.learn(views.of(label), label)
        spent += time.perf_counter() - began
        for name, value in _asked(learner, views, order[: moment + 1]).items():
            told.setdefault(name, []).append(value)
    sizes = {f"numbers.{memory}": learner.size(memory) for memory in MEMORIES}
    return {**told, **sizes, "seconds": spent}


def _asked(learner: Condition, views: Views, seen: Sequence[int]) -> dict[str, float]:
    """Return F1, micro-averaged as in the published code (which is accuracy), and macro."""
    told = {}
    for split in SPLITS:
        mine = views.taught if split == "train" else ~views.taught
        known = np.isin(views.labels, seen)
        for memory in MEMORIES:
            answers = learner.answer(memory, views.z)
            for experiment in EXPERIMENTS:
                asked = mine & known if experiment == "seen" else mine
                truth, said = views.labels[asked], answers[asked]
                name = f"{experiment}.{memory}.{split}"
                told[name] = accuracy(truth, said)
                told[f"{name}.macro"] = macro_f1(truth, said)
    return told
