"""CLIFER's experiments on rendered faces: four conditions, two memories, trained and held-out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from cil_nodes.evaluation.bench import clifer_caae, clifer_step
from cil_nodes.evaluation.bench.clifer_caae import EXPRESSIONS
from cil_nodes.evaluation.bench.clifer_conditions import CONDITIONS, teach
from cil_nodes.evaluation.bench.clifer_records import records
from cil_nodes.evaluation.bench.clifer_tables import drawings, tables
from cil_nodes.evaluation.bench.context import Context, Work
from cil_nodes.evaluation.bench.registry import bench
from cil_nodes.evaluation.bench.runner import BenchResult

MAIN = tuple(range(len(EXPRESSIONS)))
"""Neutral, happy, surprised, angry, fearful, sad: the paper's main order."""

CODE = (
    "datasets/ict_faces.py",
    "evaluation/bench/clifer_caae.py",
    "evaluation/bench/clifer_conditions.py",
    "evaluation/metrics",
    "learners/clifer",
)
MINUTES = {"training": 60.0, "conditions": 15.0, "step": 0.2}
CONFIGURATION: dict[str, Any] = {
    "faces": "ICT-FaceKit renderings, six expressions, twelve views each",
    "auto-encoder": f"trained on {clifer_caae.TRAINERS} people; all others are tested",
    "taught": f"{clifer_caae.TAUGHT_VIEWS} views of each expression; the other four are held out",
    "memories": "the paper's settings (section IV-B), without limits of neurons",
}


def orders(seed: int) -> dict[str, list[tuple[int, ...]]]:
    """Return the class orders.

    Returns
    -------
    dict
        ``main``: the paper's. ``first``: one that starts with each class, the rest drawn.
        ``neutral``: five more that start with neutral.
    """
    rng = np.random.default_rng([seed, 6])

    def drawn(first: int) -> tuple[int, ...]:
        return (first, *rng.permutation([c for c in MAIN if c != first]).tolist())

    return {
        "main": [MAIN],
        "first": [drawn(c) for c in MAIN],
        "neutral": [drawn(0) for _ in range(5)],
    }


@lru_cache(maxsize=1)
def _prepared(key: tuple[tuple[str, Any], ...]) -> tuple[Any, dict[str, clifer_caae.Views]]:
    """Return imagination and views, once in each process."""
    chosen = dict(key)
    imagination = clifer_caae.trained(chosen)
    return imagination, clifer_caae.views_of(imagination, chosen)


def people(
    condition: str, order: Sequence[int], seed: int, chosen: Mapping[str, Any]
) -> dict[str, Any]:
    """Teach everybody's expressions in one order under one condition."""
    imagination, views = _prepared(tuple(sorted(chosen.items())))
    return {
        name: teach(condition, imagination, own, order, seed + number)
        for number, (name, own) in enumerate(views.items())
    }


def works(context: Context) -> Sequence[Work]:
    """List the parts: a condition, an order and a seed each."""
    chosen = clifer_caae.settings()
    return [
        Work(
            {**CONFIGURATION, **chosen, "condition": condition, "order": list(order), "seed": seed},
            partial(people, condition, order, seed, chosen),
            "conditions",
            CODE,
        )
        for seed in context.seeds
        for condition in CONDITIONS
        for several in orders(seed).values()
        for order in several
    ]


@bench(
    "clifer-faces",
    "CLIFER's four conditions on rendered faces: expressions of one person, class after class.",
    minutes=sum(MINUTES.values()),
    budgets=MINUTES,
    plan=works,
)
def clifer_faces(context: Context) -> BenchResult:
    """Train the auto-encoder where there is none yet, teach every condition, measure a step."""
    chosen = clifer_caae.settings()
    train = context.stage(0, 2)
    imagination = clifer_caae.trained(
        chosen, lambda epoch, _: train(epoch / chosen["epochs"], "training the auto-encoder")
    )
    results = iter(context.parts(works(context), "conditions", (0.5, 0.98)))
    found: dict[str, dict[str, list[dict[str, Any]]]] = {c: {} for c in CONDITIONS}
    for seed in context.seeds:
        for condition in CONDITIONS:
            for name, several in orders(seed).items():
                mine = found[condition].setdefault(name, [])
                mine += [next(results) for _ in several]
    steps = context.part({"figure": "step"}, clifer_step.measure, code=CODE[-1:])
    return BenchResult(
        records(found, steps),
        {**CONFIGURATION, **chosen},
        {"steps": steps, "orders": {k: list(map(list, v)) for k, v in orders(0).items()}},
        tables(found, MINUTES["conditions"]),
        drawings(found),
        {
            f"imagined-from-{source}": clifer_caae.sheet(imagination, chosen, source)
            for source in ("neutral", "surprised")
        },
    )
