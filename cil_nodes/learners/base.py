"""The contract that every learner keeps.

A learner is a scikit-learn classifier over feature vectors that is taught in phases. One call of
:meth:`IncrementalLearner.partial_fit` is one phase: new classes, more samples of old ones, or both.

All that was learned hangs on one reference, ``state_``, which is never changed in place: a phase
builds a new one beside it and swaps it in by one assignment. So other threads may predict while a
phase is learned, and a phase that stops or fails leaves nothing behind.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from cil_nodes.learners import persistence
from cil_nodes.learners.ledger import Ledger, resolve_seed
from cil_nodes.learners.outcomes import (
    Answers,
    CannotLearnError,
    PhaseReport,
    PhaseStopped,
    Reason,
    TornFileError,
    UnknownReason,
)
from cil_nodes.learners.phase import Phase, ProgressCallback, StopRequest

__all__ = [
    "Answers",
    "CannotLearnError",
    "IncrementalLearner",
    "Knowledge",
    "Learned",
    "Phase",
    "PhaseReport",
    "PhaseStopped",
    "ProgressCallback",
    "Reason",
    "Scores",
    "StopRequest",
    "TornFileError",
    "UnknownReason",
]


@dataclass(frozen=True)
class Learned:
    """What a subclass returns from `_learn` and `_forget`: its model and its threshold."""

    model: Any
    threshold: float
    calibrated: bool
    losses: tuple[float, ...] = ()
    notes: dict[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scores:
    """What a subclass returns from `_score`; fields as in `Answers`."""

    proba: np.ndarray
    unknown_score: np.ndarray
    reasons: Callable[[], list[UnknownReason]]


@dataclass(frozen=True)
class Knowledge:
    """All that was learned: the ledger, the method's model, the threshold for unknowns."""

    ledger: Ledger
    model: Any
    threshold: float
    calibrated: bool
    can_learn: bool = True


