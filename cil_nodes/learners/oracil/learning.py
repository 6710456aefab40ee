"""How ORACIL's statistics take in samples, and how they lose a class; pure functions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cil_nodes.learners.oracil import grouping
from cil_nodes.learners.oracil.features import AnalyticMap
from cil_nodes.learners.oracil.gaussian import Precision
from cil_nodes.learners.oracil.heads import DualHead, GramHead, Head, PrintedHead
from cil_nodes.learners.oracil.memory import Memory
from cil_nodes.learners.oracil.model import Statistics
from cil_nodes.learners.oracil.second_order import SecondOrder
from cil_nodes.learners.oracil.sums import ClassSums
from cil_nodes.learners.phase import Phase


@dataclass(frozen=True)
class GroupingRule:
    """Parameters of section 3.2."""

    capacity: int
    metric: str
    threshold: str
    fixed: float


def nothing_learned(
    map_: AnalyticMap, rank: int, by_group: bool, ridge: float, dtype: np.dtype
) -> Statistics:
    """Return statistics over no samples; ``rank`` is that of the class covariances."""
    return Statistics(
        map_,
        ClassSums.empty(map_.dimension),
        SecondOrder.empty(map_, rank),
        np.zeros(0),
        np.zeros(0, np.int64),
        (),
        by_group,
        Memory.empty(map_.dimension, dtype),
        ridge,
    )


def learn(
    s: Statistics,
    f: np.ndarray,
    positions: np.ndarray,
    classes: int,
    rule: GroupingRule,
    solver: str,
    reservoir: int,
    rng: np.random.Generator,
    phase: Phase,
) -> Statistics:
    """Take in unit features f (n, d) of the classes ``positions`` (n,) among ``classes``."""
    phase.report(0.0, "grouping")
    sums = s.sums.learn(f, positions, classes)
    spreads = _spreads(s, f, positions, sums, rule)
    groups = _groups(s, sums, spreads, rule)
    second = s.second.learn(f, positions, s.sums)
    s = replace(s, sums=sums, second=second, spreads=spreads, groups=groups)
    s = replace(s, memory=s.memory.learn(f, positions))

    phase.report(0.1, "analytic features")
    H = s.map(f)
    heads = list(s.heads)
    touched = np.unique(s.owners[positions])
    for turn, number in enumerate(touched):
        phase.report(0.3 + 0.7 * turn / len(touched), "analytic heads")
        mine = s.owners[positions] == number
        local = s.local(positions[mine], int(number))
        while len(heads) <= number:
            heads.append(_new_head(s, solver, int(mine.sum()), H.dtype))
        columns = len(s.members(int(number)))
        heads[number] = _grown(heads[number], H[mine], local, columns, solver)
    s = replace(s, heads=tuple(heads))
    return _thinned(s, reservoir, rng)


def _spreads(
    s: Statistics, f: np.ndarray, positions: np.ndarray, sums: ClassSums, rule: GroupingRule
) -> np.ndarray:
    """Return tau_c (C,): from sums where that is exact, else a running mean over phases."""
    if rule.metric == "cosine" and rule.threshold == "mean":
        # With unit features the mean cosine to the mean is the mean's length (Eq. 4).
        return np.linalg.norm(sums.means, axis=1)
    spreads = np.zeros(len(sums.counts))
    spreads[: len(s.spreads)] = s.spreads
    precision = _metric_precision(sums, rule)
    for c in np.unique(positions):
        rows = f[positions == c]
        alike = grouping.similarities(rows, sums.means[[c]], rule.metric, precision)[:, 0]
        tau = grouping.class_threshold(alike, rule.threshold, rule.fixed)
        share = len(rows) / sums.counts[c]
        spreads[c] = share * tau + (1 - share) * spreads[c]
    return spreads


def _metric_precision(sums: ClassSums, rule: GroupingRule) -> np.ndarray | None:
    """Return the matrix of the Mahalanobis metric, None for the others."""
    if rule.metric != "mahalanobis":
        return None
    return Precision.of(sums.scatter, sums.samples - len(sums.counts)).matrix


def _groups(s: Statistics, sums: ClassSums, spreads: np.ndarray, rule: GroupingRule) -> np.ndarray:
    """Return groups (C,) with the new classes in theirs; no class ever changes its group."""
    new = len(sums.counts) - len(s.groups)
    if not new:
        return s.groups
    groups = np.concatenate([s.groups, np.full(new, -1)])
    likeness = grouping.similarities(
        sums.means, sums.means, rule.metric, _metric_precision(sums, rule)
    )
    return grouping.assign_groups(groups, likeness, spreads, rule.capacity)


def _new_head(s: Statistics, solver: str, coming: int, dtype: np.dtype) -> Head:
    """Return an empty head of the cheapest kind."""
    width = s.map.output
    if solver == "woodbury":
        return PrintedHead.empty(width, s.ridge)
    if solver == "cholesky" or coming > width:
        return GramHead.empty(width, s.ridge)
    return DualHead.empty(width, s.ridge, dtype)


def _grown(head: Head, H: np.ndarray, positions: np.ndarray, columns: int, solver: str) -> Head:
    """Return a head with more rows; a dual one becomes a Gram one when rows outgrow M."""
    if isinstance(head, DualHead):
        if head.samples + len(H) <= H.shape[1]:
            return head.learn(H, positions)
        head = head.as_gram(columns)
    if isinstance(head, PrintedHead):
        if len(H) < H.shape[1]:
            return head.learn(H, positions, columns)
        return _in_parts(head, H, positions, columns)
    grown = head.learn(H, positions, columns, "cholesky" if solver == "cholesky" else "auto")
    return grown.with_inverse()


def _in_parts(head: PrintedHead, H: np.ndarray, positions: np.ndarray, columns: int) -> PrintedHead:
    """Feed a batch of M rows or more in stretches below M, where the printed form is stable."""
    for rows in np.array_split(np.arange(len(H)), 2 * len(H) // H.shape[1] + 1):
        head = head.learn(H[rows], positions[rows], columns)
    return head


def _thinned(s: Statistics, reservoir: int, rng: np.random.Generator) -> Statistics:
    """Bound the memory of classes whose heads no longer need their rows."""
    rowless = [i for i, head in enumerate(s.heads) if not isinstance(head, DualHead)]
    columns = np.flatnonzero(np.isin(s.owners, rowless))
    memory = s.memory.thinned(columns, reservoir, s.sums.counts, rng)
    if len(rowless) == len(s.heads):
        memory = Memory(memory.rows.astype(np.float16), memory.positions)
    return replace(s, memory=memory)


def forget(s: Statistics, position: int, f: np.ndarray | None) -> Statistics:
    """Drop the class at ``position``; with its rows f (k, d), as if it had never been seen.

    While all its rows are still kept they need not be given.
    """
    if f is None and s.is_complete(position):
        f = s.memory.rows[s.memory.of(position)]
    number = int(s.owners[position])
    local = int(s.local(np.array([position]), number)[0])
    head = _head_without(s.heads[number], local, s.map(f) if f is not None else None)
    groups = np.delete(s.groups, position)
    heads = [h for i, h in enumerate(s.heads) if i != number or len(s.members(number)) > 1]
    if len(heads) == len(s.heads):
        heads[number] = head
    return replace(
        s,
        sums=s.sums.without(position, f),
        second=s.second.without(position),
        spreads=np.delete(s.spreads, position),
        groups=np.unique(groups, return_inverse=True)[1].reshape(-1),
        heads=tuple(heads),
        memory=s.memory.without(position),
    )


def _head_without(head: Head, column: int, H: np.ndarray | None) -> Head:
    """Drop one column, and the rows where they are known."""
    if not isinstance(head, DualHead):
        return head.without_column(column, H)
    rows = np.flatnonzero(head.positions != column)
    positions = head.positions[rows]
    return head.keep(rows, positions - (positions > column))


def with_ridge(s: Statistics, ridge: float, tuned_at: int) -> Statistics:
    """Set another strength; heads that hold no sums keep theirs."""
    heads = tuple(h if isinstance(h, PrintedHead) else h.with_ridge(ridge) for h in s.heads)
    return replace(s, heads=heads, ridge=ridge, tuned_at=tuned_at)
