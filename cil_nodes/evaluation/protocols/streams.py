"""Streams: what is taught step by step, and what is shown after each step.

Every protocol is an iterator of :class:`Step`. The learner is handed the features and labels of a
lesson and nothing else: no phase number, no border, no list of classes to come.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cil_nodes.evaluation.protocols.labelled import Labelled


@dataclass(frozen=True)
class Step:
    """One lesson and what is shown after it.

    Attributes
    ----------
    lesson : Labelled
        Taught in this order.
    shown : Labelled or None
        Shown afterwards; None where nothing is measured after this step. Classes that were not
        taught yet, or never are, may be among it.
    new : tuple of str
        Classes of the lesson that no earlier step taught, sorted.
    known : frozenset of str
        Classes taught so far, those of the lesson included.
    """

    lesson: Labelled
    shown: Labelled | None
    new: tuple[str, ...]
    known: frozenset[str]


Stream = Iterable[Step]


def steps(lessons: Iterable[Labelled], shown: Labelled, every: int = 1) -> Iterator[Step]:
    """Turn lessons into a stream.

    Parameters
    ----------
    lessons : iterable of Labelled
        In the order taught.
    shown : Labelled
        Shown after every ``every``-th lesson and after the last.
    every : int
        At least 1.
    """
    known: frozenset[str] = frozenset()
    number, waiting = 0, iter(lessons)
    lesson = next(waiting, None)
    while lesson is not None:
        number, following = number + 1, next(waiting, None)
        new = tuple(name for name in lesson.classes if name not in known)
        known = known.union(new)
        looked_at = number % every == 0 or following is None
        yield Step(lesson, shown if looked_at else None, new, known)
        lesson = following


def class_phases(
    phases: Sequence[Sequence[str]], train: Labelled, shown: Labelled
) -> Iterator[Step]:
    """Teach the classes of each phase with all their samples at once: K phases, borders known.

    Parameters
    ----------
    phases : sequence of sequence of str
        New classes of each phase (``split_phases``, ``base_and_increments``, ``dealt_out``).
    train, shown : Labelled
        Training pictures of every class in ``phases``; test pictures of any class.

    Raises
    ------
    ValueError
        When a phase teaches a class without training pictures.
    """
    return steps(_lessons(phases, train), shown)


def _lessons(phases: Sequence[Sequence[str]], train: Labelled) -> Iterator[Labelled]:
    for number, labels in enumerate(phases, start=1):
        lesson = train.of(labels)
        missing = sorted(set(labels) - set(lesson.labels.tolist()))
        if missing:
            raise ValueError(f"Phase {number} teaches {missing[0]!r}, but no picture shows it.")
        yield lesson
