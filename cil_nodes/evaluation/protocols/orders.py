"""Which classes come when: orders by seed, phases, and orders built to be hard or easy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.protocols.labelled import Labelled, unit_rows

PAPER_SEED = 1993
"""The seed that the ORACIL paper names for its class order (4.1.3)."""

Phases = tuple[tuple[str, ...], ...]
"""New classes of each phase, in the order taught."""


@dataclass(frozen=True)
class ObjectPlan:
    """Which objects are taught when, and which never."""

    phases: Phases
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


def split_phases(classes: Sequence[str], phases: int, seed: int | None = PAPER_SEED) -> Phases:
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
    return _cut(ordered, [size + (k < rest) for k in range(phases)])


def _cut(ordered: Sequence[str], sizes: Sequence[int]) -> Phases:
    """Cut an order into runs of the given sizes."""
    ends = np.cumsum(sizes).tolist()
    return tuple(tuple(ordered[a:b]) for a, b in zip([0, *ends], ends, strict=False))


def base_and_increments(
    classes: Sequence[str], base: int, increment: int, seed: int | None = PAPER_SEED
) -> Phases:
    """Cut an order into a large first phase and equal later ones; the last may be smaller.

    The split of Zhou et al. ("Inc" of their class-incremental benchmarks): ``base`` classes, then
    ``increment`` a phase. ``base=1, increment=1`` teaches one class at a time.

    Parameters
    ----------
    classes : sequence of str
        In their natural order.
    base, increment : int
        At least 1; ``base`` at most the number of classes.
    seed : int or None
        For :func:`class_order`; None keeps the natural order.

    Raises
    ------
    ValueError
        When a phase would be empty.
    """
    if not 1 <= base <= len(classes) or increment < 1:
        raise ValueError(
            f"{len(classes)} classes cannot begin with {base} and go on by {increment}: base must "
            f"lie in 1 to {len(classes)} and increment be at least 1."
        )
    ordered = tuple(classes) if seed is None else class_order(classes, seed)
    full, rest = divmod(len(ordered) - base, increment)
    return _cut(ordered, [base, *[increment] * full, *([rest] if rest else [])])


def class_means(train: Labelled) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return the classes, sorted, and the means of their features at length 1: (C, d)."""
    rows = unit_rows(train.features)
    names, position = np.unique(train.labels, return_inverse=True)
    sums = np.zeros((len(names), rows.shape[1]))
    np.add.at(sums, position, rows)
    return tuple(names.tolist()), unit_rows(sums)


def look_alike_chain(train: Labelled, first: str | None = None) -> tuple[str, ...]:
    """Order classes so that each is followed by the one, of those left, that looks most like it.

    A greedy chain over the cosines of class means: look-alikes come one after the other, which is
    what grouping by dissimilarity finds hardest. Only training features are read.

    Parameters
    ----------
    train : Labelled
        Training pictures of every class.
    first : str, optional
        Where the chain begins; by default one end of the most similar pair.
    """
    names, means = class_means(train)
    alike = means @ means.T
    np.fill_diagonal(alike, -np.inf)
    now = names.index(first) if first is not None else int(alike.max(axis=1).argmax())
    chain = [now]
    while len(chain) < len(names):
        alike[:, now] = -np.inf
        now = int(alike[now].argmax())
        chain.append(now)
    return tuple(names[index] for index in chain)


def side_by_side(families: Mapping[str, str]) -> tuple[str, ...]:
    """Order classes family by family, such as the coarse classes of Grocery.

    Parameters
    ----------
    families : mapping of str to str
        Class to family; families come in the order in which they first occur.
    """
    rank = {family: n for n, family in enumerate(dict.fromkeys(families.values()))}
    return tuple(sorted(families, key=lambda name: rank[families[name]]))


def dealt_out(ordered: Sequence[str], phases: int) -> Phases:
    """Deal an order out over phases like cards, so that neighbours never share a phase.

    The easy counterpart of ``split_phases(ordered, phases, seed=None)`` on an order that puts
    look-alikes side by side.

    Parameters
    ----------
    ordered : sequence of str
        Classes; see :func:`look_alike_chain` and :func:`side_by_side`.
    phases : int
        At least 1, at most the number of classes.

    Raises
    ------
    ValueError
        When a phase would be empty.
    """
    if not 1 <= phases <= len(ordered):
        raise ValueError(f"{len(ordered)} classes cannot be dealt out over {phases} phases.")
    return tuple(tuple(ordered[k::phases]) for k in range(phases))


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
