"""Which runs the RR+RA benchmark makes, and where to find them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation import peers
from cil_nodes.evaluation.bench.context import Context, Work
from cil_nodes.evaluation.bench.repulsion_lines import Run, pictures
from cil_nodes.evaluation.bench.repulsion_settings import PHASES, VALIDATION_ORDER
from cil_nodes.evaluation.protocols import split_phases

LITE = "efficientnet_lite0"
MAIN = ("bir", "bir_si", "f10", "f20")
"""Lines that are run in every class order."""
OTHERS = ("rr", "ra", "confidence", "f5", "f50", "f100", "nof")
"""Lines that are run in the first order only, but for RR and RA alone."""
OWN = ("rr", "ra", "confidence")
"""Those of them that no record stands for: the paper has none such."""
FRAME = {"streaming LDA": "StreamingLDA", "joint ridge": "JointRidge"}
"""Peers on the same features."""

STRENGTHS = (1e1, 1e2, 1e4)
"""Synaptic intelligence, tried on the validation order."""
WEIGHTS = (0.1, 0.5, 2.0)
"""lambda of RR and RA together, tried on the validation order."""
FORMS = ("reciprocal", "negative")
SWEEP_ITERATIONS = 100
STEPS = (30, 200)
"""Iterations a phase of the curve, beside those of the size."""


@dataclass(frozen=True)
class Plan:
    """The runs.

    Attributes
    ----------
    orders : tuple of int
        Seeds of class orders.
    size : {"scaled", "full"}
    left_out : tuple of str
        Tables, lines and peers that are not run.
    """

    orders: tuple[int, ...]
    size: str = "scaled"
    left_out: tuple[str, ...] = ()

    def runs(self) -> list[tuple[str, Run]]:
        """Return table and run of each, the most wanted first."""
        every = self._scaled() if self.size == "scaled" else self._full()
        return [(table, run) for table, run in every if not {table, run.line} & set(self.left_out)]

    def _full(self) -> Iterator[tuple[str, Run]]:
        for order in self.orders[:3]:
            for line in ("bir", "bir_si", "f20"):
                yield "full size", Run(line, order, "full")

    def _scaled(self) -> Iterator[tuple[str, Run]]:
        yield from (("settings", run) for run in self.settings)
        for order in self.orders:
            for line in ("bir_si", "f20", "bir", "f10"):
                yield "lines", Run(line, order)
        yield "joint", Run("joint", self.orders[0])
        yield from (("iterations", run) for run in self.steps)
        for line in ("bir_si", "f20"):
            yield "extractor's features", Run(line, self.orders[0], features=LITE)
        for order in self.orders[:1]:
            for line in OTHERS:
                yield "other factors", Run(line, order)
        for order in self.orders[1:]:
            for line in ("rr", "ra"):
                yield "other factors", Run(line, order)

    @cached_property
    def settings(self) -> tuple[Run, ...]:
        """Runs on the validation order, one setting changed at a time."""
        short = {"iterations": SWEEP_ITERATIONS}
        base = Run("bir_si", VALIDATION_ORDER, split="validation")
        held = [replace(base, changes={**short, "si_strength": c}) for c in STRENGTHS]
        pushed = [
            replace(
                base,
                line="f20",
                changes={
                    **short,
                    "repulsion": form,
                    "repulsion_weight": weight,
                    "attraction_weight": weight,
                },
            )
            for form in FORMS
            for weight in WEIGHTS
        ]
        return (*held, *pushed)

    @cached_property
    def steps(self) -> tuple[Run, ...]:
        """Runs of fewer iterations, for the curve (Figure 3)."""
        return tuple(
            Run(line, self.orders[0], changes={"iterations": steps})
            for steps in STEPS
            for line in ("bir_si", "f20")
        )

    def frame(self) -> list[tuple[str, str]]:
        """Return the peers that are run: name and features."""
        every = [(name, features) for features in ("internal", LITE) for name in FRAME]
        return [each for each in every if each[0] not in self.left_out]


class Found:
    """Finished runs.

    Parameters
    ----------
    plan : Plan
    context : Context
        Makes what is missing.
    span : tuple of float
        Where the progress bar stands before and after.
    """

    def __init__(self, plan: Plan, context: Context, span: tuple[float, float]) -> None:
        self.plan = plan
        runs = plan.runs()
        results = context.parts([run.work(table) for table, run in runs], "runs", span)
        self._runs = [(run, result) for (_, run), result in zip(runs, results, strict=True)]

    def of(self, line: str, **where: Any) -> list[tuple[Run, dict[str, Any]]]:
        """Return runs of a line without changes, by order; ``where`` names other attributes."""
        wanted = {"features": "internal", "split": "test", "changes": {}, **where, "line": line}
        return [
            (run, result)
            for run, result in self._runs
            if all(getattr(run, name) == value for name, value in wanted.items())
        ]

    def exactly(self, run: Run) -> dict[str, Any] | None:
        """Return one run, or None where it was left out."""
        return next((result for other, result in self._runs if other == run), None)


def frame_work(name: str, features: str, order: int) -> Work:
    """Return a peer on the same features as a part of the benchmark."""
    key = {"peer": name, "features": features, "order": order}
    data = Run("bir", order, features=features).work().key["data"]
    code = ("evaluation/peers", "evaluation/bench/repulsion_lines.py")
    return Work({**key, "data": data}, partial(_frame, name, features, order), "frame", code)


def _frame(name: str, features: str, order: int) -> dict[str, Any]:
    """Teach a peer in phases; returns the accuracy of each class in the order taught."""
    train, shown, classes = pictures(features, "test")
    learner = getattr(peers, FRAME[name])()
    phases = split_phases(classes, PHASES, order)
    for names in phases:
        lesson = train.of(names)
        learner.partial_fit(lesson.features, lesson.labels)
    right = learner.predict(shown.features) == shown.labels
    ordered = [label for names in phases for label in names]
    return {"classes": [100 * float(right[shown.labels == label].mean()) for label in ordered]}


def parts(by_class: Sequence[float] | NDArray[np.float64]) -> dict[str, float]:
    """Return mean accuracy over all classes, the first half and the first fifth taught."""
    values = np.asarray(by_class, dtype=np.float64)
    n = len(values)
    return {
        "overall": float(values.mean()),
        "first50": float(values[: n // 2].mean()),
        "first20": float(values[: n // 5].mean()),
    }
