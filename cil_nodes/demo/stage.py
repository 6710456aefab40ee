"""What the teacher has to show, how much of it, and what of it is taught when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cil_nodes.evaluation.protocols import ObjectPlan, plan_objects, split_phases

VIEWS = 20
"""Views of an object shown to teach it, and to test it after the last phase."""

VIEWS_BETWEEN = 10
"""Fresh views of an object after an earlier phase."""

PHOTOGRAPHS_BETWEEN = 5
"""Test photographs of a class after an earlier phase; after the last, all are shown."""


@dataclass(frozen=True)
class Stage:
    """A source of pictures that shows an object when asked to, and the plan for it.

    Attributes
    ----------
    source : str
        The camera's parameter ``source``.
    plan : ObjectPlan
        What is taught in which phase, and what never.
    between : int
        Most fresh pictures of an object after a phase that is not the last.
    to_teach, to_test : mapping of str to int
        Pictures shown of an object to teach it, and to test it after the last phase.
    """

    source: str
    plan: ObjectPlan
    between: int
    to_teach: Mapping[str, int] = field(repr=False)
    to_test: Mapping[str, int] = field(repr=False)

    @property
    def taught(self) -> tuple[str, ...]:
        """Everything that is ever taught, in order."""
        return self.taught_after(len(self.plan.phases))

    @property
    def objects(self) -> tuple[str, ...]:
        """Everything that is shown."""
        return self.taught + self.plan.never

    @property
    def pastime(self) -> str:
        """What to show while nothing is taught or tested: the empty table, or the first object."""
        return "" if self.source == "sim" else self.taught[0]

    def taught_after(self, phase: int) -> tuple[str, ...]:
        """Labels taught in the first ``phase`` phases."""
        return tuple(label for labels in self.plan.phases[:phase] for label in labels)

    def is_last(self, phase: int) -> bool:
        """Whether no phase follows."""
        return phase == len(self.plan.phases)

    def tested_after(self, phase: int) -> dict[str, int]:
        """Fresh pictures to show of each object after a phase; what is never taught comes last."""
        if self.is_last(phase):
            return {label: self.to_test[label] for label in self.objects}
        return {label: min(self.between, self.to_test[label]) for label in self.taught_after(phase)}


def turntable_stage(seed: int) -> Stage:
    """Plan for the simulated turntable: 16 objects taught in three phases, 8 never."""
    from cil_nodes.datasets.turntable import Turntable

    plan = plan_objects(Turntable().distinct_objects, seed=seed)
    views = dict.fromkeys((*(o for labels in plan.phases for o in labels), *plan.never), VIEWS)
    return Stage("sim", plan, VIEWS_BETWEEN, views, views)


def grocery_stage(seed: int, data: Path | None) -> Stage:
    """Plan for the grocery photographs: 81 classes in 9 phases, official splits.

    Raises
    ------
    DatasetMissingError
        When the data is not there; it says what to get and where to put it.
    """
    from cil_nodes.datasets import open_dataset

    train = open_dataset("grocery", "train", data_dir=data)
    test = open_dataset("grocery", "test", data_dir=data)
    plan = ObjectPlan(split_phases(train.classes, 9, seed=seed), ())
    return Stage(
        "dataset:grocery",
        plan,
        PHOTOGRAPHS_BETWEEN,
        Counter(train.labels),
        Counter(test.labels),
    )
