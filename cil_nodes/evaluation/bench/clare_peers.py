"""What stands beside ClaRe on digits: bounds and peers, each 400-400 with one budget. Needs torch.

Joint training and fine-tuning; elastic weight consolidation (Kirkpatrick et al., PNAS 2017); deep
generative replay (Shin et al., NeurIPS 2017), also with distillation (van de Ven et al., 2020).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import log_softmax

from cil_nodes.evaluation.bench.clare_runs import Lesson, digits, lessons, order_of, right
from cil_nodes.learners.clare.forward import linear, relu
from cil_nodes.learners.clare.loss import Weighing, cross_entropy
from cil_nodes.learners.clare.network import Network, Shape
from cil_nodes.learners.clare.replay import phase_weights
from cil_nodes.learners.clare.training import Rows, Schedule, Trainer, fresh
from cil_nodes.learners.networks import running
from cil_nodes.learners.phase import Phase

Array = NDArray[Any]

WIDTH, LATENT, BATCH, RATE = 400, 100, 128, 0.001
CLASSES = 10
EWC_STRENGTH = 1000.0
"""Not tuned: no strength is known to help where the phase is not told."""
FISHER_SAMPLES = 300
TEMPERATURE = 2.0

PEERS = ("joint", "fine-tuning", "EWC", "replay", "replay, distilled")


@dataclass
class Mlp:
    """A 784-400-400-10 classifier; of its outputs only those of known digits answer.

    Attributes
    ----------
    weights : dict of str to Tensor
    source : Generator
    """

    weights: dict[str, Tensor]
    source: torch.Generator

    @classmethod
    def fresh(cls, source: torch.Generator) -> Mlp:
        """Return one with first weights."""
        weights: dict[str, Tensor] = {}
        for name, (a, b) in {"1": (784, WIDTH), "2": (WIDTH, WIDTH), "3": (WIDTH, CLASSES)}.items():
            for part, size in (("w", (a, b)), ("b", (1, b))):
                drawn = 2.0 * torch.rand(size, generator=source) - 1.0
                weights[f"{name}.{part}"] = (drawn / a**0.5).requires_grad_()
        return cls(weights, source)

    def logits(self, X: Tensor) -> Tensor:
        """Return logits (n, 10)."""
        hidden = relu(linear(self.weights, "2", relu(linear(self.weights, "1", X))))
        return linear(self.weights, "3", hidden)

    def answer(self, X: Array, known: Sequence[int]) -> Array:
        """Return the likeliest of the known digits (n,)."""
        with torch.no_grad():
            logits = self.logits(torch.from_numpy(X)).numpy()
        return np.array(known)[logits[:, list(known)].argmax(axis=1)]

    def train(self, rows: Rows, known: Sequence[int], steps: int, pull: _Pull | None) -> None:
        """Minimise the cross-entropy over the known digits with Adam, from where it stands."""
        adam = torch.optim.Adam(self.weights.values(), lr=RATE)
        whole, columns = rows.on(torch.device("cpu")), list(known)
        for _ in range(steps):
            chosen = torch.randint(len(whole.X), (BATCH,), generator=self.source)
            each = cross_entropy(
                self.logits(whole.X[chosen])[:, columns], whole.targets[chosen][:, columns]
            )
            loss = (whole.weights[chosen] * each).mean()
            loss = loss if pull is None else loss + pull.penalty(self.weights)
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()


@dataclass
class _Pull:
    """EWC's quadratic pull towards what earlier phases learned, weighed by Fisher information."""

    fisher: dict[str, Tensor]
    centre: dict[str, Tensor]

    def penalty(self, weights: Mapping[str, Tensor]) -> Tensor:
        parts = [(self.fisher[n] * (w - self.centre[n]) ** 2).sum() for n, w in weights.items()]
        return 0.5 * EWC_STRENGTH * torch.stack(parts).sum()


