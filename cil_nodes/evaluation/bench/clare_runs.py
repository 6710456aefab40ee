"""Runs behind the ClaRe benchmark: digits taught in phases, by ClaRe in its forms or by a peer."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cil_nodes.datasets.mnist import read_mnist_arrays
from cil_nodes.datasets.reading import data_folder
from cil_nodes.learners.clare import Clare
from cil_nodes.learners.clare.energy import Parts
from cil_nodes.learners.clare.model import banks_of, parts_of
from cil_nodes.learners.clare.network import Network

Array = NDArray[Any]

DIGITS = 10
SIDE = 28
SHEET = 10
"""Digits shown of each class on a sheet."""

OURS: dict[str, Any] = {"likelihood": "bernoulli"}
"""ClaRe's defaults, told that pixels are what they are."""

VALIDATION = 10_000
"""The last so many training pictures: settings were chosen on them, figures never."""


@dataclass(frozen=True)
class Lesson:
    """One phase of digits.

    Attributes
    ----------
    X : (n, 784) float32 array
        Pixels in [0, 1].
    y : (n,) int array
        Digits.
    known : tuple of int
        Digits of this phase and all before.
    """

    X: Array
    y: Array
    known: tuple[int, ...]


@lru_cache(maxsize=2)
def digits(split: str) -> tuple[Array, Array]:
    """Return pixels (n, 784) in [0, 1] and digits (n,) of "train", "test" or "validation".

    "validation" is the end of the training set; "rest" is the training set without it.
    """
    part = "train" if split in ("rest", "validation") else split
    grey, labels = read_mnist_arrays(part, data_folder())
    X = grey.reshape(len(grey), -1).astype(np.float32) / np.float32(255)
    y = labels.astype(np.int64)
    if split == "rest":
        return X[:-VALIDATION], y[:-VALIDATION]
    return (X[-VALIDATION:], y[-VALIDATION:]) if split == "validation" else (X, y)


def lessons(split: str, group: int, order: tuple[int, ...], most: int = 0) -> Iterator[Lesson]:
    """Yield the phases: so many digits at a time, in an order.

    Parameters
    ----------
    split : str
        As `digits` takes it.
    group : int
        g, digits a phase.
    order : tuple of int
        All digits that are taught.
    most : int
        Pictures of each digit; 0 for all.
    """
    X, y = digits(split)
    for start in range(0, len(order), group):
        own = order[start : start + group]
        rows = np.concatenate([np.flatnonzero(y == d)[: most or None] for d in own])
        rows.sort()
        yield Lesson(X[rows], y[rows], order[: start + group])


def order_of(seed: int, natural: bool) -> tuple[int, ...]:
    """Return the digits in their own order, or shuffled by a seed."""
    drawn = range(DIGITS) if natural else np.random.default_rng(seed).permutation(DIGITS)
    return tuple(int(d) for d in drawn)


def right(told: Array, truth: Array, among: tuple[int, ...]) -> float:
    """Return the share of pictures of some digits told right, in percent."""
    rows = np.isin(truth, among)
    return float(100 * np.mean(told[rows] == truth[rows]))


@dataclass(frozen=True)
class Asker:
    """Asks ClaRe about one set of pictures again and again, without doing the same work twice.

    Attributes
    ----------
    X : (n, 784) array
    found : dict
        Network and its parts of Eq. 2 (2, n, 1), by the network's identity; an old
        class's network is the same object after a phase.
    """

    X: Array
    found: dict[int, tuple[Network, Array]]

    def answers(self, learner: Clare) -> Array:
        """Return the digits (n,) that ``learner.predict`` answers."""
        model = learner.state_.model
        if learner.answer_by == "classifier":
            return learner.classes_[model.networks[0].logits(self.X).argmax(axis=1)]
        if learner.generator == "shared":
            return learner.predict(self.X)
        columns = [self._column(network) for network in model.networks]
        parts = Parts(*(np.concatenate(side, axis=1) for side in zip(*columns, strict=True)))
        return learner.classes_[model.scale.energies(parts).argmin(axis=1)]

    def _column(self, network: Network) -> Array:
        if id(network) not in self.found:
            parts = parts_of(banks_of((network,)), self.X)
            self.found[id(network)] = network, np.stack([parts.error, parts.divergence])
        return self.found[id(network)][1]


