"""What lets ORACIL learners exchange what they were taught; a part of the estimator."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from cil_nodes.learners.base import IncrementalLearner, Knowledge
from cil_nodes.learners.calibration import THRESHOLD
from cil_nodes.learners.ledger import Ledger, resolve_seed
from cil_nodes.learners.merging import CannotMergeError
from cil_nodes.learners.oracil import merging
from cil_nodes.learners.oracil.model import Model, Origins
from cil_nodes.learners.phase import Phase, ProgressCallback, StopRequest


class Mergeable:
    """Adds `merge`, `origin` and `set_origin` to `Oracil`."""

    if TYPE_CHECKING:
        method: ClassVar[str]
        reservoir: int
        ridge: Any
        random_state: Any
        n_features_in_: int
        state_: Knowledge
        _built: Any
        _check_parameters: Any
        _grouping: Any
        _learning_state: Any
        _nothing: Any

    def merge(
        self,
        other: IncrementalLearner,
        progress: ProgressCallback | None = None,
        should_stop: StopRequest | None = None,
    ) -> Mergeable:
        """Add what another learner was taught; equal to having seen its samples, to rounding.

        Of classes that both know, samples add up; new ones are appended, sorted. What either was
        taught stays apart by `origin`: merging a learner again replaces its share, and a share that
        comes by way of a third learner counts once. A second merge of the same state changes
        nothing.

        Parameters
        ----------
        other : Oracil
            With statistics, of the same features and projection; it stays as it is.
        progress, should_stop
            As in `learn_phase`.

        Raises
        ------
        CannotMergeError
            Where the two do not fit together.
        PhaseStopped
            When ``should_stop`` said so; the learner is as it was before.
        """
        self._check_parameters()
        phase = Phase(progress, should_stop)
        phase.report(0.0, "adding sums")
        theirs = _knowledge_of(self.method, other)
        known = self._learning_state() if "state_" in vars(self) else self._untaught(other)
        merging.refuse_unlike(known.model.statistics, theirs.model.statistics)
        found = merging.merged(
            known.model, known.ledger, theirs.model, theirs.ledger, self._merging_rule()
        )
        if found is None:
            return self
        learned = self._built(found.statistics, found.ledger, found.origins, phase.part(0.5, 1.0))
        self.n_features_in_ = other.n_features_in_
        self.state_ = Knowledge(found.ledger, learned.model, learned.threshold, learned.calibrated)
        phase.report(1.0, "done")
        return self

    def _merging_rule(self) -> merging.Rule:
        return merging.Rule(self.reservoir, self._grouping(), self.ridge == "auto")

    def _untaught(self, other: IncrementalLearner) -> Knowledge:
        """Return the state of a learner that knows nothing yet."""
        ledger = Ledger.empty(resolve_seed(self.random_state), other.classes_)
        nothing = self._nothing(ledger, np.zeros((0, other.n_features_in_), np.float32))
        model = Model(None, nothing, Origins(self._name(None)))
        return Knowledge(ledger, model, THRESHOLD, False)

    @property
    def origin(self) -> str:
        """To whom belongs what this learner is taught; empty before its first lesson."""
        return self._name(vars(self).get("state_"))

    def _name(self, known: Knowledge | None) -> str:
        """Return the origin's name; empty where there is none yet."""
        return str(known.model.origins.name if known else vars(self).get("_origin", ""))

    def set_origin(self, name: str) -> Mergeable:
        """Name the learner that is taught from now on; what it knows stays with who taught it.

        A learner that is not named is known by what it saw first. Copies of one file that are
        taught on apart need a name each before they can be merged.
        """
        if not name:
            raise ValueError("An origin needs a name; got an empty one.")
        self._origin = name
        if "state_" in vars(self):
            known = self._learning_state()
            origins = merging.renamed(known.model, known.ledger, name)
            self.state_ = replace(known, model=replace(known.model, origins=origins))
        return self


def _knowledge_of(method: str, other: IncrementalLearner) -> Knowledge:
    """Return what another learner knows, with its sums.

    Raises
    ------
    CannotMergeError
        Where it is of another method, untaught, or without statistics.
    """
    if other.method != method:
        raise CannotMergeError(
            f"This learner is {method!r}, the other {other.method!r}; only learners of one method "
            "can be merged.",
            "method",
        )
    if "state_" not in vars(other):
        raise CannotMergeError("The other learner was taught nothing yet.", "statistics")
    if not other.can_learn:
        raise CannotMergeError(
            "The other learner was saved without statistics: it can answer, not be merged. Save it "
            "again with its statistics.",
            "statistics",
        )
    return other.state_
