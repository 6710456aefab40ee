"""Streams without borders: small lessons that know nothing of where a class or phase ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.protocols.labelled import Labelled
from cil_nodes.evaluation.protocols.orders import class_order
from cil_nodes.evaluation.protocols.streams import Step, steps


def chunks(stream: Labelled, size: int) -> Iterator[Labelled]:
    """Cut a stream into lessons of ``size`` samples, wherever that falls; the last may be smaller.

    Parameters
    ----------
    stream : Labelled
        In the order taught.
    size : int
        At least 1.
    """
    if size < 1:
        raise ValueError(f"size is {size}: a lesson needs at least one sample.")
    for start in range(0, len(stream), size):
        yield stream.take(np.arange(start, min(start + size, len(stream))))


def object_after_object(
    train: Labelled,
    shown: Labelled,
    size: int = 20,
    seed: int | None = 0,
    every: int = 1,
    objects: Sequence[str] | None = None,
) -> Iterator[Step]:
    """Teach object after object, unshuffled, in lessons that ignore where an object ends.

    This is what a robot meets: it looks at one thing for a while, picture after picture as stored,
    then at the next. A lesson may hold the end of one object and the beginning of another.

    Parameters
    ----------
    train, shown : Labelled
        What is taught, and shown.
    size : int
        Samples of each lesson.
    seed : int or None
        Order of the objects, for :func:`class_order`; None keeps the order in which they occur.
    every : int
        Lessons between two looks at ``shown``.
    objects : sequence of str of length n, optional
        Which object each training picture shows, where a class has several; by default its label.
    """
    shown_object = np.asarray(train.labels if objects is None else objects)
    if len(shown_object) != len(train):
        raise ValueError(f"{len(shown_object)} objects do not fit {len(train)} pictures.")
    names, first, which = np.unique(shown_object, return_index=True, return_inverse=True)
    by_occurrence = names[np.argsort(first)].tolist()
    order = by_occurrence if seed is None else class_order(by_occurrence, seed)
    rank = {name: number for number, name in enumerate(order)}
    place = np.array([rank[name] for name in names.tolist()])[which]
    return steps(chunks(train.take(np.argsort(place, kind="stable")), size), shown, every)


def blurry(
    phases: Sequence[Sequence[str]],
    train: Labelled,
    shown: Labelled,
    strays: float = 0.1,
    size: int | None = None,
    seed: int = 0,
    every: int = 1,
) -> Iterator[Step]:
    """Let a share of every class's samples stray into other phases: borders that blur.

    The "blurry" setting of Bang et al. (Rainbow Memory, CVPR 2021): each phase is mostly its own
    classes and a little of all others, old and still to come. Each phase is shuffled.

    Parameters
    ----------
    phases : sequence of sequence of str
        Main classes of each phase, two phases at least.
    train, shown : Labelled
        What is taught, and shown.
    strays : float
        Share of samples, in [0, 1), that is taught in a phase other than its class's own.
    size : int, optional
        Samples of each lesson, for an online stream; by default a lesson is a whole phase.
    seed : int
        Decides which samples stray, where to, and how phases are shuffled.
    every : int
        Lessons between two looks at ``shown``.
    """
    if not 0.0 <= strays < 1.0:
        raise ValueError(f"strays is {strays}: a share in [0, 1) is expected.")
    if len(phases) < 2:
        raise ValueError("One phase has no border to blur: give two or more.")
    taught = train.of([name for labels in phases for name in labels])
    rng = np.random.default_rng(seed)
    phase = _blurred(_own_phase(phases, taught), len(phases), strays, rng)
    shuffled = [rng.permutation(np.flatnonzero(phase == k)) for k in range(len(phases))]
    if size is None:
        return steps((taught.take(positions) for positions in shuffled), shown, every)
    return steps(chunks(taught.take(np.concatenate(shuffled)), size), shown, every)


def _own_phase(phases: Sequence[Sequence[str]], taught: Labelled) -> NDArray[np.int64]:
    number = {name: k for k, labels in enumerate(phases) for name in labels}
    return np.array([number[name] for name in taught.labels.tolist()], dtype=np.int64)


def _blurred(
    phase: NDArray[np.int64], phases: int, strays: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Move a share of samples to another phase, each other phase as likely."""
    straying = rng.permutation(len(phase))[: round(strays * len(phase))]
    moved = phase.copy()
    moved[straying] += rng.integers(1, phases, size=len(straying))
    return moved % phases
