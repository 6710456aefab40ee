"""A hard memory budget: the largest learner that stays within it to the end of a stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from cil_nodes.evaluation.protocols.running import OverBudgetError, StepOutcome, run_stream
from cil_nodes.evaluation.protocols.streams import Stream
from cil_nodes.learners.base import IncrementalLearner

ROBOT_BYTES = 64_000_000
"""64 MB: what a small robot spares for all that learning on needs."""

Size = TypeVar("Size")


def largest_within(
    sizes: Sequence[Size],
    make: Callable[[Size], IncrementalLearner],
    stream: Callable[[], Stream],
    limit: int = ROBOT_BYTES,
) -> tuple[Size, list[StepOutcome]]:
    """Run a stream with the largest learner that holds at most ``limit`` bytes after every step.

    The learner's memory is what :meth:`IncrementalLearner.memory_bytes` says: its model and all
    statistics and examples that learning on needs.

    Parameters
    ----------
    sizes : sequence
        From the largest to the smallest, such as numbers of random features or of examples kept.
    make : callable
        Makes a new learner of a size.
    stream : callable
        Begins the stream anew.
    limit : int
        Bytes.

    Returns
    -------
    tuple
        The size, and the outcome of each step.

    Raises
    ------
    OverBudgetError
        When not even the smallest stays within; its message is that of the smallest.
    """
    trouble: OverBudgetError | None = None
    for size in sizes:
        try:
            return size, run_stream(make(size), stream(), memory_limit=limit)
        except OverBudgetError as error:
            trouble = error
    raise trouble or ValueError("sizes is empty: name at least one.")
