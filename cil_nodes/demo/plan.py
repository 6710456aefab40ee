"""What the scripted teacher shows and teaches, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Plan:
    """One run of the teacher.

    Attributes
    ----------
    phases : tuple of tuple of str
        Labels taught in each phase, in the order shown.
    untaught : tuple of str
        Objects shown in tests and never taught.
    views_to_teach : int
        Views shown of an object to teach it; 0 for all that there are.
    views_to_test : int
        Fresh views shown of an object after the last phase; 0 for all that there are.
    views_between : int
        Fresh views of an object after each earlier phase.
    """

    phases: tuple[tuple[str, ...], ...]
    untaught: tuple[str, ...]
    views_to_teach: int = 20
    views_to_test: int = 20
    views_between: int = 10

    def taught_after(self, phase: int) -> tuple[str, ...]:
        """Labels taught in the first ``phase`` phases."""
        return tuple(label for labels in self.phases[:phase] for label in labels)

    def taught_later(self, phase: int) -> tuple[str, ...]:
        """Labels that only later phases teach."""
        return tuple(label for labels in self.phases[phase:] for label in labels)


def draw_plan(
    objects: Sequence[str],
    seed: int,
    *,
    phases: int,
    taught: int | None = None,
    views_to_teach: int = 20,
    views_to_test: int = 20,
    views_between: int = 10,
) -> Plan:
    """Deal the objects out over phases, by seed.

    Parameters
    ----------
    objects : sequence of str
        All there is to show.
    seed : int
        Draws which objects are taught and in which order.
    phases : int
        Number of phases; their sizes differ by at most one, the larger ones first.
    taught : int, optional
        How many objects are taught (default: all); the rest is never taught.
    views_to_teach, views_to_test, views_between : int
        See :class:`Plan`.

    Raises
    ------
    ValueError
        When there are too few objects to teach ``taught`` of them in ``phases`` phases.
    """
    taught = len(objects) if taught is None else taught
    if not 0 < phases <= taught <= len(objects):
        raise ValueError(
            f"Cannot teach {taught} of {len(objects)} objects in {phases} phases: "
            "ask for fewer phases, or fewer objects taught."
        )
    order = [objects[i] for i in np.random.default_rng(seed).permutation(len(objects))]
    dealt = np.array_split(np.arange(taught), phases)
    return Plan(
        phases=tuple(tuple(order[i] for i in part) for part in dealt),
        untaught=tuple(order[taught:]),
        views_to_teach=views_to_teach,
        views_to_test=views_to_test,
        views_between=views_between,
    )
