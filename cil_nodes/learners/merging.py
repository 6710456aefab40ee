"""Merging: what one learner was taught, added to what another was taught."""

from __future__ import annotations

import copy
from typing import Any

from cil_nodes.learners.base import IncrementalLearner, StopRequest


class CannotMergeError(ValueError):
    """Two learners do not fit together; the text names what differs, and both values.

    Attributes
    ----------
    what : {"method", "encoder", "projection", "origin", "statistics"}
        What keeps them apart.
    """

    def __init__(self, text: str, what: str) -> None:
        super().__init__(text)
        self.what = what


def merge(
    a: IncrementalLearner, b: IncrementalLearner, should_stop: StopRequest | None = None
) -> Any:
    """Return a learner that knows what both know; neither of the two is changed.

    Of a method whose state is sums this equals one learner that saw all samples, to rounding. The
    result goes on as ``a``: what it learns from now on is its own.

    Parameters
    ----------
    a, b : IncrementalLearner
        Of one method that can merge, with the same features and projection.
    should_stop : callable, optional
        As in `IncrementalLearner.learn_phase`.

    Raises
    ------
    CannotMergeError
        When they do not fit together.
    """
    if not hasattr(a, "merge"):
        raise CannotMergeError(f"Learners of the method {a.method!r} cannot be merged.", "method")
    joined: Any = copy.copy(a)  # a learner never changes its state in place
    joined.merge(b, should_stop=should_stop)
    return joined
