"""Exact merging: ORACIL's statistics are sums, so what others were taught is added to them.

A learner that has merged keeps a *share* for each origin, its own among them, beside the sum of
all. Merging an origin again replaces its share, and a share that comes by way of a third learner is
the same share, so that nothing counts twice: not in a ring, and not where two were taught on from
one common file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from cil_nodes.learners.ledger import Ledger, label_kind
from cil_nodes.learners.merging import CannotMergeError
from cil_nodes.learners.oracil import learning
from cil_nodes.learners.oracil.heads import DualHead, GramHead, Head
from cil_nodes.learners.oracil.model import Model, Origins, Share, Statistics, fingerprint
from cil_nodes.learners.oracil.shares import aligned, batch_of, share_of, summed, without_class

Shares = Mapping[str, Share]

_PARAMETERS = {
    "width": "M (the width of the projection)",
    "seed": "random_state (the seed of the projection)",
    "power": "feature_power",
}
"""Parameters of the learner by the names they have inside."""


@dataclass(frozen=True)
class Rule:
    """Parameters that matter here.

    Attributes
    ----------
    reservoir : int
        Rows kept of each class once they are not needed.
    grouping : GroupingRule
        For classes that are new here.
    searched : bool
        Whether the strength is searched; then the one found with more samples holds.
    """

    reservoir: int
    grouping: learning.GroupingRule
    searched: bool


@dataclass(frozen=True)
class Joined:
    """What merging or forgetting leaves: the sum of all shares, and its classes."""

    statistics: Statistics
    ledger: Ledger
    origins: Origins


def refuse_unlike(a: Statistics, b: Statistics) -> None:
    """Refuse statistics whose sums do not mean the same.

    Raises
    ------
    CannotMergeError
        With both values.
    """
    if a.map.dimension != b.map.dimension:
        raise CannotMergeError(
            f"This learner takes {a.map.dimension} features, the other {b.map.dimension}. Only "
            "learners behind the same encoder can be merged.",
            "encoder",
        )
    pairs = {name: (value, getattr(b.map, name)) for name, value in vars(a.map).items()}
    pairs["covariance_rank"] = (a.second.rank, b.second.rank)
    for name, (here, there) in pairs.items():
        if here != there:
            raise CannotMergeError(
                f"{_PARAMETERS.get(name, name)} is {here!r} here and {there!r} in the other "
                "learner; sums of different projections cannot be added. Teach both with the same "
                "parameters.",
                "projection",
            )
    for s, whose in ((a, "This learner"), (b, "The other learner")):
        if s.by_group or any(not isinstance(head, DualHead | GramHead) for head in s.heads):
            raise CannotMergeError(
                f"{whose} was taught with gram='group' or solver='woodbury', which keep no common "
                "sums. Teach it with gram='shared' and solver='auto' to merge it.",
                "method",
            )


def shares_of(model: Model, ledger: Ledger) -> dict[str, Share]:
    """Return every origin's share, also where nothing was merged in yet."""
    origins, s = model.origins, model.statistics
    if origins.shares or s is None or not len(s.groups):
        return dict(origins.shares)
    return {origins.name: share_of(s, ledger.indices, ledger.lessons)}


def renamed(model: Model, ledger: Ledger, name: str) -> Origins:
    """Return origins under which all that is learned from now on belongs to ``name``."""
    if name == model.origins.name:
        return model.origins
    shares = shares_of(model, ledger)
    if list(shares) == [name]:
        shares = {}
    return Origins(name, shares)


