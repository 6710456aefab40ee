"""Lines of the RR+RA benchmark: what each sets, and one run of one line in one class order."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cil_nodes.datasets import open_dataset
from cil_nodes.evaluation.bench.context import Work
from cil_nodes.evaluation.bench.features import features_of
from cil_nodes.evaluation.bench.repulsion_inside import inside
from cil_nodes.evaluation.bench.repulsion_settings import PHASES, line_settings
from cil_nodes.evaluation.convolutions import internal_features
from cil_nodes.evaluation.convolutions.internal import WEIGHTS
from cil_nodes.evaluation.protocols import Labelled, split_phases
from cil_nodes.evaluation.protocols.labelled import held_out_split
from cil_nodes.learners.repulsion_replay import RepulsionReplay

GENERATOR_EVERY = 10
"""Every tenth picture is classified by the generator too: it takes a pass for each class."""

BETWEEN_EVERY = 5
"""Every fifth picture is shown between phases; all of them at the end."""

CODE = (
    *(
        f"learners/repulsion_replay/{name}.py"
        for name in (
            "answering",
            "learning",
            "losses",
            "model",
            "network",
            "rules",
            "synapses",
            "training",
        )
    ),
    "evaluation/convolutions/network.py",
    "evaluation/bench/repulsion_lines.py",
    "evaluation/bench/repulsion_inside.py",
)
"""Code that decides the figures of a run: a change makes kept ones stale."""


@dataclass(frozen=True)
class Run:
    """One line in one class order.

    Attributes
    ----------
    line : str
        As `line_settings` takes it.
    order : int
        Seed of the class order and of the learner.
    size : {"scaled", "full"}
    features : {"internal", "efficientnet_lite0"}
        Of our convolutions, or of the extractor.
    split : {"test", "validation"}
        "validation" keeps a fifth of the training pictures out and shows those.
    changes : mapping
        Settings other than the line's.
    """

    line: str
    order: int
    size: str = "scaled"
    features: str = "internal"
    split: str = "test"
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        """All settings of the learner."""
        own = {**line_settings(self.line, self.size), **self.changes}
        return {**own, "random_state": self.order}

    def work(self, table: str = "") -> Work:
        """Return the part of a benchmark that makes this run."""
        key = {
            "line": "joint" if self.line == "joint" else "phases",
            "settings": self.settings,
            "features": self.features,
            "split": self.split,
            "data": _hashes(self.features),
        }
        return Work(key, partial(make, self), table, CODE)


@lru_cache(maxsize=2)
def _hashes(features: str) -> tuple[str, ...]:
    """Return what tells data and convolutions apart."""
    data = tuple(open_dataset("cifar100", split).data_hash for split in ("train", "test"))
    if features != "internal":
        return data
    return (*data, hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()[:16])


@lru_cache(maxsize=2)
def pictures(features: str, split: str) -> tuple[Labelled, Labelled, tuple[str, ...]]:
    """Return what is taught, what is shown, and all classes."""
    both = []
    for name in ("train", "test"):
        if features == "internal":
            opened = open_dataset("cifar100", name)
            both.append(Labelled(internal_features(opened), np.array(opened.labels)))
        else:
            both.append(features_of("cifar100", name, features)[0])
    if split == "validation":
        both = list(held_out_split(both[0], 0.2, 0))
    return both[0], both[1], open_dataset("cifar100", "train").classes


def make(run: Run) -> dict[str, Any]:
    """Teach one line in one order, and say how it answers.

    Returns
    -------
    dict
        ``classes``: accuracy of each class at the end, in the order taught, percent; ``phases``:
        mean accuracy over the classes known after each phase, on every fifth picture;
        ``generator``: as ``classes``, on every tenth, classified by the generator;
        ``seconds``: of training, a phase; and what `inside` says.
    """
    train, shown, classes = pictures(run.features, run.split)
    phases = split_phases(classes, 1 if run.line == "joint" else PHASES, run.order)
    learner = RepulsionReplay(**run.settings)
    some = shown.take(np.arange(0, len(shown), BETWEEN_EVERY))
    averages, seconds = [], []
    for number, names in enumerate(phases, start=1):
        lesson = train.of(names)
        began = time.perf_counter()
        learner.partial_fit(lesson.features, lesson.labels)
        seconds.append(time.perf_counter() - began)
        known = [name for phase in phases[:number] for name in phase]
        by_class = accuracies(learner, some, known)
        averages.append(float(by_class.mean()))
    ordered = [name for names in split_phases(classes, PHASES, run.order) for name in names]
    few = shown.take(np.arange(0, len(shown), GENERATOR_EVERY))
    softmax = accuracies(learner, shown, ordered).tolist()
    learner.set_params(answers="generator")
    return {
        "classes": softmax,
        "phases": averages,
        "generator": accuracies(learner, few, ordered).tolist(),
        "seconds": seconds,
        **inside(learner, train, shown),
    }


def accuracies(
    learner: RepulsionReplay, shown: Labelled, classes: list[str]
) -> NDArray[np.float64]:
    """Return the accuracy of each class in percent, in the order given."""
    asked = shown.of(classes)
    right = learner.predict(asked.features) == asked.labels
    return np.array([100 * right[asked.labels == name].mean() for name in classes])
