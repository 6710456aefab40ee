"""Learners taught in phases, kept as their answers: every table is worked out of these.

A run keeps which class was answered for which test picture after which phase, so that accuracies,
forgetting, order effects and paired intervals all come from one run, and later ones cost nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.metrics import AccuracyMatrix, accuracy_matrix, forgetting
from cil_nodes.evaluation.protocols import Labelled, split_phases
from cil_nodes.learners.base import IncrementalLearner

Arrays = dict[str, NDArray[Any]]
View = Callable[[Any, "Stream", NDArray[np.int64]], Mapping[str, NDArray[Any]]]
Before = Callable[[IncrementalLearner, int], None]

ORDERS = (1993, 1994, 1995, 1996, 1997)
"""Class orders: the paper names the first, the others are ours."""

NOT_SHOWN = -1
ANSWERS = "answers."
FIGURES = "figures."


@dataclass(frozen=True)
class Stream:
    """Classes that come in phases, with what teaches and what tests them.

    Attributes
    ----------
    phases : tuple of tuple of str
        New classes of each phase.
    train, test : Labelled
        Training and test pictures of these classes.
    """

    phases: tuple[tuple[str, ...], ...]
    train: Labelled
    test: Labelled

    @property
    def classes(self) -> tuple[str, ...]:
        """All classes, sorted; answers are kept as positions in here."""
        return self.train.classes

    @property
    def truth(self) -> NDArray[np.int16]:
        """(n,) position of the class that each test picture shows."""
        return self.codes(self.test.labels)

    @property
    def taught_in(self) -> NDArray[np.int64]:
        """(n,) phase, from 0, in which each test picture's class is taught."""
        phase_of = {label: k for k, labels in enumerate(self.phases) for label in labels}
        return np.array([phase_of[label] for label in self.test.labels.tolist()])

    def codes(self, labels: NDArray[np.str_]) -> NDArray[np.int16]:
        """Return positions of labels (n,) among the classes."""
        return np.searchsorted(np.array(self.classes), labels).astype(np.int16)

    def in_order(self, seed: int) -> Stream:
        """Return the same pictures in as many phases, in the class order of a seed."""
        return self.dealt(split_phases(_natural(self), len(self.phases), seed))

    def dealt(self, phases: Sequence[Sequence[str]]) -> Stream:
        """Return the same pictures in other phases."""
        return Stream(tuple(tuple(labels) for labels in phases), self.train, self.test)

    def part(self, most: int) -> Stream:
        """Return the stream with the first ``most`` training pictures of each class."""
        kept = [np.flatnonzero(self.train.labels == c)[:most] for c in self.classes]
        rows = np.sort(np.concatenate(kept))
        train = Labelled(self.train.features[rows], self.train.labels[rows])
        return Stream(self.phases, train, self.test)

    def lessons(self, ends: Sequence[int]) -> Iterator[tuple[int, Labelled]]:
        """Yield number of the last phase, from 1, and pictures of lessons that end there."""
        for start, end in zip([0, *ends], ends, strict=False):
            labels = [label for phase in self.phases[start:end] for label in phase]
            yield end, self.train.of(labels)


def _natural(stream: Stream) -> tuple[str, ...]:
    """Return the classes in the data set's own order, which its pictures are stored in."""
    _, first = np.unique(stream.train.labels, return_index=True)
    return tuple(stream.train.labels[np.sort(first)].tolist())


def nothing_more(
    learner: IncrementalLearner, stream: Stream, rows: NDArray[np.int64]
) -> Mapping[str, NDArray[Any]]:
    """Ask for the learner's own answers alone: the view that suits every learner."""
    return {}


