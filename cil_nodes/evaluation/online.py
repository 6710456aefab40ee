"""Running figures of a live graph: predictions matched with the truth as both arrive.

A prediction and a truth belong together when stamp, frame and region are equal. Figures are those
of the model version that answers; `OnlineMetrics.close_version` ends one and begins the next, and
what each class reached under earlier versions is kept for forgetting.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from cil_nodes.evaluation.metrics import auroc, latency_summary

NAN = float("nan")
Key = tuple[int, str, tuple[int, int, int, int]]
"""Stamp in nanoseconds, frame, region (x, y, width, height)."""


@dataclass(frozen=True)
class Answered:
    """What the learner said about one region."""

    label: str
    is_unknown: bool
    unknown_score: float
    latency_ms: float = NAN


@dataclass(frozen=True)
class OnlineFigures:
    """The figures of ``Metrics.msg``; rates in [0, 1], NaN where nothing was measured.

    Attributes
    ----------
    compared, unmatched : int
        Pairs found since the start; truths whose prediction never came. Fewer unmatched is better.
    accuracy, accuracy_window : float
        Share of taught objects named rightly under this version, and over the last 200 of them;
        "unknown" counts as wrong. Higher is better.
    forgetting : float
        Mean over classes of (best accuracy under an earlier version - accuracy now). Lower is
        better.
    false_unknown_rate, unknown_caught_rate : float
        Share called unknown among taught (lower is better) and untaught objects (higher is better).
    unknown_auroc : float
        Area under the ROC of the unknown score, over the newest pairs. Higher is better.
    latency_p50_ms, latency_p99_ms : float
        Image stamp to prediction received, over the newest pairs. Lower is better.
    """

    compared: int
    unmatched: int
    accuracy: float
    accuracy_window: float
    forgetting: float
    false_unknown_rate: float
    unknown_caught_rate: float
    unknown_auroc: float
    latency_p50_ms: float
    latency_p99_ms: float


@dataclass
class _Share:
    """How many of how many."""

    hits: int = 0
    total: int = 0

    def add(self, hit: bool) -> None:
        self.hits += bool(hit)
        self.total += 1

    @property
    def value(self) -> float:
        return self.hits / self.total if self.total else NAN


@dataclass
class _VersionFigures:
    """Counts of one model version."""

    right: _Share = field(default_factory=_Share)
    false_unknown: _Share = field(default_factory=_Share)
    caught: _Share = field(default_factory=_Share)
    by_class: dict[str, _Share] = field(default_factory=lambda: defaultdict(_Share))


class OnlineMetrics:
    """Match predictions with truths and keep the running figures; memory is bounded.

    Parameters
    ----------
    window : int, default 200
        Length of ``accuracy_window``.
    waiting : int, default 1000
        Truths or predictions kept while the other half is missing; the oldest truth that falls
        out is counted as unmatched.
    recent : int, default 2000
        Pairs kept for latency and for each side of the AUROC.

    Examples
    --------
    >>> metrics = OnlineMetrics()
    >>> metrics.set_taught(["mug"])
    >>> key = (1, "camera", (0, 0, 0, 0))
    >>> metrics.add_truth(key, "Mug")
    >>> metrics.add_prediction(key, Answered("mug", False, 0.1))
    >>> metrics.figures().accuracy
    1.0
    """

    def __init__(self, window: int = 200, waiting: int = 1000, recent: int = 2000) -> None:
        self._waiting = waiting
        self._taught: frozenset[str] = frozenset()
        self._truths: OrderedDict[Key, str] = OrderedDict()
        self._answers: OrderedDict[Key, Answered] = OrderedDict()
        self._now = _VersionFigures()
        self._best: dict[str, float] = {}
        self._window: deque[bool] = deque(maxlen=window)
        self._latencies: deque[float] = deque(maxlen=recent)
        self._scores: dict[bool, deque[float]] = {
            True: deque(maxlen=recent),
            False: deque(maxlen=recent),
        }
        self._compared = 0
        self._unmatched = 0

    def set_taught(self, labels: Iterable[str]) -> None:
        """Say which classes the model knows now; labels are compared without case."""
        self._taught = frozenset(label.casefold() for label in labels)

    def add_truth(self, key: Key, label: str) -> None:
        """Take what is really in a region; an empty label means nothing to recognise.

        Such pairs are compared (they tell whether frames get lost) but enter no other figure.
        """
        answer = self._answers.pop(key, None)
        if answer is not None:
            self._compare(label, answer)
            return
        self._truths[key] = label
        if len(self._truths) > self._waiting:
            self._truths.popitem(last=False)
            self._unmatched += 1

    def add_prediction(self, key: Key, answer: Answered) -> None:
        """Take what the learner said about a region."""
        truth = self._truths.pop(key, None)
        if truth is not None:
            self._compare(truth, answer)
            return
        self._answers[key] = answer
        if len(self._answers) > self._waiting:
            self._answers.popitem(last=False)

    def expire(self, before_ns: int) -> int:
        """Count truths stamped before ``before_ns`` as unmatched; returns how many."""
        late = [key for key in self._truths if key[0] < before_ns]
        for key in late:
            del self._truths[key]
        self._unmatched += len(late)
        return len(late)

    def begin_again(self) -> int:
        """Forget what waits, since stamps begin anew and would match what is no more.

        Returns
        -------
        int
            Truths that waited; they count as unmatched.
        """
        gone = len(self._truths)
        self._truths.clear()
        self._answers.clear()
        self._unmatched += gone
        return gone

    def close_version(self) -> OnlineFigures:
        """End the figures of the version that answered so far and begin the next one's."""
        figures = self.figures()
        for label, share in self._now.by_class.items():
            self._best[label] = max(self._best.get(label, 0.0), share.value)
        self._now = _VersionFigures()
        return figures

    def figures(self) -> OnlineFigures:
        """Return the figures as they stand."""
        latency = latency_summary(list(self._latencies))
        return OnlineFigures(
            compared=self._compared,
            unmatched=self._unmatched,
            accuracy=self._now.right.value,
            accuracy_window=float(np.mean(self._window)) if self._window else NAN,
            forgetting=self._forgetting(),
            false_unknown_rate=self._now.false_unknown.value,
            unknown_caught_rate=self._now.caught.value,
            unknown_auroc=self._auroc(),
            latency_p50_ms=latency.p50_ms,
            latency_p99_ms=latency.p99_ms,
        )

    def _compare(self, truth: str, answer: Answered) -> None:
        """Enter one pair."""
        self._compared += 1
        self._latencies.append(answer.latency_ms)
        if not truth:
            return
        name = truth.casefold()
        taught = name in self._taught
        self._scores[taught].append(answer.unknown_score)
        if not taught:
            self._now.caught.add(answer.is_unknown)
            return
        right = not answer.is_unknown and answer.label.casefold() == name
        self._now.right.add(right)
        self._now.by_class[name].add(right)
        self._now.false_unknown.add(answer.is_unknown)
        self._window.append(right)

    def _forgetting(self) -> float:
        """Mean fall from each class's best under earlier versions; a rise counts as it is."""
        falls = [
            self._best[label] - share.value
            for label, share in self._now.by_class.items()
            if label in self._best
        ]
        return max(0.0, float(np.mean(falls))) if falls else NAN

    def _auroc(self) -> float:
        """AUROC over the newest scores of both sides."""
        known, unknown = self._scores[True], self._scores[False]
        return auroc(list(known), list(unknown)) if known and unknown else NAN
