"""What the teacher has to show, and how much of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from cil_nodes.demo.plan import Plan


@dataclass(frozen=True)
class Stage:
    """A source of pictures that shows an object when asked to.

    Attributes
    ----------
    source : str
        The camera's parameter ``source``.
    objects : tuple of str
        What it can show.
    to_teach, to_test : mapping of str to int
        Pictures that there are of each object; empty where there is no end of them.
    """

    source: str
    objects: tuple[str, ...]
    to_teach: Mapping[str, int] = field(default_factory=dict)
    to_test: Mapping[str, int] = field(default_factory=dict)

    def views_to_teach(self, label: str, plan: Plan) -> int:
        """Views of ``label`` shown to teach it."""
        return _limited(plan.views_to_teach, self.to_teach.get(label))

    def views_to_test(self, label: str, plan: Plan, last: bool) -> int:
        """Fresh views of ``label`` shown in a test, after the last phase or an earlier one."""
        return _limited(plan.views_to_test if last else plan.views_between, self.to_test.get(label))


def _limited(wanted: int, there_are: int | None) -> int:
    if there_are is None:
        return wanted
    return min(wanted, there_are) if wanted else there_are


def turntable_stage(seed: int) -> Stage:
    """The simulated turntable: endless views of each object."""
    from cil_nodes.datasets.turntable import Turntable

    return Stage("sim", tuple(Turntable(seed=seed).objects))


def photograph_stage(name: str, data_dir: str | None) -> Stage:
    """Photographs of a data set: the train split taught, the test split shown.

    Raises
    ------
    DatasetMissingError
        When the data is not there; it says what to get and where to put it.
    """
    from cil_nodes.datasets import open_dataset

    train = open_dataset(name, "train", data_dir=data_dir)
    test = open_dataset(name, "test", data_dir=data_dir)
    return Stage(
        f"dataset:{name}",
        tuple(dict.fromkeys(train.labels)),
        Counter(train.labels),
        Counter(test.labels),
    )
