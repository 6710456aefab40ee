"""The demo on the simulated turntable, offline: 16 objects taught in three phases, 8 never."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from cil_nodes.evaluation.bench.records import Record, measured
from cil_nodes.evaluation.bench.registry import bench
from cil_nodes.evaluation.bench.runner import Arrays, BenchResult, Context
from cil_nodes.evaluation.protocols import Labelled, ObjectPlan, plan_objects, run_phases
from cil_nodes.evaluation.run_record import RunRecord
from cil_nodes.evaluation.run_summary import percent_figures, summarise

DRAWN: dict[str, Any] = {"views": 20, "encoder": "efficientnet_lite0", "picture": "320x240"}
CONFIGURATION: dict[str, Any] = {
    **DRAWN,
    "taught": 16,
    "never": 8,
    "phases": 3,
    "method": "oracil",
}
# Which things the 24 are drawn from, by the beginning of the ids.
VARIANTS = {"demo.sim": "distinct", "demo.sim.all_things": "all"}
GOALS = {"final_accuracy": ">= 97", "false_unknown_rate": "< 5", "unknown_caught_rate": ">= 90"}
FIGURES = (*GOALS, "forgetting", "unknown_auroc")
LOWER = ("false_unknown_rate", "forgetting")
# What is known about figures that fall short, or that a reader would misread.
NOTES: dict[str, str] = {}


def draw_and_encode(seed: int, progress: Callable[[float, str], None]) -> Arrays:
    """Draw every view of everything there is and turn it into features.

    Parameters
    ----------
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

    turntable = Turntable(seed=seed)
    encoder = open_encoder(DRAWN["encoder"], threads=2)
    made: dict[str, list[np.ndarray]] = {"teach": [], "fresh": []}
    for number, label in enumerate(turntable.objects, start=1):
        for split, features in made.items():
            pictures = list(turntable.views(label, DRAWN["views"], split=split, seed=seed))
            features.append(encoder.encode(pictures))
        progress(number / len(turntable.objects), f"seed {seed}: drawing and encoding")
    return {
        "teach": np.stack(made["teach"]),
        "fresh": np.stack(made["fresh"]),
        "labels": np.array(turntable.objects),
    }


def labelled(features: np.ndarray, labels: np.ndarray) -> Labelled:
    """Flatten (objects, views, d) into one row a picture."""
    objects, views, dimension = features.shape
    return Labelled(features.reshape(objects * views, dimension), np.repeat(labels, views))


def one_seed(seed: int, arrays: Arrays, plan: ObjectPlan) -> dict[str, Any]:
    """Teach and show everything for one seed; return its figures in percent."""
    from cil_nodes.learners import registry

    learner = registry.create(CONFIGURATION["method"], random_state=seed)
    shown = [*(label for labels in plan.phases for label in labels), *plan.never]
    train = labelled(arrays["teach"], arrays["labels"]).of(shown)
    test = labelled(arrays["fresh"], arrays["labels"]).of(shown)
    rows = run_phases(learner, plan.phases, train, test)
    record = RunRecord("", CONFIGURATION["method"], seed, plan.phases, tuple(rows))
    summary = summarise(record)
    return {
        "figures": percent_figures(summary),
        "curve": [100 * value for value in summary.seen_accuracy],
        "phases": plan.phases,
        "never": plan.never,
    }


def plan_for(seed: int, things: str = "distinct") -> ObjectPlan:
    """Choose the objects of one seed; the demo's own run teaches those of its seed.

    Parameters
    ----------
    seed : int
        Chooses objects and order.
    things : {"distinct", "all"}
        Draw from the 24 things that look least alike, or from everything there is.
    """
    from cil_nodes.datasets.turntable import Turntable

    turntable = Turntable()
    return plan_objects(
        turntable.distinct_objects if things == "distinct" else turntable.objects, seed=seed
    )


def _one_seed_kept(context: Context, number: int, seed: int) -> dict[str, dict[str, Any]]:
    """Return the outcomes of both variants for one seed, from the cache where they are."""
    stage = context.stage(number, len(context.seeds))

    def compute(plan: ObjectPlan) -> dict[str, Any]:
        make = partial(draw_and_encode, seed, stage)
        code = ("encoders", "datasets/turntable")
        return one_seed(seed, context.arrays({**DRAWN, "seed": seed}, make, code), plan)

    outcomes = {}
    for start, things in VARIANTS.items():
        key = {**CONFIGURATION, "seed": seed, "things": things}
        outcomes[start] = context.part(key, partial(compute, plan_for(seed, things)))
    stage(1.0, f"seed {seed}: done")
    return outcomes


@bench(
    "demo-sim",
    "The simulated turntable offline: 16 things taught in three phases and 8 never, 20 views each; "
    "fresh views before unseen backdrops. The things are the 24 that look least alike; under "
    "`all_things` they are drawn from all 48, look-alikes among them.",
    minutes=8,
    seeds=5,
)
def demo_sim(context: Context) -> BenchResult:
    """Run all seeds and average."""
    seeds = [_one_seed_kept(context, n, seed) for n, seed in enumerate(context.seeds)]
    by_variant = {start: [outcomes[start] for outcomes in seeds] for start in VARIANTS}
    records = [record for start in VARIANTS for record in _records(start, by_variant[start])]
    curves = {
        f"{things} things": [outcome["curve"] for outcome in by_variant[start]]
        for start, things in VARIANTS.items()
    }
    return BenchResult(tuple(records), CONFIGURATION, {"curves": curves, "seeds": by_variant})


def _records(start: str, outcomes: list[dict[str, Any]]) -> list[Record]:
    records = []
    for name in FIGURES:
        values = [outcome["figures"][name] for outcome in outcomes]
        record = measured(
            f"{start}.{name}",
            values,
            unit="%",
            better="lower" if name in LOWER else "higher",
            goal=GOALS.get(name, "reported") if start == "demo.sim" else "reported",
            reference={"seed 0, the demo's own": round(values[0], 4)},
            note=NOTES.get(f"{start}.{name}", ""),
        )
        records.append(record)
    return records