def _pull_after(mlp: Mlp, lesson: Lesson, before: _Pull | None) -> _Pull:
    """Add one phase's diagonal Fisher information, by its own labels."""
    fisher = {name: torch.zeros_like(w) for name, w in mlp.weights.items()}
    rows = np.linspace(0, len(lesson.X) - 1, FISHER_SAMPLES).astype(int)
    for row in rows:
        logits = mlp.logits(torch.from_numpy(lesson.X[row : row + 1]))[:, list(lesson.known)]
        loss = -log_softmax(logits, dim=1)[0, lesson.known.index(int(lesson.y[row]))]
        found = torch.autograd.grad(loss, list(mlp.weights.values()))
        for name, gradient in zip(mlp.weights, found, strict=True):
            fisher[name] += gradient.detach() ** 2 / len(rows)
    if before is not None:
        fisher = {name: before.fisher[name] + one for name, one in fisher.items()}
    return _Pull(fisher, {name: w.detach().clone() for name, w in mlp.weights.items()})


class _Replay:
    """Deep generative replay's generator: one autoencoder for all, that is told no class."""

    def __init__(self, source: torch.Generator, rng: np.random.Generator, steps: int) -> None:
        self.source, self.rng, self.steps = source, rng, steps
        self.network: Network | None = None

    def rows(self, mlp: Mlp, lesson: Lesson, number: int, distilled: bool) -> Rows:
        """Return new and drawn rows; draws are labelled by the classifier as it stands."""
        new = Rows.hard(lesson.X, lesson.y, CLASSES)
        if self.network is None:
            return new
        old = [d for d in lesson.known if d not in set(lesson.y.tolist())]
        count = len(lesson.X) // (len(lesson.known) - len(old)) * len(old)
        X = self.network.draw(0, count, self.rng)
        with torch.no_grad():
            logits = mlp.logits(torch.from_numpy(X))[:, old] / TEMPERATURE
        targets = np.zeros((count, CLASSES), np.float32)
        soft = torch.softmax(logits, dim=1).numpy()
        targets[:, old] = soft if distilled else np.eye(len(old))[soft.argmax(axis=1)]
        weights = phase_weights(len(new.X), count, number)
        return Rows(
            np.concatenate([new.X, X]),
            np.concatenate([new.positions, targets.argmax(axis=1)]),
            np.concatenate([new.targets, targets]),
            np.repeat(np.array(weights, np.float32), [len(new.X), count]),
        )

    def learn(self, rows: Rows) -> None:
        """Train on with new and drawn rows."""
        shape = Shape(784, WIDTH, LATENT, 1, True, "features", 0, True)
        start = fresh(shape, rows.X.mean(axis=0), self.source)
        if self.network is not None:
            start = running.tensors(self.network.weights, torch.device("cpu"))
        schedule = Schedule(self.steps, BATCH, RATE, torch.device("cpu"))
        trainer = Trainer(start, shape, schedule, Weighing(), self.source)
        one = Rows(rows.X, np.zeros(len(rows.X), np.int64), rows.targets[:, :1], rows.weights)
        trainer.run(one, 1.0, Phase())
        self.network = trainer.network()


def run_peer(peer: str, group: int, seed: int, steps: int) -> dict[str, Any]:
    """Teach a peer phase by phase; as `clare_runs.run_clare`.

    Parameters
    ----------
    peer : str
        One of `PEERS`.
    group : int
        g.
    seed : int
    steps : int
        Iterations a phase.
    """
    sequence = np.random.SeedSequence([seed, group])
    source = running.generator(sequence, torch.device("cpu"))
    mlp, pull, so_far = Mlp.fresh(source), None, []
    replay = _Replay(source, np.random.default_rng(sequence), steps)
    found: dict[str, list[float]] = {"accuracy": [], "seconds": []}
    X, y = digits("test")
    with running.threads(1):
        for number, lesson in enumerate(lessons("train", group, order_of(seed, True)), start=1):
            began = time.perf_counter()
            rows = Rows.hard(lesson.X, lesson.y, CLASSES)
            if peer.startswith("replay"):
                rows = replay.rows(mlp, lesson, number, peer.endswith("distilled"))
            elif peer == "joint":
                so_far.append(rows)
                rows = _joined(so_far)
            mlp.train(rows, lesson.known, steps, pull)
            if peer.startswith("replay"):
                replay.learn(rows)
            elif peer == "EWC":
                pull = _pull_after(mlp, lesson, pull)
            found["seconds"].append(time.perf_counter() - began)
            told = mlp.answer(X, lesson.known)
            found["accuracy"].append(right(told, y, lesson.known))
    return found


def _joined(parts: Sequence[Rows]) -> Rows:
    return Rows(*(np.concatenate([getattr(p, name) for p in parts]) for name in vars(parts[0])))
