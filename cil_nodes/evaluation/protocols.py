"""Streams in phases: which classes come when, and what a learner answers after each phase."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cil_nodes.evaluation.run_record import PredictionRow
from cil_nodes.learners.base import IncrementalLearner

PAPER_SEED = 1993
"""The seed that the ORACIL paper names for its class order (4.1.3)."""

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Labelled:
    """Feature vectors with their labels.

    Attributes
    ----------
    features : ndarray of shape (n, d), float
        One row a picture.
    labels : ndarray of shape (n,), str
        What each picture shows.
    """

    features: NDArray[np.floating]
    labels: NDArray[np.str_]

    def __post_init__(self) -> None:
        if self.features.ndim != 2 or len(self.features) != len(self.labels):
            raise ValueError(
                f"features {self.features.shape} and labels {self.labels.shape} do not belong "
                "together: expected (n, d) and (n,)."
            )

    @property
    def classes(self) -> tuple[str, ...]:
        """All labels that occur, sorted."""
        return tuple(np.unique(self.labels).tolist())

    def of(self, classes: Sequence[str]) -> Labelled:
        """Keep only these classes, in the order stored."""
        kept = np.isin(self.labels, list(classes))
        return Labelled(self.features[kept], self.labels[kept])


@dataclass(frozen=True)
class ObjectPlan:
    """Which objects are taught when, and which never."""

    phases: tuple[tuple[str, ...], ...]
    never: tuple[str, ...]


def class_order(classes: Sequence[str], seed: int = PAPER_SEED) -> tuple[str, ...]:
    """Shuffle classes as the papers do: ``numpy.random.RandomState(seed).permutation(n)``.

    The legacy generator gives the published order of seed 1993, which on 100 classes begins
    68 56 78 8 23 84; the new generators do not.

    Parameters
    ----------
    classes : sequence of str
        In their natural order.
    seed : int
        At least 0 and below 2**32.
    """
    order = np.random.RandomState(seed).permutation(len(classes))
    return tuple(classes[index] for index in order)


def split_phases(
    classes: Sequence[str], phases: int, seed: int | None = PAPER_SEED
) -> tuple[tuple[str, ...], ...]:
    """Deal classes out over phases of equal size; the first ones take one more where it must be.

    Parameters
    ----------
    classes : sequence of str
        In their natural order.
    phases : int
        At least 1, at most the number of classes.
    seed : int or None
        For :func:`class_order`; None keeps the natural order.

    Raises
    ------
    ValueError
        When a phase would be empty.
    """
    if not 1 <= phases <= len(classes):
        raise ValueError(f"{len(classes)} classes cannot be dealt out over {phases} phases.")
    ordered = tuple(classes) if seed is None else class_order(classes, seed)
    size, rest = divmod(len(ordered), phases)
    ends = np.cumsum([size + (k < rest) for k in range(phases)]).tolist()
    return tuple(ordered[start:end] for start, end in zip([0, *ends], ends, strict=False))


def plan_objects(
    objects: Sequence[str], taught: int = 16, never: int = 8, phases: int = 3, seed: int = 0
) -> ObjectPlan:
    """Choose by seed which objects are taught in which phase, and which are never taught.

    Parameters
    ----------
    objects : sequence of str
        All there are.
    taught, never : int
        How many of each.
    phases : int
        Number of lessons.
    seed : int
        Another seed chooses other objects.

    Raises
    ------
    ValueError
        When there are too few objects.
    """
    if taught + never > len(objects):
        raise ValueError(
            f"{taught} taught and {never} untaught objects are {taught + never}, but there are "
            f"only {len(objects)}."
        )
    order = np.random.default_rng(seed).permutation(len(objects))
    chosen = [objects[index] for index in order[: taught + never]]
    return ObjectPlan(split_phases(chosen[:taught], phases, seed=None), tuple(chosen[taught:]))


def run_phases(
    learner: IncrementalLearner,
    phases: Sequence[Sequence[str]],
    train: Labelled,
    test: Labelled,
    progress: Progress | None = None,
) -> list[PredictionRow]:
    """Teach a learner phase by phase and show it the whole test set after each.

    The learner is given features and nothing else: no phase, no truth. Test pictures of classes
    that are taught later, or never, are shown too; in the rows they count as not taught.

    Parameters
    ----------
    learner : IncrementalLearner
        Taught in place.
    phases : sequence of sequence of str
        New classes of each phase.
    train, test : Labelled
        Training pictures of every class in ``phases``; test pictures of any class.
    progress : callable, optional
        Called with the fraction of phases done and a sentence.

    Returns
    -------
    list of PredictionRow
        One row for each test picture and phase.

    Raises
    ------
    ValueError
        When a phase teaches a class without training pictures.
    """
    rows: list[PredictionRow] = []
    known: set[str] = set()
    for number, labels in enumerate(phases, start=1):
        lesson = train.of(labels)
        missing = sorted(set(labels) - set(lesson.labels.tolist()))
        if missing:
            raise ValueError(f"Phase {number} teaches {missing[0]!r}, but no picture shows it.")
        learner.learn_phase(lesson.features, lesson.labels)
        known.update(labels)
        rows += answer_all(learner, number, test, known)
        if progress:
            progress(number / len(phases), f"phase {number} of {len(phases)}")
    return rows


def answer_all(
    learner: IncrementalLearner, phase: int, shown: Labelled, known: set[str]
) -> list[PredictionRow]:
    """Show pictures to a learner and write down its answers.

    Parameters
    ----------
    learner : IncrementalLearner
        Already taught.
    phase : int
        Phases it has learned.
    shown : Labelled
        Pictures.
    known : set of str
        Classes taught so far.
    """
    if not len(shown.labels):
        return []
    answers = learner.answer(shown.features)
    best = answers.proba.max(axis=1)
    columns = zip(
        shown.labels.tolist(),
        answers.labels.tolist(),
        best.tolist(),
        answers.is_unknown.tolist(),
        answers.unknown_score.tolist(),
        strict=True,
    )
    return [
        PredictionRow(phase, truth, label, score, unknown, unknown_score, truth in known)
        for truth, label, score, unknown, unknown_score in columns
    ]


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


def unit_rows(features: ArrayLike) -> NDArray[np.float64]:
    """Scale rows to length 1; a row of zeros stays as it is."""
    rows = np.asarray(features, dtype=np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1.0)
