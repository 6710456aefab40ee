"""A fleet of four learners, merged, beside one that saw everything."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.bench.context import Context, Work
from cil_nodes.evaluation.bench.features import features_of
from cil_nodes.evaluation.bench.records import Record
from cil_nodes.evaluation.bench.registry import bench
from cil_nodes.evaluation.bench.runner import BenchResult
from cil_nodes.evaluation.bench.tables import Cell, Table
from cil_nodes.evaluation.protocols import Labelled, class_order
from cil_nodes.learners import Oracil, merge

ROBOTS = 4
IMAGES = 100
"""Training images of each class: so many fit into one learner's first M rows, and four do not."""

MINUTES = 4.0
CONFIGURATION: dict[str, Any] = {
    "data": f"cifar100, {IMAGES} training images a class, official test set",
    "encoder": "efficientnet_lite0",
    "learner": "oracil, default",
    "robots": ROBOTS,
}
SPLITS = ("classes", "samples")


def shares(data: Labelled, split: str, robots: int = ROBOTS) -> list[NDArray[np.int64]]:
    """Return each robot's rows.

    Parameters
    ----------
    data : Labelled
        What there is to learn.
    split : {"classes", "samples"}
        Whether a robot sees some of the classes, or some samples of every class.
    robots : int
        How many there are.
    """
    names = sorted(set(data.labels.tolist()))
    if split == "classes":
        order = np.array(class_order(names))
        return [np.flatnonzero(np.isin(data.labels, own)) for own in np.array_split(order, robots)]
    owner = np.empty(len(data.labels), dtype=np.int64)
    for name in names:
        rows = np.flatnonzero(data.labels == name)
        owner[rows] = np.arange(len(rows)) % robots
    return [np.flatnonzero(owner == robot) for robot in range(robots)]


def first_images(data: Labelled, images: int) -> Labelled:
    """Return the first images of each class."""
    rows = [np.flatnonzero(data.labels == name)[:images] for name in sorted(set(data.labels))]
    kept = np.sort(np.concatenate(rows))
    return Labelled(data.features[kept], data.labels[kept])


def difference(fleet: Oracil, single: Oracil) -> float:
    """Return the largest difference of heads, prototypes and class covariances.

    Each is measured against the largest entry of the single learner's own.
    """
    at = {label: i for i, label in enumerate(fleet.classes_.tolist())}
    order = [at[label] for label in single.classes_.tolist()]
    a, b = (one.state_.model.statistics for one in (fleet, single))
    pairs = [
        (a.weights()[:, order], b.weights()),
        (a.sums.means[order], b.sums.means),
        (np.stack(a.second.scatters)[order], np.stack(b.second.scatters)),
    ]
    return max(float(np.abs(one - two).max() / np.abs(two).max()) for one, two in pairs)


def compare(train: Labelled, test: Labelled, split: str) -> dict[str, float]:
    """Merge a fleet and teach a single learner; accuracies in percent."""
    robots = [Oracil().fit(train.features[own], train.labels[own]) for own in shares(train, split)]
    alone = [100 * float(robot.score(test.features, test.labels)) for robot in robots]
    fleet = reduce(merge, robots)
    single = Oracil().fit(train.features, train.labels)
    told = [one.predict(test.features) for one in (fleet, single)]
    fleet_right, single_right = (float(100 * np.mean(said == test.labels)) for said in told)
    return {
        "max_difference": difference(fleet, single),
        "fleet_accuracy": fleet_right,
        "single_accuracy": single_right,
        "agreement": float(100 * np.mean(told[0] == told[1])),
        "best_alone": max(alone),
    }


def measure(split: str) -> dict[str, float]:
    """Compare on CIFAR-100."""
    train = first_images(features_of("cifar100", "train")[0], IMAGES)
    return compare(train, features_of("cifar100", "test")[0], split)


def works(_: Context) -> Sequence[Work]:
    """List the parts."""
    return [
        Work({**CONFIGURATION, "split": split}, partial(measure, split), "fleet")
        for split in SPLITS
    ]


@bench(
    "oracil-merge",
    "Four ORACIL learners that each saw a quarter of CIFAR-100, merged, beside one that saw all.",
    minutes=MINUTES,
    budgets={"fleet": MINUTES},
    plan=works,
)
def oracil_merge(context: Context) -> BenchResult:
    """Compare for a fleet split by classes, and one split by samples."""
    found = dict(zip(SPLITS, context.parts(works(context), "fleets"), strict=True))
    context.progress(1.0, "done")
    return BenchResult(records(found), CONFIGURATION, details=found, tables=(_table(found),))


def records(found: dict[str, dict[str, float]]) -> tuple[Record, ...]:
    """Return the figures: the larger difference of both splits, accuracies of that by classes."""
    largest = max(one["max_difference"] for one in found.values())
    main = found["classes"]
    single = round(main["single_accuracy"], 4)
    return (
        Record(
            "oracil.merge.max_difference",
            float(f"{largest:.3g}"),
            better="lower",
            goal="< 0.000001",
            note="Largest difference of heads, prototypes and class covariances, against the "
            "largest entry of the learner that saw everything; fleets by classes and by samples.",
        ),
        Record(
            "oracil.merge.fleet_accuracy",
            round(main["fleet_accuracy"], 4),
            unit="%",
            reference={"one learner that saw everything": single},
            note=f"Each of {ROBOTS} saw a quarter of the classes; the same answer as the single "
            f"learner to {main['agreement']:.2f} % of the test pictures. Temperatures and the "
            "threshold are fitted on kept samples, drawn anew in either.",
        ),
        Record("oracil.merge.single_accuracy", single, unit="%"),
    )


def _table(found: dict[str, dict[str, float]]) -> Table:
    columns = ("split by", "fleet, %", "single, %", "best robot alone, %", "same answer, %", "diff")
    names = ("fleet_accuracy", "single_accuracy", "best_alone", "agreement", "max_difference")
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (split, *(one[name] for name in names)) for split, one in found.items()
    )
    note = "diff: largest difference of what is learned, relative; float64 sums, float32 features."
    return Table("A fleet of four beside one that saw everything", columns, rows, MINUTES, note)
