"""The demo on grocery photographs, offline: 81 classes in 9 phases, official splits."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from cil_nodes.evaluation.bench.context import Context, Work
from cil_nodes.evaluation.bench.features import DEFAULT_ENCODER, features_of
from cil_nodes.evaluation.bench.records import measured
from cil_nodes.evaluation.bench.registry import bench
from cil_nodes.evaluation.bench.runner import BenchResult
from cil_nodes.evaluation.peers import JointRidge, NearestClassMean
from cil_nodes.evaluation.protocols import Labelled, joint_accuracy, run_phases, split_phases
from cil_nodes.evaluation.run_record import RunRecord
from cil_nodes.evaluation.run_summary import percent_figures, summarise

DATASET = "grocery"
CONFIGURATION: dict[str, Any] = {
    "dataset": DATASET,
    "phases": 9,
    "taught": "train split",
    "shown": "test split",
    "encoder": DEFAULT_ENCODER,
    "method": "oracil",
}

NOTE = (
    "All test photographs, after the last phase. The joint ridge is solved on all training "
    "photographs at once, its strength chosen by generalised cross-validation on them."
)
OTHERS = {
    "forgetting": "Also holds what any learner loses because more classes compete in later phases.",
    "false_unknown_rate": "The threshold is calibrated on training photographs; those of the test "
    "split were taken elsewhere and look less known.",
}


def joint_references(train: Labelled, test: Labelled) -> dict[str, Any]:
    """Accuracies, in percent, of peers that learn everything at once on the same features."""
    return {
        "joint ridge, same features": 100 * joint_accuracy(JointRidge(), train, test),
        "nearest class mean": 100 * joint_accuracy(NearestClassMean(), train, test),
    }


def one_seed(
    seed: int, classes: tuple[str, ...], train: Labelled, test: Labelled
) -> dict[str, Any]:
    """Teach 81 classes in 9 phases for one seed; return its figures in percent.

    Parameters
    ----------
    seed : int
        Decides the order of the classes, and what the learner draws.
    classes : tuple of str
        In their natural order.
    train, test : Labelled
        What is taught, and what is shown.
    """
    from cil_nodes.learners import registry

    phases = split_phases(classes, CONFIGURATION["phases"], seed=seed)
    learner = registry.create(CONFIGURATION["method"], random_state=seed)
    rows = run_phases(learner, phases, train, test)
    summary = summarise(RunRecord("", CONFIGURATION["method"], seed, phases, tuple(rows)))
    return {
        "figures": {k: v for k, v in percent_figures(summary).items() if np.isfinite(v)},
        "curve": [100 * value for value in summary.seen_accuracy],
    }


def _splits() -> tuple[Labelled, Labelled, tuple[str, ...]]:
    (train, taught), (test, _) = (features_of(DATASET, split) for split in ("train", "test"))
    return train, test, taught.classes


def references_part() -> dict[str, Any]:
    """Read the cached features and measure the joint peers on them."""
    train, test, _ = _splits()
    return joint_references(train, test)


def seed_part(seed: int) -> dict[str, Any]:
    """Read the cached features and run one seed on them."""
    train, test, classes = _splits()
    return one_seed(seed, classes, train, test)


def plan(context: Context) -> list[Work]:
    """List the parts: the joint peers, then one a seed."""
    from cil_nodes.datasets import open_dataset

    hashes = [open_dataset(DATASET, split).data_hash for split in ("train", "test")]
    base = {**CONFIGURATION, "data": hashes}
    seeds = [Work({**base, "seed": n}, partial(seed_part, n), "seeds") for n in context.seeds]
    return [Work({**base, "references": True}, references_part, "joint peers"), *seeds]


@bench(
    "demo-grocery",
    "Grocery photographs: 81 classes in 9 phases by seed, the official training split taught, the "
    "official test split shown.",
    minutes=6,
    seeds=5,
    budgets={"joint peers": 0.5, "seeds": 5.5},
    plan=plan,
)
def demo_grocery(context: Context) -> BenchResult:
    """Run all seeds and average, beside the joint peers."""
    context.progress(0.0, "features")
    _splits()  # Computed here once where they are missing, and not by every worker.
    references, *outcomes = context.parts(plan(context))
    return _result(outcomes, references)


def _result(outcomes: list[dict[str, Any]], references: dict[str, float]) -> BenchResult:
    def values(name: str) -> list[float]:
        return [outcome["figures"][name] for outcome in outcomes]

    final = measured(
        "demo.grocery.final_accuracy",
        values("final_accuracy"),
        unit="%",
        goal=">= joint ridge",
        reference=references,
        note=NOTE,
    )
    others = [
        measured(f"demo.grocery.{name}", values(name), unit="%", better="lower", note=note)
        for name, note in OTHERS.items()
    ]
    curves = {"all taught so far": [outcome["curve"] for outcome in outcomes]}
    details = {"curves": curves, "seeds": outcomes}
    return BenchResult((final, *others), CONFIGURATION, details)
