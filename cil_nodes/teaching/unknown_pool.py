"""Unknown things, grouped by likeness: one question for a person instead of a hundred.

Leader clustering on unit vectors: a sample joins the group whose mean direction is nearest, if it
is near enough, and founds a new one otherwise; two groups that have grown alike become one and keep
the older number. Time is that of the samples' stamps.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from cil_nodes.teaching.samples import Sample
from cil_nodes.teaching.watching import unit

NANOSECONDS = 1_000_000_000
EXEMPLARS = 9
NEAREST = 5
JUMP_S = 10
"""Seconds by which stamps must go back to count as a new beginning (a bag that loops)."""
_HALF_SIZE = 4.0  # a group of this size has half the weight that size can give


@dataclass(frozen=True)
class UnknownGroup:
    """One question, as ``UnknownCluster.msg`` carries it.

    ``exemplar_ids`` holds the most typical samples first, at most 9; ``nearest`` the mean scores of
    known classes, best first, at most 5; ``priority`` is in [0, 1].
    """

    cluster_id: int
    suggested_label: str
    size: int
    first_seen_ns: int
    last_seen_ns: int
    priority: float
    exemplar_ids: tuple[str, ...]
    nearest: tuple[tuple[str, float], ...]


@dataclass
class _Member:
    sample_id: str
    direction: np.ndarray
    unknown_score: float
    nearest: tuple[tuple[str, float], ...]


@dataclass
class _Group:
    number: int
    first_seen_ns: int
    last_seen_ns: int
    total: np.ndarray
    size: int = 0
    members: dict[str, _Member] = field(default_factory=dict)
    quiet_until_ns: int = 0
    dismissed: bool = False

    @property
    def direction(self) -> np.ndarray:
        return unit(self.total)


class UnknownPool:
    """Groups of look-alike unknowns, bounded in number, size and age. Thread-safe.

    Parameters
    ----------
    join_similarity : float in (-1, 1)
        Least cosine between a sample and a group's mean for the sample to join.
    max_groups : int
        Most groups kept; the least urgent go first.
    max_members : int
        Most samples a group remembers, the newest; its size counts on.
    max_age_s : float
        Seconds without a new member after which a group is dropped.
    suggest_above : float in [0, 1]
        Least mean score for the nearest known class to be suggested.
    """

    def __init__(
        self,
        join_similarity: float = 0.8,
        max_groups: int = 64,
        max_members: int = 64,
        max_age_s: float = 3600.0,
        suggest_above: float = 0.3,
    ) -> None:
        self._join = join_similarity
        self._max_groups = max_groups
        self._max_members = max_members
        self._max_age_ns = int(max_age_s * NANOSECONDS)
        self._suggest_above = suggest_above
        self._groups: dict[int, _Group] = {}
        self._next = 0
        self._now_ns = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._groups)

    def add(
        self,
        sample: Sample,
        unknown_score: float,
        nearest: Sequence[tuple[str, float]] = (),
    ) -> int:
        """Take in one unknown; return the number of its group.

        Parameters
        ----------
        sample : Sample
            Of the encoder of all others.
        unknown_score : float in [0, 1]
            How unknown it is.
        nearest : sequence of (label, score)
            Known classes it is most like.
        """
        direction = unit(sample.features)
        member = _Member(sample.sample_id, direction, unknown_score, tuple(nearest)[:NEAREST])
        with self._lock:
            self._pass_time(sample.stamp_ns)
            self._forget([sample.sample_id])
            group = self._near(direction) or self._found(sample.stamp_ns, len(direction))
            self._join_group(group, member, sample.stamp_ns)
            group = self._merge(group)
            self._drop_least(group.number)
            return group.number

    def _near(self, direction: np.ndarray) -> _Group | None:
        best = max(
            self._groups.values(), key=lambda g: float(g.direction @ direction), default=None
        )
        if best is None or float(best.direction @ direction) < self._join:
            return None
        return best

    def _found(self, stamp_ns: int, dimension: int) -> _Group:
        group = _Group(self._next, stamp_ns, stamp_ns, np.zeros(dimension))
        self._groups[group.number] = group
        self._next += 1
        return group

    def _join_group(self, group: _Group, member: _Member, stamp_ns: int) -> None:
        group.members[member.sample_id] = member
        group.total = group.total + member.direction
        group.size += 1
        group.first_seen_ns = min(group.first_seen_ns, stamp_ns)
        group.last_seen_ns = max(group.last_seen_ns, stamp_ns)
        self._trim(group)

    def _trim(self, group: _Group) -> None:
        while len(group.members) > self._max_members:
            del group.members[next(iter(group.members))]

    def _merge(self, group: _Group) -> _Group:
        for other in list(self._groups.values()):
            if other is group or other.number not in self._groups:  # it went into an older one
                continue
            if float(other.direction @ group.direction) < self._join:
                continue
            older, younger = sorted((group, other), key=lambda g: g.number)
            older.total = older.total + younger.total
            older.size += younger.size
            older.members.update(younger.members)
            older.first_seen_ns = min(older.first_seen_ns, younger.first_seen_ns)
            older.last_seen_ns = max(older.last_seen_ns, younger.last_seen_ns)
            self._trim(older)
            del self._groups[younger.number]
            group = older
        return group

    def _pass_time(self, stamp_ns: int) -> None:
        """Follow the stream's time; when it begins anew, ages and delays go on from there."""
        back = self._now_ns - stamp_ns
        if back > JUMP_S * NANOSECONDS:
            for group in self._groups.values():
                group.first_seen_ns -= back
                group.last_seen_ns -= back
                group.quiet_until_ns -= back
            self._now_ns = stamp_ns
        self._now_ns = max(self._now_ns, stamp_ns)
        self._drop_old()

    def _drop_old(self) -> None:
        for number, group in list(self._groups.items()):
            if self._now_ns - group.last_seen_ns > self._max_age_ns:
                del self._groups[number]

    def _drop_least(self, newest: int) -> None:
        while len(self._groups) > self._max_groups:
            others = [group for group in self._groups.values() if group.number != newest]
            del self._groups[min(others, key=self._priority).number]

    def _forget(self, sample_ids: Iterable[str]) -> None:
        gone = set(sample_ids)
        for number, group in list(self._groups.items()):
            for sample_id in gone & group.members.keys():
                group.total = group.total - group.members.pop(sample_id).direction
                group.size -= 1
            if not group.members:
                del self._groups[number]

    def remove(self, sample_ids: Iterable[str]) -> None:
        """Take samples out, as when they have been named; a group left empty goes."""
        with self._lock:
            self._forget(sample_ids)

    def members(self, cluster_id: int) -> list[str]:
        """Return the ids that a group remembers, oldest first.

        Raises
        ------
        KeyError
            If there is no such group.
        """
        with self._lock:
            return list(self._groups[cluster_id].members)

    def put_off(self, cluster_id: int, seconds: float = 600.0) -> None:
        """Do not ask about a group for a while; KeyError if there is none."""
        with self._lock:
            group = self._groups[cluster_id]
            group.quiet_until_ns = self._now_ns + int(seconds * NANOSECONDS)

    def dismiss(self, cluster_id: int) -> None:
        """Never ask about a group again while it lasts; look-alikes join it silently."""
        with self._lock:
            self._groups[cluster_id].dismissed = True

    def advance(self, stamp_ns: int) -> None:
        """Let time pass without a new unknown."""
        with self._lock:
            self._pass_time(stamp_ns)

    def groups(self) -> list[UnknownGroup]:
        """Return the questions worth asking now, most urgent first."""
        with self._lock:
            asked = [
                group
                for group in self._groups.values()
                if not group.dismissed and group.quiet_until_ns <= self._now_ns
            ]
            asked.sort(key=lambda group: (-self._priority(group), group.number))
            return [self._question(group) for group in asked]

    def _priority(self, group: _Group) -> float:
        """How unknown, how often and how lately seen; the last halves it over half its life."""
        unknown = float(np.mean([member.unknown_score for member in group.members.values()]))
        often = group.size / (group.size + _HALF_SIZE)
        age = (self._now_ns - group.last_seen_ns) / max(1, self._max_age_ns)
        return float(np.clip(unknown * often * 0.5 ** (2 * age), 0.0, 1.0))

    def _question(self, group: _Group) -> UnknownGroup:
        middle = group.direction
        typical = sorted(
            group.members.values(), key=lambda m: (-float(m.direction @ middle), m.sample_id)
        )
        nearest = _mean_scores(group.members.values())
        likely = bool(nearest) and nearest[0][1] >= self._suggest_above
        return UnknownGroup(
            cluster_id=group.number,
            suggested_label=nearest[0][0] if likely else "",
            size=group.size,
            first_seen_ns=group.first_seen_ns,
            last_seen_ns=group.last_seen_ns,
            priority=self._priority(group),
            exemplar_ids=tuple(member.sample_id for member in typical[:EXEMPLARS]),
            nearest=nearest,
        )


def _mean_scores(members: Iterable[_Member]) -> tuple[tuple[str, float], ...]:
    """Return each known class's mean score over the members, best first."""
    sums: dict[str, float] = {}
    count = 0
    for member in members:
        count += 1
        for label, score in member.nearest:
            sums[label] = sums.get(label, 0.0) + score
    means = [(label, total / count) for label, total in sums.items()]
    means.sort(key=lambda pair: (-pair[1], pair[0]))
    return tuple(means[:NEAREST])