def grown(
    model: Model,
    ledger: Ledger,
    f: np.ndarray,
    positions: np.ndarray,
    rule: Rule,
) -> Origins:
    """Return origins after a lesson of one's own: rows f (n, d) of the classes ``positions``.

    Parameters
    ----------
    model : Model
        As it was before the lesson.
    ledger : Ledger
        With the lesson.
    rule : Rule
    """
    origins, s = model.origins, model.statistics
    if not origins.shares or s is None:
        return origins
    own = origins.shares.get(origins.name)
    by_sums = own is not None and isinstance(own.statistics.heads[0], GramHead)
    batch = batch_of(s, f, positions, len(ledger.classes), by_sums, rule.grouping)
    parts = [batch] if own is None else [aligned(own, ledger), batch]
    rng = np.random.default_rng([ledger.seed, ledger.lessons, 3])
    whole = summed(parts, rule.reservoir, rng)
    name = origins.name or fingerprint(batch)
    return Origins(name, {**origins.shares, name: share_of(whole, ledger.indices, ledger.lessons)})


def merged(
    mine: Model,
    ledger: Ledger,
    theirs: Model,
    their_ledger: Ledger,
    rule: Rule,
) -> Joined | None:
    """Add what another learner knows; None where that changes nothing.

    Parameters
    ----------
    mine, theirs : Model
        With statistics, of the same features and projection.
    ledger, their_ledger : Ledger
        The classes of either.
    rule : Rule
    """
    have = shares_of(mine, ledger)
    taken = _taken(mine, have, theirs, their_ledger)
    gone = {name for name, share in taken.items() if not len(share.indices)}
    labels = _labels(taken, their_ledger)
    wide = _widened(ledger, labels)
    numbers = _translation(their_ledger, wide)
    moved = {name: _renumbered(share, numbers) for name, share in taken.items()}
    shares = {name: s for name, s in {**have, **moved}.items() if name not in gone}
    if _same(have, shares):
        return None
    s = mine.statistics
    assert s is not None
    assert theirs.statistics is not None
    if rule.searched and theirs.statistics.tuned_at > s.tuned_at:
        s = replace(s, ridge=theirs.statistics.ridge, tuned_at=theirs.statistics.tuned_at)
    wide = replace(wide, lessons=ledger.lessons + 1)
    return joined(s, ledger, wide, Origins(mine.origins.name, shares), rule)


def _taken(mine: Model, have: Shares, theirs: Model, their_ledger: Ledger) -> dict[str, Share]:
    """Return the shares of another learner that are news here."""
    own, direct = mine.origins.name, theirs.origins.name
    taken = {}
    for name, share in shares_of(theirs, their_ledger).items():
        if name == own and name == direct:
            _refuse_fork(have.get(name), share, name)
        elif name == own:
            continue  # nobody knows better than this learner what it was taught itself
        elif name == direct or name not in have or share.revision > have[name].revision:
            taken[name] = share
    return taken


def _refuse_fork(mine: Share | None, theirs: Share, name: str) -> None:
    """Refuse two learners that go by one name but were taught different things."""
    if mine is not None and mine.revision == theirs.revision and _equal_sums(mine, theirs):
        return
    raise CannotMergeError(
        f"Both learners go by the origin {name!r}: one is a copy of the other that was saved "
        "earlier or taught on apart from it, and what is common to them would count twice. Call "
        "set_origin with a name of its own on each copy before it is taught on.",
        "origin",
    )


def _labels(taken: Shares, their_ledger: Ledger) -> np.ndarray:
    """Return the labels that the shares bring."""
    numbers = {number for share in taken.values() for number in share.indices.tolist()}
    return their_ledger.classes[np.isin(their_ledger.indices, sorted(numbers))]


def _widened(ledger: Ledger, labels: np.ndarray) -> Ledger:
    """Return a ledger that has these labels too; counts come later."""
    if not len(labels):
        return ledger
    if len(ledger.classes) and label_kind(labels) != label_kind(ledger.classes):
        raise CannotMergeError(
            f"The labels of one learner are {label_kind(ledger.classes)}, those of the other "
            f"{label_kind(labels)} (such as {labels[0]!r}); they cannot be compared.",
            "method",
        )
    return ledger.with_phase(labels)[0]