def teach(
    make: Callable[[], IncrementalLearner],
    stream: Stream,
    view: View = nothing_more,
    at: Sequence[int] | None = None,
    before: Before | None = None,
    joined: bool = False,
) -> Arrays:
    """Teach a learner phase by phase and keep its answers.

    The learner is given features and nothing else; after each phase it is shown every test picture
    of a class taught so far.

    Parameters
    ----------
    make : callable
        Returns an untaught learner.
    stream : Stream
        What is taught and shown.
    view : callable
        Called with learner, stream and rows of the test pictures shown; labels (n,) that it
        returns become kept answers, other arrays kept figures.
    at : sequence of int, optional
        Phases, from 1, after which something is shown; all by default.
    before : callable, optional
        Called with the learner and the number of the phase, from 1, before it is taught.
    joined : bool
        Teach phases between those of ``at`` in one lesson; for learners to whom that is the same.

    Returns
    -------
    dict of str to ndarray
        ``answers.own`` and ``answers.<name>`` (phases, n) int16, `NOT_SHOWN` where nothing was; ``figures.<name>``
        (phases, ...) of what else the view returns; ``update_s``, ``idle_s``, ``predict_ms`` and
        ``memory_mb`` (phases,), NaN where not measured.
    """
    learner, size = make(), len(stream.phases)
    wanted = sorted(at or range(1, size + 1))
    ends = wanted if joined else range(1, size + 1)
    kept: Arrays = {name: np.full(size, np.nan) for name in _TIMES}
    taught_in = stream.taught_in
    for number, lesson in stream.lessons(ends):
        if before:
            before(learner, number)
        row = number - 1
        kept["update_s"][row] = _timed(lambda: learner.learn_phase(lesson.features, lesson.labels))
        kept["idle_s"][row] = _timed(learner.consolidate)
        if number in wanted:
            shown = np.flatnonzero(taught_in <= row)
            _show(learner, stream, shown, view, row, kept)
            kept["memory_mb"][row] = learner.memory_bytes() / 1e6
    return kept


_TIMES = ("update_s", "idle_s", "predict_ms", "memory_mb")


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _show(
    learner: IncrementalLearner,
    stream: Stream,
    shown: NDArray[np.int64],
    view: View,
    row: int,
    kept: Arrays,
) -> None:
    """Show test pictures and write the answers into row ``row``."""
    own: list[NDArray[Any]] = []
    features = stream.test.features[shown]
    taken = _timed(lambda: own.append(learner.predict(features)))
    kept["predict_ms"][row] = 1e3 * taken / len(shown)
    for name, values in {"own": own[0], **view(learner, stream, shown)}.items():
        if values.dtype.kind == "U":
            shape = (len(stream.phases), len(stream.test.labels))
            answers = kept.setdefault(ANSWERS + name, np.full(shape, NOT_SHOWN, np.int16))
            answers[row, shown] = stream.codes(values)
        else:
            shape = (len(stream.phases), *np.shape(values))
            kept.setdefault(FIGURES + name, np.full(shape, np.nan))[row] = values


@dataclass(frozen=True)
class Outcome:
    """The answers of one run under one view, with what they have to be compared with.

    Attributes
    ----------
    answers : ndarray of shape (phases, n), int16
    truth : ndarray of shape (n,), int16
    taught_in : ndarray of shape (n,), int
    """

    answers: NDArray[np.int16]
    truth: NDArray[np.int16]
    taught_in: NDArray[np.int64]

    @classmethod
    def of(cls, run: Arrays, stream: Stream, view: str = "own") -> Outcome:
        """Take one view of a run."""
        return cls(run[ANSWERS + view], stream.truth, stream.taught_in)

    @property
    def shown(self) -> list[int]:
        """Rows of the phases after which pictures were shown."""
        return np.flatnonzero((self.answers != NOT_SHOWN).any(axis=1)).tolist()

    @property
    def right(self) -> NDArray[np.bool_]:
        """(n,) whether each test picture is answered rightly after the last phase."""
        return self.answers[-1] == self.truth

    @property
    def final(self) -> float:
        """Accuracy over all test pictures after the last phase, in percent."""
        return 100 * float(self.right.mean())

    @property
    def matrix(self) -> AccuracyMatrix:
        """Accuracies after each phase on the classes of each; NaN where nothing was shown."""
        row, column = np.nonzero(self.answers != NOT_SHOWN)
        right = self.answers[row, column] == self.truth[column]
        return accuracy_matrix(row, self.taught_in[column], right, len(self.answers))

    @property
    def averages(self) -> NDArray[np.float64]:
        """A_t (Eq. 18), in percent; NaN where nothing was shown."""
        values = self.matrix.values
        return np.array([100 * values[t, : t + 1].mean() for t in range(len(values))])

    @property
    def forgetting(self) -> float:
        """F_N (Eq. 19) in percent; NaN unless pictures were shown after every phase."""
        if len(self.shown) < len(self.answers):
            return float("nan")
        return 100 * forgetting(self.matrix.values)
