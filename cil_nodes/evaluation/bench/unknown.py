"""How well ORACIL says "I don't know", beside detectors of unknowns on the same features."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.bench.context import Context, Work
from cil_nodes.evaluation.bench.demo_sim import Studio, plan_for
from cil_nodes.evaluation.bench.features import DEFAULT_ENCODER, features_of
from cil_nodes.evaluation.bench.kept import parts_folder
from cil_nodes.evaluation.bench.registry import bench, find
from cil_nodes.evaluation.bench.runner import BenchResult
from cil_nodes.evaluation.bench.unknown_records import (
    BUDGETS,
    OURS,
    WORLDS,
    records_of,
    table_of,
)
from cil_nodes.evaluation.detectors import DETECTORS
from cil_nodes.evaluation.metrics import auroc, fpr_at_tpr, oscr
from cil_nodes.evaluation.protocols import Labelled, class_order
from cil_nodes.learners.oracil import Oracil

HEAD = "ORACIL's head alone: its largest output"

FIRST_SIM_SEED = 20
"""Seeds of the turntable below this one were looked at while settings were chosen."""

CONFIGURATION: dict[str, Any] = {
    "encoder": DEFAULT_ENCODER,
    "closed classifier": "ORACIL's joint head; its outputs over their fitted temperature are the "
    "logits that detectors read",
    "detectors": tuple(DETECTORS),
}


@dataclass(frozen=True)
class World:
    """What is taught, and what is shown.

    Attributes
    ----------
    lessons : tuple of Labelled
        Training pictures, lesson by lesson.
    known, unknown : Labelled
        Test pictures of taught classes, and of others.
    """

    lessons: tuple[Labelled, ...]
    known: Labelled
    unknown: Labelled


def world(name: str, seed: int) -> World:
    """Return what is taught and shown for a seed, one of ``WORLDS``."""
    return _turntable(seed) if name == "sim" else _half(name, seed)


def _half(dataset: str, seed: int) -> World:
    (train, opened), (test, _) = (features_of(dataset, split) for split in ("train", "test"))
    taught = set(train.classes)
    order = class_order([c for c in opened.classes if c in taught], seed)
    known, unknown = order[: len(order) // 2], order[len(order) // 2 :]
    return World((train.of(known),), test.of(known), test.of(unknown))


def _turntable(seed: int) -> World:
    """Draw as demo-sim does; what it drew for the same seed is taken from the cache."""
    context = Context(find("demo-sim"), (seed,), parts_folder("demo-sim"), quiet=True)
    plan = plan_for(seed)
    taught = [label for labels in plan.phases for label in labels]
    train, test = Studio(context, seed).shoot([*taught, *plan.never], lambda part, words: None)
    lessons = tuple(train.of(labels) for labels in plan.phases)
    return World(lessons, test.of(taught), test.of(plan.never))


def compare(name: str, seed: int) -> dict[str, Any]:
    """Return AUROC, FPR at 95 % and OSCR of every score, in percent, by name.

    Parameters
    ----------
    name : str
        One of ``WORLDS``.
    seed : int
        Decides what is taught.
    """
    shown = world(name, seed)
    learner = Oracil()
    for lesson in shown.lessons:
        learner.learn_phase(lesson.features, lesson.labels)
        learner.consolidate()
    known, unknown = learner.answer(shown.known.features), learner.answer(shown.unknown.features)
    right = known.labels == shown.known.labels
    found = {OURS: figures(known.unknown_score, right, unknown.unknown_score)}
    return found | _detected(learner, shown)


def _detected(learner: Oracil, shown: World) -> dict[str, Any]:
    """Score with every detector, behind the joint head."""
    heat = learner.state_.model.predictor.temperatures.head
    features = np.concatenate([lesson.features for lesson in shown.lessons])
    labels = np.concatenate([lesson.labels for lesson in shown.lessons])
    place = {label: i for i, label in enumerate(learner.classes_.tolist())}
    positions = np.array([place[label] for label in labels.tolist()])
    known, unknown = (
        (part.features, learner.head_outputs(part.features) / heat)
        for part in (shown.known, shown.unknown)
    )
    right = learner.classes_[known[1].argmax(axis=1)] == shown.known.labels
    found = {HEAD: figures(-known[1].max(axis=1), right, -unknown[1].max(axis=1))}
    logits = learner.head_outputs(features) / heat
    for name, kind in DETECTORS.items():
        detector = kind().fit(features, positions, logits)
        found[name] = figures(detector.score(*known), right, detector.score(*unknown))
    return found


def figures(
    known: NDArray[np.floating], right: NDArray[np.bool_], unknown: NDArray[np.floating]
) -> dict[str, float]:
    """Return the three figures of one score, in percent.

    Parameters
    ----------
    known, unknown : ndarray of shape (n,), (m,)
        Larger is less known.
    right : ndarray of bool, shape (n,)
        Whether the label of each known sample is answered rightly.
    """
    return {
        "auroc": 100 * auroc(known, unknown),
        "fpr95": 100 * fpr_at_tpr(known, unknown),
        "oscr": 100 * oscr(known, right, unknown),
    }


def works(context: Context) -> list[Work]:
    """List every part, for ``--dry-run``."""
    return [_work(name, seed) for name in WORLDS for seed in context.seeds]


def _work(name: str, seed: int) -> Work:
    own = FIRST_SIM_SEED + seed if name == "sim" else seed
    key = {**CONFIGURATION, "world": name, "seed": own}
    code = ("learners/oracil", "evaluation/detectors", "evaluation/bench/unknown.py")
    return Work(key, partial(compare, name, own), name, code)


@bench(
    "unknown",
    "Telling what was never taught: ORACIL's unknown score beside detectors on the same features.",
    minutes=sum(BUDGETS.values()),
    seeds=3,
    budgets=BUDGETS,
    plan=works,
)
def unknown(context: Context) -> BenchResult:
    """Compare in every world."""
    found = iter(context.parts(works(context), "worlds and seeds"))
    by_world = {name: [next(found) for _ in context.seeds] for name in WORLDS}
    records = [r for name, runs in by_world.items() for r in records_of(name, runs)]
    tables = tuple(table_of(name, runs) for name, runs in by_world.items())
    return BenchResult(tuple(records), CONFIGURATION, {}, tables)
