"""Teaches a learner a stream and writes down what it answers, costs and holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.protocols.labelled import Labelled
from cil_nodes.evaluation.protocols.streams import Step, Stream, class_phases
from cil_nodes.evaluation.run_record import PredictionRow
from cil_nodes.learners.base import IncrementalLearner

Progress = Callable[[float, str], None]


class OverBudgetError(RuntimeError):
    """A learner holds more than the protocol allows; says when, how much and what to do."""


@dataclass(frozen=True)
class Shown:
    """What a learner answered after one step, for n pictures.

    Attributes
    ----------
    truth, answer : ndarray of shape (n,), str
        What was shown, and the class answered.
    score, unknown_score : ndarray of shape (n,)
        Probability of the class answered; unknown score. Both in [0, 1].
    is_unknown, taught : ndarray of shape (n,), bool
        Whether it was called unknown; whether its class had been taught.
    """

    truth: NDArray[np.str_]
    answer: NDArray[np.str_]
    score: NDArray[np.float64]
    unknown_score: NDArray[np.float64]
    is_unknown: NDArray[np.bool_]
    taught: NDArray[np.bool_]

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the class answered is the one shown (unknown or not): shape (n,)."""
        return self.taught & (self.truth == self.answer)

    @property
    def accuracy(self) -> float:
        """Share answered rightly of the pictures of taught classes; NaN without any."""
        return float(self.correct[self.taught].mean()) if self.taught.any() else float("nan")


@dataclass(frozen=True)
class StepOutcome:
    """One step of a run.

    Attributes
    ----------
    new : tuple of str
        Classes taught for the first time.
    samples : int
        Samples of the lesson.
    update_s, predict_s : float
        Seconds for the lesson, and for answering all that was shown.
    memory_bytes : int
        What the learner holds afterwards: all that learning on needs.
    shown : Shown or None
        Answers; None where nothing was shown.
    """

    new: tuple[str, ...]
    samples: int
    update_s: float
    predict_s: float
    memory_bytes: int
    shown: Shown | None


def run_stream(
    learner: IncrementalLearner,
    stream: Stream,
    progress: Progress | None = None,
    memory_limit: int | None = None,
    expected: int | None = None,
) -> list[StepOutcome]:
    """Teach a learner any stream.

    Parameters
    ----------
    learner : IncrementalLearner
        Taught in place, given features and labels of the lessons and nothing else.
    stream : iterable of Step
        See :mod:`cil_nodes.evaluation.protocols.streams`.
    progress : callable, optional
        Called with the fraction of steps done and a sentence.
    memory_limit : int, optional
        Bytes that the learner may hold after any step, all that learning on needs included.
    expected : int, optional
        Number of steps, for ``progress``; by default the stream is gathered first.

    Raises
    ------
    OverBudgetError
        When the learner holds more than ``memory_limit``.
    """
    if expected is None:
        stream = list(stream)
        expected = len(stream)
    outcomes: list[StepOutcome] = []
    for number, step in enumerate(stream, start=1):
        outcomes.append(_one_step(learner, step))
        _check_memory(learner, outcomes[-1].memory_bytes, memory_limit, number)
        if progress:
            progress(number / expected, f"phase {number} of {expected}")
    return outcomes


def _one_step(learner: IncrementalLearner, step: Step) -> StepOutcome:
    began = time.perf_counter()
    learner.learn_phase(step.lesson.features, step.lesson.labels)
    taught = time.perf_counter()
    shown = None if step.shown is None else show(learner, step.shown, step.known)
    answered = time.perf_counter()
    return StepOutcome(
        step.new,
        len(step.lesson),
        taught - began,
        answered - taught if shown else 0.0,
        learner.memory_bytes(),
        shown,
    )


def _check_memory(learner: IncrementalLearner, held: int, limit: int | None, number: int) -> None:
    if limit is None or held <= limit:
        return
    raise OverBudgetError(
        f"After step {number} {type(learner).__name__} holds {held / 1e6:.1f} MB, "
        f"{limit / 1e6:.1f} MB are allowed. Give it a smaller size (fewer random features, fewer "
        "examples kept)."
    )


def show(learner: IncrementalLearner, shown: Labelled, known: frozenset[str] | set[str]) -> Shown:
    """Show pictures to a learner and gather its answers.

    Parameters
    ----------
    learner : IncrementalLearner
        Already taught.
    shown : Labelled
        Pictures; the learner gets their features alone.
    known : set of str
        Classes taught so far.
    """
    if not len(shown):
        nothing, never = np.empty(0), np.empty(0, dtype=bool)
        return Shown(shown.labels, shown.labels, nothing, nothing, never, never)
    answers = learner.answer(shown.features)
    return Shown(
        shown.labels,
        answers.labels,
        answers.proba.max(axis=1),
        answers.unknown_score,
        answers.is_unknown,
        np.isin(shown.labels, sorted(known)),
    )


def rows_of(outcomes: Sequence[StepOutcome]) -> list[PredictionRow]:
    """Turn the outcomes of a run into the rows of a run record, phases counted from 1."""
    return [
        row
        for phase, outcome in enumerate(outcomes, start=1)
        if outcome.shown is not None
        for row in _rows(phase, outcome.shown)
    ]


def _rows(phase: int, shown: Shown) -> list[PredictionRow]:
    columns = (
        shown.truth,
        shown.answer,
        shown.score,
        shown.is_unknown,
        shown.unknown_score,
        shown.taught,
    )
    listed = zip(*(column.tolist() for column in columns), strict=True)
    return [PredictionRow(phase, *values) for values in listed]


def run_phases(
    learner: IncrementalLearner,
    phases: Sequence[Sequence[str]],
    train: Labelled,
    test: Labelled,
    progress: Progress | None = None,
) -> list[PredictionRow]:
    """Teach classes phase by phase and show the whole test set after each.

    Parameters
    ----------
    learner : IncrementalLearner
        Taught in place.
    phases : sequence of sequence of str
        New classes of each phase.
    train, test : Labelled
        As for :func:`class_phases`. Test pictures of classes that are taught later, or never, are
        shown too; in the rows they count as not taught.
    progress : callable, optional
        As for :func:`run_stream`.

    Returns
    -------
    list of PredictionRow
        One row for each test picture and phase.
    """
    stream = class_phases(phases, train, test)
    return rows_of(run_stream(learner, stream, progress, expected=len(phases)))


def joint_accuracy(learner: IncrementalLearner, train: Labelled, test: Labelled) -> float:
    """Teach everything at once and return the accuracy on the test pictures of taught classes.

    Parameters
    ----------
    learner : IncrementalLearner
        Fitted in place.
    train, test : Labelled
        Training and test pictures.
    """
    learner.fit(train.features, train.labels)
    shown = test.of(train.classes)
    return float(np.mean(learner.predict(shown.features) == shown.labels))
