"""What passes by: recent samples with pictures and answers, and the unknown ones in groups.

Everything here may be lost without harm; what was taught is in the journal.
"""

from __future__ import annotations

import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from cil_nodes.teaching.recent import RecentSamples
from cil_nodes.teaching.records import Prediction
from cil_nodes.teaching.samples import Sample
from cil_nodes.teaching.unknown_pool import UnknownGroup, UnknownPool

MakePicture = Callable[[np.ndarray, tuple[int, int, int, int]], bytes]
"""``make(pixels, roi)``: the JPEG of a region."""

KEPT_IMAGES = 8
"""Images kept until the features made from them arrive."""

EARLY_UNKNOWNS = 256
"""Unknowns kept whose features have not arrived yet."""


class Feed:
    """A bounded memory of the stream; all methods may be called from any thread.

    Parameters
    ----------
    capacity : int
        Samples kept; the oldest goes first.
    make_picture : callable
        ``make_picture(pixels, roi)`` returns the JPEG that a sample keeps of its region.
    make_pool : callable
        Makes an empty pool of unknowns.
    """

    def __init__(
        self,
        capacity: int,
        make_picture: MakePicture,
        make_pool: Callable[[], UnknownPool] = UnknownPool,
    ) -> None:
        self._make_picture = make_picture
        self._make_pool = make_pool
        self._capacity = capacity
        self._recent = RecentSamples(capacity)
        self._pool = make_pool()
        self._encoder_id = ""
        self._lock = threading.Lock()
        self._answers: OrderedDict[str, Prediction] = OrderedDict()
        self._images: OrderedDict[tuple[int, str], np.ndarray] = OrderedDict()
        self._early: OrderedDict[str, tuple[float, tuple[tuple[str, float], ...]]] = OrderedDict()
        self._grouped: dict[str, Sample] = {}  # members of groups outlive the ring
        self._numbers: set[int] = set()
        self._watchers: list[queue.SimpleQueue[Any]] = []
        self._listeners: list[queue.SimpleQueue[Any]] = []

    def __len__(self) -> int:
        return len(self._recent)

    @property
    def encoder_id(self) -> str:
        """Encoder of the samples kept; empty before the first."""
        return self._encoder_id

    # -- what comes

    def add_sample(self, sample: Sample) -> None:
        """Take a sample; it gets its picture if its image is here.

        With another encoder than before, all earlier samples are dropped: they cannot be compared.
        """
        if sample.encoder_id != self._encoder_id:
            self._begin(sample.encoder_id)
        self._recent.add(sample)
        with self._lock:
            pixels = self._images.get((sample.stamp_ns, sample.frame_id))
            early = self._early.pop(sample.sample_id, None)
            watchers = list(self._watchers)
        if pixels is not None:
            self._picture(sample, pixels)
        if early is not None:
            self.add_unknown(sample.sample_id, *early)
        for watcher in watchers:
            watcher.put(sample)

    def add_image(self, stamp_ns: int, frame_id: str, pixels: np.ndarray) -> None:
        """Take an image, before or after the samples made from it.

        Parameters
        ----------
        stamp_ns, frame_id
            Of its header: by these it is matched with samples.
        pixels : numpy.ndarray
            (H, W, 3) uint8 RGB; not copied.
        """
        with self._lock:
            self._images[stamp_ns, frame_id] = pixels
            _trim(self._images, KEPT_IMAGES)
        for sample in self._recent.at(stamp_ns, frame_id):
            self._picture(sample, pixels)

    def add_answer(self, answer: Prediction) -> None:
        """Take what the learner said of a sample."""
        with self._lock:
            self._answers[answer.sample_id] = answer
            _trim(self._answers, self._capacity)
            listeners = list(self._listeners)
        for listener in listeners:
            listener.put(answer)

    def add_unknown(
        self, sample_id: str, unknown_score: float, nearest: Sequence[tuple[str, float]] = ()
    ) -> None:
        """Take a sample that was called unknown into its group, or wait for its features."""
        sample = self._recent.get(sample_id)
        with self._lock:
            if sample is None:
                self._early[sample_id] = (unknown_score, tuple(nearest))
                _trim(self._early, EARLY_UNKNOWNS)
                return
            self._grouped[sample_id] = sample
            self._numbers.add(self._pool.add(sample, unknown_score, nearest))

    # -- what is asked

    def find(self, sample_ids: Iterable[str]) -> tuple[list[Sample], list[str]]:
        """Return the samples that are still here, and the ids of those that are not."""
        found, missing = self._recent.find(dict.fromkeys(sample_ids))
        with self._lock:
            found += [self._grouped[i] for i in missing if i in self._grouped]
            missing = [i for i in missing if i not in self._grouped]
        return found, missing

    def answers_to(self, sample_ids: Iterable[str]) -> list[Prediction]:
        """Return the answers that have come to these samples."""
        with self._lock:
            return [self._answers[i] for i in sample_ids if i in self._answers]

    def groups(self) -> list[UnknownGroup]:
        """Return the questions worth asking now, most urgent first."""
        newest = self._recent.newest(1)
        if newest:
            self._pool.advance(newest[0].stamp_ns)
        self._drop_strangers()
        return self._pool.groups()

    def pictures(self, sample_ids: Iterable[str]) -> list[bytes]:
        """Return the JPEG of each sample; empty where there is none."""
        ids = list(sample_ids)
        by_id = {sample.sample_id: sample.picture for sample in self.find(ids)[0]}
        return [by_id.get(sample_id, b"") for sample_id in ids]

    @property
    def pool(self) -> UnknownPool:
        """The groups of unknowns; changes when the encoder does."""
        return self._pool

    @contextmanager
    def watch_samples(self) -> Iterator[queue.SimpleQueue[Sample]]:
        """Give a queue into which every new sample goes while the block runs."""
        with self._joined(self._watchers) as watcher:
            yield watcher

    @contextmanager
    def watch_answers(self) -> Iterator[queue.SimpleQueue[Prediction]]:
        """Give a queue into which every new answer goes while the block runs."""
        with self._joined(self._listeners) as listener:
            yield listener

    # -- inside

    def _begin(self, encoder_id: str) -> None:
        with self._lock:
            self._encoder_id = encoder_id
            self._recent.clear()
            self._pool = self._make_pool()
            self._grouped.clear()
            self._numbers.clear()

    def _picture(self, sample: Sample, pixels: np.ndarray) -> None:
        if not sample.picture:
            self._recent.add_picture(sample.sample_id, self._make_picture(pixels, sample.roi))

    def _drop_strangers(self) -> None:
        """Keep only samples that a group remembers, with the pictures they got meanwhile."""
        with self._lock:
            members: set[str] = set()
            for number in list(self._numbers):
                try:
                    members.update(self._pool.members(number))
                except KeyError:
                    self._numbers.discard(number)
            self._grouped = {
                key: self._recent.get(key) or sample
                for key, sample in self._grouped.items()
                if key in members
            }

    @contextmanager
    def _joined(self, members: list[queue.SimpleQueue[Any]]) -> Iterator[queue.SimpleQueue[Any]]:
        one: queue.SimpleQueue[Any] = queue.SimpleQueue()
        with self._lock:
            members.append(one)
        try:
            yield one
        finally:
            with self._lock:
                members.remove(one)


def _trim(store: OrderedDict[Any, Any], capacity: int) -> None:
    while len(store) > capacity:
        store.popitem(last=False)