def _translation(theirs: Ledger, ours: Ledger) -> dict[int, int]:
    """Return our number for each of their classes that we know by name."""
    positions = ours.positions(theirs.classes)
    known = positions >= 0
    return dict(
        zip(theirs.indices[known].tolist(), ours.indices[positions[known]].tolist(), strict=True)
    )


def _renumbered(share: Share, numbers: Mapping[int, int]) -> Share:
    """Return a share under this learner's class numbers."""
    indices = np.array([numbers[i] for i in share.indices.tolist()], dtype=np.int64)
    return replace(share, indices=indices)


def _same(a: Shares, b: Shares) -> bool:
    return a.keys() == b.keys() and all(a[n] is b[n] or _equal(a[n], b[n]) for n in a)


def _equal(a: Share, b: Share) -> bool:
    alike = a.revision == b.revision and np.array_equal(a.indices, b.indices)
    return alike and _equal_sums(a, b)


def _equal_sums(a: Share, b: Share) -> bool:
    one, two = a.statistics.sums, b.statistics.sums
    return np.array_equal(one.counts, two.counts) and np.array_equal(one.totals, two.totals)


def joined(
    s: Statistics,
    before: Ledger,
    ledger: Ledger,
    origins: Origins,
    rule: Rule,
) -> Joined:
    """Sum up all shares.

    Parameters
    ----------
    s : Statistics
        What held before: groups of the classes in ``before``, projection and strength stay.
    before, ledger : Ledger
        Before, and with what the shares bring; classes of which no share is left are dropped.
    """
    shares = origins.shares
    held = {i for share in shares.values() for i in share.indices.tolist()}
    for number in ledger.indices[~np.isin(ledger.indices, sorted(held))].tolist():
        ledger = ledger.without(int(np.flatnonzero(ledger.indices == number)[0]))
    names = sorted(shares, key=lambda name: (name != origins.name, name))
    parts = [aligned(shares[name], ledger) for name in names]
    if not parts:
        nothing = learning.nothing_learned(
            s.map, s.second.rank, s.by_group, s.ridge, s.memory.rows.dtype
        )
        return Joined(nothing, ledger, Origins(origins.name))
    rng = np.random.default_rng([ledger.seed, ledger.lessons, 2])
    whole = summed(parts, rule.reservoir, rng)
    whole = replace(whole, heads=(_ready(whole.heads[0], s.ridge),), ridge=s.ridge)
    if rule.grouping.by_length:
        whole = replace(whole, spreads=np.linalg.norm(whole.sums.means, axis=1))
    stayed = np.isin(before.indices, ledger.indices)
    groups = np.unique(s.groups[stayed], return_inverse=True)[1].reshape(-1)
    groups = learning.with_groups(
        replace(whole, groups=groups), whole.sums, whole.spreads, rule.grouping
    )
    whole = replace(whole, groups=groups, tuned_at=s.tuned_at)
    counts = np.rint(whole.sums.counts).astype(np.int64)
    return Joined(whole, replace(ledger, counts=counts), origins)


def _ready(head: Head, ridge: float) -> Head:
    """Return a head of this strength that can answer."""
    if isinstance(head, GramHead):
        return head.with_ridge(ridge).with_inverse()
    return head if head.ridge == ridge or not isinstance(head, DualHead) else head.with_ridge(ridge)


def forgotten(
    model: Model,
    before: Ledger,
    ledger: Ledger,
    number: int,
    f: np.ndarray | None,
    rule: Rule,
) -> Joined:
    """Drop the class of a ``number`` from every share; ``f`` (k, d) are the rows taught here."""
    origins = model.origins
    shares = {
        name: without_class(share, number, f if name == origins.name else None)
        for name, share in origins.shares.items()
    }
    left = {name: share for name, share in shares.items() if len(share.indices)}
    assert model.statistics is not None
    kept = Origins(origins.name, left)
    return joined(model.statistics, before, ledger, kept, rule)
