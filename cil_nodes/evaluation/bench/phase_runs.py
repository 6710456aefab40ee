"""Learners taught in phases, kept as their answers: every table is worked out of these.

A run keeps which class was answered for which test picture after which phase, so that accuracies,
forgetting, order effects and paired intervals all come from one run, and later ones cost nothing.
"""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.protocols import Labelled
from cil_nodes.learners.base import IncrementalLearner

Arrays = dict[str, NDArray[Any]]
View = Callable[[Any, "Stream", NDArray[np.int64]], Mapping[str, NDArray[Any]]]
Before = Callable[[IncrementalLearner, int], None]

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


def packed(run: Arrays) -> dict[str, str]:
    """Return a run as text that JSON can hold: a compressed ``.npz`` in base64."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **run)  # type: ignore[arg-type]
    return {"npz": base64.b64encode(buffer.getvalue()).decode("ascii")}


def unpacked(kept: Mapping[str, str]) -> Arrays:
    """Undo `packed`."""
    with np.load(io.BytesIO(base64.b64decode(kept["npz"])), allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


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
        ``answers.own`` and ``answers.<name>`` (phases, n) int16, `NOT_SHOWN` where nothing was;
        ``figures.<name>`` (phases, ...) of what else the view returns; ``update_s``, ``idle_s``,
        ``predict_ms`` and ``memory_mb`` (phases,), NaN where not measured.
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
        kept["update_s"][row] = _timed(partial(learner.learn_phase, lesson.features, lesson.labels))
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