class IncrementalLearner(ClassifierMixin, BaseEstimator, ABC):
    """Base of all learners; a subclass writes only its mathematics.

    A subclass has hyper-parameters in ``__init__`` (which only assigns; ``random_state=0`` among
    them) and implements `_learn`, `_score`, `_forget`, `_pack` and `_unpack` as functions of a
    model that they never change.
    """

    method: ClassVar[str] = ""
    """The name under which the registry knows the method."""

    joins_exactly: ClassVar[bool] = False
    """True where learning more samples later equals learning them together."""

    trains_with_torch: ClassVar[bool] = False
    """True where learning, not answering, needs torch."""

    implied: ClassVar[dict[str, Any]] = {}
    """Parameters younger than the oldest readable file, as files without them mean them."""

    random_state: Any
    state_: Knowledge
    n_features_in_: int
    feature_names_in_: np.ndarray

    # ---- what a subclass writes --------------------------------------------------------------

    @abstractmethod
    def _learn(
        self,
        known: Knowledge | None,
        ledger: Ledger,
        X: np.ndarray,
        positions: np.ndarray,
        phase: Phase,
    ) -> Learned:
        """Learn one phase; ``ledger`` already holds its classes, ``positions`` index into it."""

    @abstractmethod
    def _score(self, known: Knowledge, X: np.ndarray) -> Scores:
        """Answer for X (n, d)."""

    @abstractmethod
    def _forget(
        self, known: Knowledge, ledger: Ledger, position: int, X: np.ndarray | None
    ) -> Learned:
        """Drop the class at ``position`` of ``known.ledger``; ``ledger`` is without it."""

    @abstractmethod
    def _pack(self, model: Any, statistics: bool) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return the model as named arrays and JSON values."""

    @abstractmethod
    def _unpack(
        self, tensors: dict[str, np.ndarray], values: dict[str, Any], ledger: Ledger
    ) -> Any:
        """Return the model that `_pack` took apart."""

    # ---- learning ----------------------------------------------------------------------------

    def fit(self, X: Any, y: Any) -> IncrementalLearner:
        """Forget everything and learn ``X`` (n, d), ``y`` (n,) as the first phase."""
        self._phase(X, y, Phase(), first=True)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Iterable[Any] | None = None) -> Any:
        """Learn one phase.

        Parameters
        ----------
        X : (n, d) array
            Feature vectors.
        y : (n,) array
            Labels: of new classes, of old ones, or both.
        classes : iterable, optional
            Only checked: a label outside of it raises ValueError.
        """
        if classes is not None:
            stray = set(np.asarray(y).ravel().tolist()) - set(np.asarray(classes).tolist())
            if stray:
                raise ValueError(f"y has labels that `classes` does not list: {sorted(stray)!r}.")
        self._phase(X, y, Phase(), first=not self.__sklearn_is_fitted__())
        return self

    def learn_phase(
        self,
        X: Any,
        y: Any,
        progress: ProgressCallback | None = None,
        should_stop: StopRequest | None = None,
    ) -> PhaseReport:
        """Learn one phase, with progress and cancellation; all of it or nothing.

        Parameters
        ----------
        X, y
            As in `partial_fit`.
        progress : callable, optional
            Called with (fraction in [0, 1], stage in words); the fraction never falls.
        should_stop : callable, optional
            Asked at least every 0.2 s, between steps; True ends the phase.

        Raises
        ------
        PhaseStopped
            When ``should_stop`` said so. The learner is as it was before.
        CannotLearnError
            When it was loaded from a file without statistics.
        """
        first = not self.__sklearn_is_fitted__()
        return self._phase(X, y, Phase(progress, should_stop), first=first)

    def _phase(self, X: Any, y: Any, phase: Phase, first: bool) -> PhaseReport:
        """Validate, learn beside the present state, swap."""
        began = time.perf_counter()
        probe = clone(self) if first else self
        X, y = validate_data(probe, X, y, reset=first, dtype=[np.float64, np.float32])
        check_classification_targets(y)
        known = None if first else self._learning_state()
        before = known.ledger if known else Ledger.empty(resolve_seed(self.random_state), y)
        ledger, positions, new = before.with_phase(y)
        phase.report(0.0, "preparing")
        learned = self._learn(known, ledger, X, positions, phase.part(0.0, 0.99))
        phase.report(1.0, "done")
        self._adopt(probe)
        self.state_ = Knowledge(ledger, learned.model, learned.threshold, learned.calibrated)
        seconds = time.perf_counter() - began
        return PhaseReport(len(y), tuple(new.tolist()), seconds, learned.losses, learned.notes)

    def _adopt(self, probe: IncrementalLearner) -> None:
        """Take over what scikit-learn noted about the input's columns."""
        if probe is self:
            return
        self.n_features_in_ = probe.n_features_in_
        if hasattr(probe, "feature_names_in_"):
            self.feature_names_in_ = probe.feature_names_in_
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _learning_state(self) -> Knowledge:
        """Return ``state_``, or raise where it cannot be built upon."""
        if not self.state_.can_learn:
            raise CannotLearnError(
                "This learner was loaded from a file without statistics: it can answer, not "
                "learn or forget. Load one saved with statistics=True, or rebuild it from the "
                "journal."
            )
        return self.state_

    def forget(self, label: Any, X: Any = None) -> IncrementalLearner:
        """Forget one class: column, prototype and what was kept of its samples.

        Parameters
        ----------
        label
            One of ``classes_``.
        X : (n, d) array, optional
            The features it was taught with. Where sums cannot be taken apart otherwise, they make
            the learner equal to one that never saw the class.
        """
        check_is_fitted(self)
        known = self._learning_state()
        position = int(known.ledger.positions(np.array([label]))[0])
        if position < 0:
            have = ", ".join(repr(c) for c in known.ledger.classes.tolist())
            raise ValueError(f"Cannot forget {label!r}: it was never taught. Known: {have}.")
        if X is not None:
            X = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        ledger = known.ledger.without(position)
        learned = self._forget(known, ledger, position, X)
        self.state_ = Knowledge(ledger, learned.model, learned.threshold, learned.calibrated)
        return self

    def consolidate(
        self, progress: ProgressCallback | None = None, should_stop: StopRequest | None = None
    ) -> dict[str, float]:
        """Do work that can wait until nobody waits, such as tuning; often nothing.

        Returns
        -------
        dict
            The tuned values, possibly none; `apply_tuning` sets them in a replay.
        """
        return {}

    def apply_tuning(self, values: dict[str, float]) -> None:
        """Set what `consolidate` found in an earlier run, without searching again."""
        if values:
            raise ValueError(f"{type(self).__name__} has nothing to tune, got {sorted(values)}.")

    # ---- answering ---------------------------------------------------------------------------

    def answer(self, X: Any) -> Answers:
        """Say all there is to say about ``X`` (n, d) at once, from one state."""
        check_is_fitted(self)
        known = self.state_
        if not len(known.ledger.classes):
            raise NotFittedError("Every class was forgotten; teach at least one first.")
        X = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        scores = self._score(known, X)
        ledger = known.ledger
        return Answers(
            ledger.classes,
            ledger.indices,
            scores.proba,
            scores.unknown_score,
            known.threshold,
            scores.reasons,
        )

    def predict(self, X: Any) -> np.ndarray:
        """Return (n,) labels: always known classes, see `is_unknown`."""
        return self.answer(X).labels

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return (n, C) probabilities in the order of ``classes_``."""
        return self.answer(X).proba

    def unknown_score(self, X: Any) -> np.ndarray:
        """Return (n,) scores in [0, 1]; larger is less known."""
        return self.answer(X).unknown_score

    def is_unknown(self, X: Any) -> np.ndarray:
        """Return (n,) bool: ``unknown_score(X) > unknown_threshold_``."""
        return self.answer(X).is_unknown

    def unknown_reason(self, X: Any) -> list[UnknownReason]:
        """Return one `UnknownReason` a sample, known or not."""
        return self.answer(X).reasons()

    # ---- what is known -----------------------------------------------------------------------

    def __sklearn_is_fitted__(self) -> bool:
        return "state_" in vars(self)

    def _state(self, name: str) -> Knowledge:
        """Return ``state_``; AttributeError for ``name`` before the first phase."""
        if "state_" not in vars(self):
            raise AttributeError(f"{type(self).__name__} has no {name} before its first phase.")
        return self.state_

    @property
    def classes_(self) -> np.ndarray:
        """(C,) labels in order of arrival."""
        return self._state("classes_").ledger.classes

    @property
    def class_index_(self) -> dict[Any, int]:
        """Label to number; numbers are never reused."""
        ledger = self._state("class_index_").ledger
        return dict(zip(ledger.classes.tolist(), ledger.indices.tolist(), strict=True))

    @property
    def class_count_(self) -> np.ndarray:
        """(C,) samples learned of each class."""
        return self._state("class_count_").ledger.counts

    @property
    def unknown_threshold_(self) -> float:
        """What ``unknown_score`` has to exceed to be called unknown."""
        return self._state("unknown_threshold_").threshold

    @property
    def unknown_calibrated_(self) -> bool:
        """False while too little was taught to set the threshold from it."""
        return self._state("unknown_calibrated_").calibrated

    @property
    def lessons_(self) -> int:
        """Phases learned."""
        return self._state("lessons_").ledger.lessons

    @property
    def can_learn(self) -> bool:
        """False when loaded from a file without statistics."""
        return "state_" not in vars(self) or self.state_.can_learn

    def memory_bytes(self) -> int:
        """Return the bytes of all arrays that were learned."""
        if "state_" not in vars(self):
            return 0
        tensors, _ = self._pack(self.state_.model, self.state_.can_learn)
        return sum(array.nbytes for array in tensors.values())

    # ---- files -------------------------------------------------------------------------------

    def save(self, path: str | Path, statistics: bool = True) -> Path:
        """Write one file; the old one stays whole until the new one is complete.

        Parameters
        ----------
        path : path
            Written exactly there.
        statistics : bool
            False leaves out what only learning needs: a few MB that answer identically.
        """
        check_is_fitted(self)
        known = self.state_
        whole = statistics and known.can_learn
        tensors, values = self._pack(known.model, whole)
        header = {
            "method": self.method,
            "parameters": self.get_params(deep=False),
            "n_features": int(self.n_features_in_),
            "ledger": known.ledger.to_json(),
            "threshold": known.threshold,
            "calibrated": known.calibrated,
            "can_learn": whole,
            "values": values,
        }
        return persistence.write(Path(path), header, tensors)

    @classmethod
    def from_file(cls, path: Path, header: dict[str, Any], tensors: dict[str, Any]) -> Any:
        """Rebuild a learner from what `persistence.read` found; called by `load`."""
        try:
            learner = cls(**(cls.implied | header["parameters"]))
            ledger = Ledger.from_json(header["ledger"])
            model = learner._unpack(tensors, header["values"], ledger)
            learner.n_features_in_ = int(header["n_features"])
            learner.state_ = Knowledge(
                ledger,
                model,
                float(header["threshold"]),
                bool(header["calibrated"]),
                bool(header["can_learn"]),
            )
        except (KeyError, TypeError, IndexError) as error:
            raise TornFileError(persistence.torn(path, f"it lacks or misnames {error}")) from error
        return learner
