"""Sums over the samples of one origin: put into other columns, added up, grown, made to forget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from cil_nodes.learners.ledger import Ledger
from cil_nodes.learners.oracil import learning
from cil_nodes.learners.oracil.heads import DualHead, GramHead, Head
from cil_nodes.learners.oracil.memory import Memory
from cil_nodes.learners.oracil.model import Share, Statistics
from cil_nodes.learners.oracil.sums import ClassSums


def share_of(s: Statistics, indices: np.ndarray, revision: int) -> Share:
    """Return sums as one origin's share: only its own classes, one head, no inverse."""
    kept = np.flatnonzero(s.sums.counts > 0)
    s = replace(_columns(s, kept, len(kept)), groups=np.zeros(len(kept), np.int64))
    heads = tuple(replace(h, inverse=None) if isinstance(h, GramHead) else h for h in s.heads)
    return Share(np.asarray(indices)[kept], revision, replace(s, heads=heads))


def batch_of(
    s: Statistics,
    f: np.ndarray,
    positions: np.ndarray,
    columns: int,
    by_sums: bool,
    rule: learning.GroupingRule,
) -> Statistics:
    """Return statistics over the rows of one lesson alone."""
    nothing = learning.nothing_learned(s.map, s.second.rank, False, s.ridge, f.dtype)
    sums = nothing.sums.learn(f, positions, columns)
    H = s.map(f)
    head: Head
    if by_sums or len(f) > s.map.output:
        head = GramHead.empty(s.map.output, s.ridge).learn(H, positions, columns, "sums")
    else:
        head = DualHead.empty(s.map.output, s.ridge, H.dtype).learn(H, positions)
    return replace(
        nothing,
        sums=sums,
        second=nothing.second.learn(f, positions, nothing.sums),
        spreads=learning.spreads_of(nothing, f, positions, sums, rule),
        groups=np.zeros(columns, np.int64),
        heads=(head,),
        memory=nothing.memory.learn(f, positions),
    )


def without_class(share: Share, number: int, f: np.ndarray | None) -> Share:
    """Drop one class of a share."""
    where = np.flatnonzero(share.indices == number)
    if not len(where):
        return share
    count = int(share.statistics.sums.counts[where[0]])
    if f is not None and len(f) != count:
        raise ValueError(
            f"X has {len(f)} rows, but {count} samples of this class were taught here; those that "
            "came by merging are forgotten where they were taught."
        )
    s = learning.forget(share.statistics, int(where[0]), f)
    return replace(share, indices=np.delete(share.indices, where[0]), statistics=s)


def summed(parts: Sequence[Statistics], reservoir: int, rng: np.random.Generator) -> Statistics:
    """Add up statistics with the same columns, over samples of their own.

    Parameters
    ----------
    parts : sequence of Statistics
        One at least.
    reservoir : int
        Rows kept of each class once the head does not need them.
    """
    return _thinned(reduce(_added, parts), parts, reservoir, rng)


def aligned(share: Share, ledger: Ledger) -> Statistics:
    """Return a share's statistics with one column for every class of the ledger."""
    where = {number: i for i, number in enumerate(ledger.indices.tolist())}
    columns = np.array([where[number] for number in share.indices.tolist()], dtype=np.int64)
    return _placed(share.statistics, columns, len(ledger.indices))


def _columns(s: Statistics, kept: np.ndarray, columns: int) -> Statistics:
    """Return statistics of the classes ``kept`` alone; the others have no samples."""
    if len(kept) == len(s.groups):
        return s
    new = np.full(len(s.groups), -1)
    new[kept] = np.arange(len(kept))
    second = tuple(s.second.scatters[c] for c in kept) if s.second.rank else ()
    return replace(
        s,
        sums=ClassSums(s.sums.counts[kept], s.sums.totals[kept], s.sums.scatter),
        second=replace(s.second, scatters=second),
        spreads=s.spreads[kept],
        groups=s.groups[kept],
        heads=tuple(_moved(head, new, columns, kept) for head in s.heads),
        memory=Memory(s.memory.rows, new[s.memory.positions]),
    )