def diversity(learner: Clare, lesson: Lesson) -> float:
    """Return the within-class variance of drawn digits over that of real ones, all known."""
    X, y = digits("train")
    drawn = [learner.generate(d, 200, 1).var(axis=0).sum() for d in lesson.known]
    real = [X[y == d][:1000].var(axis=0).sum() for d in lesson.known]
    return float(np.mean(np.array(drawn) / np.array(real)))


def sheet(learner: Clare, lesson: Lesson) -> str:
    """Return drawn digits as text: one row a class, `SHEET` each, grey bytes in base64."""
    rows = [learner.generate(d, SHEET, 0).reshape(SHEET, SIDE, SIDE) for d in lesson.known]
    picture = np.concatenate([np.concatenate(list(row), axis=1) for row in rows])
    return base64.b64encode((255 * picture).round().astype(np.uint8).tobytes()).decode()


def run_clare(
    parameters: Mapping[str, Any],
    group: int,
    seed: int,
    natural: bool = True,
    paper: bool = False,
    looks: bool = False,
    splits: tuple[str, str] = ("train", "test"),
) -> dict[str, Any]:
    """Teach ClaRe phase by phase.

    Parameters
    ----------
    parameters : mapping
        Of `Clare`, or changes to `Clare.paper`.
    group : int
        g.
    seed : int
        Of every draw, and of the order where it is shuffled.
    natural : bool
        Whether digits come in their own order.
    paper : bool
        Whether to start from the paper's configuration.
    looks : bool
        Keep a sheet of drawn digits and their diversity after each phase.
    splits : tuple of str
        What is taught and what is shown.

    Returns
    -------
    dict
        ``accuracy`` (%), ``seconds``, ``draw_seconds`` by phase; ``diversity``, ``sheets``.
    """
    learner = (Clare.paper if paper else Clare)(**{**parameters, "random_state": seed})
    found: dict[str, Any] = {name: [] for name in ("accuracy", "seconds", "diversity", "sheets")}
    X, y = digits(splits[1])
    asker = Asker(X, {})
    for lesson in lessons(splits[0], group, order_of(seed, natural)):
        began = time.perf_counter()
        learner.learn_phase(lesson.X, lesson.y)
        found["seconds"].append(time.perf_counter() - began)
        found["accuracy"].append(right(asker.answers(learner), y, lesson.known))
        if looks:
            found["diversity"].append(diversity(learner, lesson))
            found["sheets"].append(sheet(learner, lesson))
    began = time.perf_counter()
    for digit in learner.classes_[:-group]:
        learner.generate(digit, 6000)
    return {**found, "draw_seconds": time.perf_counter() - began}


def run_unbalanced(parameters: Mapping[str, Any], seed: int, paper: bool) -> dict[str, float]:
    """Teach nine digits with 500 pictures each, then the tenth with 5."""
    learner = (Clare.paper if paper else Clare)(**{**parameters, "random_state": seed})
    order = order_of(seed, natural=True)
    for lesson in lessons("train", 3, order[:-1], most=500):
        learner.learn_phase(lesson.X, lesson.y)
    X, y = digits("test")
    before = right(Asker(X, {}).answers(learner), y, order[:-1])
    for lesson in lessons("train", 1, order[-1:], most=5):
        learner.learn_phase(lesson.X, lesson.y)
    told = Asker(X, {}).answers(learner)
    return {
        "old_before": before,
        "old": right(told, y, order[:-1]),
        "new": right(told, y, order[-1:]),
    }
