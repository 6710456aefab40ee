"""The demo on the simulated turntable, offline: 16 objects taught in three phases, 8 never."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from cil_nodes.evaluation import canonical
from cil_nodes.evaluation.bench.records import measured
from cil_nodes.evaluation.bench.registry import bench
from cil_nodes.evaluation.bench.runner import Arrays, BenchResult, Context
from cil_nodes.evaluation.protocols import Labelled, ObjectPlan, plan_objects, run_phases
from cil_nodes.evaluation.run_record import RunRecord
from cil_nodes.evaluation.run_summary import percent_figures, summarise

CONFIGURATION: dict[str, Any] = {
    "taught": 16,
    "never": 8,
    "phases": 3,
    "views": 20,
    "encoder": "efficientnet_lite0",
    "method": "oracil",
    "picture": "320x240",
}
GOALS = {"final_accuracy": ">= 97", "false_unknown_rate": "< 5", "unknown_caught_rate": ">= 90"}
FIGURES = (*GOALS, "forgetting", "unknown_auroc")
LOWER = ("false_unknown_rate", "forgetting")
# What is known about figures that fall short, or that a reader would misread.
NOTES: dict[str, str] = {}


def draw_and_encode(plan: ObjectPlan, seed: int, progress: Callable[[float, str], None]) -> Arrays:
    """Draw every view and turn it into features.

    Parameters
    ----------
    plan : ObjectPlan
        Objects taught and never taught.
    seed : int
        Seed of the turntable and of the views.
    progress : callable
        Called with fraction and words.

    Returns
    -------
    dict
        ``teach`` and ``fresh``: features (objects, views, d); ``labels``: names of the objects.
    """
    from cil_nodes.datasets.turntable import Turntable
    from cil_nodes.encoders import open_encoder

    views = CONFIGURATION["views"]
    turntable = Turntable(seed=seed)
    encoder = open_encoder(CONFIGURATION["encoder"], threads=2)
    objects = [*(label for labels in plan.phases for label in labels), *plan.never]
    made: dict[str, list[np.ndarray]] = {"teach": [], "fresh": []}
    for number, label in enumerate(objects):
        for split, features in made.items():
            pictures = list(turntable.views(label, views, split=split, seed=seed))
            features.append(encoder.encode(pictures))
        progress((number + 1) / len(objects), f"seed {seed}: drawing and encoding")
    return {
        "teach": np.stack(made["teach"]),
        "fresh": np.stack(made["fresh"]),
        "labels": np.array(objects),
    }


def labelled(features: np.ndarray, labels: np.ndarray) -> Labelled:
    """Flatten (objects, views, d) into one row a picture."""
    objects, views, dimension = features.shape
    return Labelled(features.reshape(objects * views, dimension), np.repeat(labels, views))


def one_seed(seed: int, arrays: Arrays, plan: ObjectPlan) -> dict[str, Any]:
    """Teach and show everything for one seed; return its figures in percent."""
    from cil_nodes.learners import registry

    learner = registry.create(CONFIGURATION["method"], random_state=seed)
    train = labelled(arrays["teach"], arrays["labels"])
    test = labelled(arrays["fresh"], arrays["labels"])
    rows = run_phases(learner, plan.phases, train, test)
    record = RunRecord("", CONFIGURATION["method"], seed, plan.phases, tuple(rows))
    summary = summarise(record)
    return {
        "figures": percent_figures(summary),
        "curve": [100 * value for value in summary.seen_accuracy],
        "phases": plan.phases,
        "never": plan.never,
    }


def _computed(
    context: Context, key: dict[str, Any], plan: ObjectPlan, stage: Callable[[float, str], None]
) -> dict[str, Any]:
    seed = key["seed"]
    drawn = {**key, "plan": canonical.plain(plan)}
    make = partial(draw_and_encode, plan, seed, stage)
    arrays = context.arrays(drawn, make, code=("encoders", "datasets/turntable"))
    return one_seed(seed, arrays, plan)


@bench(
    "demo-sim",
    "The simulated turntable offline: 16 objects taught in three phases and 8 never, 20 views "
    "each; fresh views before unseen backdrops.",
    minutes=5,
    seeds=5,
)
def demo_sim(context: Context) -> BenchResult:
    """Run all seeds and average."""
    from cil_nodes.datasets.turntable import Turntable

    outcomes = []
    for number, seed in enumerate(context.seeds):
        key = {**CONFIGURATION, "seed": seed}
        plan = plan_objects(Turntable().distinct_objects, seed=seed)
        stage = context.stage(number, len(context.seeds))

        outcomes.append(context.part(key, partial(_computed, context, key, plan, stage)))
        stage(1.0, f"seed {seed}: done")
    return _result(outcomes)


def _result(outcomes: list[dict[str, Any]]) -> BenchResult:
    records = []
    for name in FIGURES:
        values = [outcome["figures"][name] for outcome in outcomes]
        record = measured(
            f"demo.sim.{name}",
            values,
            unit="%",
            better="lower" if name in LOWER else "higher",
            goal=GOALS.get(name, "reported"),
            reference={"seed 0, the demo's own": round(values[0], 4)},
            note=NOTES.get(name, ""),
        )
        records.append(record)
    curves = {"all taught so far": [outcome["curve"] for outcome in outcomes]}
    return BenchResult(tuple(records), CONFIGURATION, {"curves": curves, "seeds": outcomes})