def _placed(s: Statistics, columns: np.ndarray, total: int) -> Statistics:
    """Return statistics with their classes at ``columns`` among ``total``."""
    counts, totals = np.zeros(total), np.zeros((total, s.map.dimension))
    counts[columns], totals[columns] = s.sums.counts, s.sums.totals
    spreads = np.zeros(total)
    spreads[columns] = s.spreads
    nothing = np.zeros(s.second.rank * (s.second.rank + 1) // 2, np.float32)
    scatters = [nothing] * total if s.second.rank else []
    for column, scatter in zip(columns.tolist(), s.second.scatters, strict=False):
        scatters[column] = scatter
    back = np.full(total, -1)
    back[columns] = np.arange(len(columns))
    return replace(
        s,
        sums=ClassSums(counts, totals, s.sums.scatter),
        second=replace(s.second, scatters=tuple(scatters)),
        spreads=spreads,
        groups=np.zeros(total, np.int64),
        heads=tuple(_moved(head, columns, total, back) for head in s.heads),
        memory=Memory(s.memory.rows, columns[s.memory.positions]),
    )


def _moved(head: Head, new: np.ndarray, columns: int, old: np.ndarray) -> Head:
    """Return a head with other columns: ``new`` of each old one, ``old`` of each new one or -1."""
    if isinstance(head, DualHead):
        return replace(head, positions=new[head.positions])
    assert isinstance(head, GramHead)
    moments = np.zeros((len(head.gram), columns))
    held = np.flatnonzero((old >= 0) & (old < head.moments.shape[1]))
    moments[:, held] = head.moments[:, old[held]]
    return replace(head, moments=moments)


def _added(a: Statistics, b: Statistics) -> Statistics:
    """Add statistics over other samples with the same columns; memories are put side by side."""
    counts = np.maximum(a.sums.counts + b.sums.counts, 1)
    return replace(
        a,
        sums=a.sums.merged(b.sums),
        second=a.second.merged(b.second, a.sums, b.sums) if a.second.rank else a.second,
        spreads=(a.sums.counts * a.spreads + b.sums.counts * b.spreads) / counts,
        heads=(_added_heads(a.heads[0], b.heads[0], len(counts)),),
        memory=a.memory.learn(b.memory.rows, b.memory.positions),
    )


def _added_heads(a: Head, b: Head, columns: int) -> Head:
    """Add two heads: by their rows while these are fewer than M, else by their sums."""
    if isinstance(b, GramHead):
        return _by_sums(a, columns).merged(b)
    assert isinstance(b, DualHead)
    if isinstance(a, DualHead) and a.samples + b.samples <= a.H.shape[1]:
        return a.learn(b.H, b.positions)
    return _by_sums(a, columns).learn(b.H, b.positions, columns, "sums")


def _by_sums(head: Head, columns: int) -> GramHead:
    if isinstance(head, DualHead):
        return head.as_gram(columns)
    assert isinstance(head, GramHead)
    return head


def _thinned(
    s: Statistics, parts: Sequence[Statistics], most: int, rng: np.random.Generator
) -> Statistics:
    """Bound the memory once the head no longer needs its rows; each part has its fair share."""
    if isinstance(s.heads[0], DualHead):
        return s
    ends = np.cumsum([len(part.memory.positions) for part in parts])
    owner = np.searchsorted(ends, np.arange(ends[-1]), side="right")
    keep = np.zeros(len(owner), dtype=bool)
    for c in range(len(s.groups)):
        rows = [np.flatnonzero((owner == p) & (s.memory.positions == c)) for p in range(len(parts))]
        seen = [int(part.sums.counts[c]) for part in parts]
        for chosen in _fair(rows, seen, most, rng):
            keep[chosen] = True
    rows = s.memory.rows[keep].astype(np.float16)
    return replace(s, memory=Memory(rows, s.memory.positions[keep]))


def _fair(
    rows: list[np.ndarray], seen: list[int], most: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Choose ``most`` rows, from each part about as many as it saw of all samples ``seen``."""
    if sum(map(len, rows)) <= most:
        return rows
    share = rng.multivariate_hypergeometric(seen, most)
    chosen = [
        rng.choice(own, min(int(n), len(own)), replace=False)
        for own, n in zip(rows, share, strict=True)
    ]
    return [np.sort(own) for own in chosen]
