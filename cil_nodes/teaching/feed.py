"""What passes by: recent samples with their pictures and answers, for whoever labels or watches.

Everything here may be lost without harm; what was taught is in the journal.
"""

from __future__ import annotations

import dataclasses
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import numpy as np

from cil_nodes.teaching.records import Prediction
from cil_nodes.teaching.samples import Sample

MakePicture = Callable[[np.ndarray, tuple[int, int, int, int]], bytes]
"""``make(pixels, roi)``: the JPEG of a region."""

KEPT_IMAGES = 8
"""Images kept until the features made from them arrive."""


class Feed:
    """A bounded memory of the stream; all methods may be called from any thread.

    Parameters
    ----------
    capacity : int
        Samples kept; the oldest goes first.
    make_picture : callable
        ``make_picture(pixels, roi)`` returns the JPEG that a sample keeps of its region.
    """

    def __init__(self, capacity: int, make_picture: MakePicture) -> None:
        self._capacity = capacity
        self._make_picture = make_picture
        self._lock = threading.Lock()
        self._samples: OrderedDict[str, Sample] = OrderedDict()
        self._answers: OrderedDict[str, Prediction] = OrderedDict()
        self._images: OrderedDict[tuple[int, str], np.ndarray] = OrderedDict()
        self._watchers: list[queue.SimpleQueue[Sample]] = []
        self._listeners: list[queue.SimpleQueue[Prediction]] = []

    def __len__(self) -> int:
        return len(self._samples)

    def add_sample(self, sample: Sample) -> None:
        """Take a sample; it gets its picture if its image is here."""
        with self._lock:
            pixels = self._images.get((sample.stamp_ns, sample.frame_id))
        if pixels is not None and not sample.picture:
            sample = self._pictured(sample, pixels)
        with self._lock:
            self._samples[sample.sample_id] = sample
            _trim(self._samples, self._capacity)
            watchers = list(self._watchers)
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
            late = [s for s in self._newest(64) if (s.stamp_ns, s.frame_id) == (stamp_ns, frame_id)]
        for sample in late:
            if not sample.picture:
                pictured = self._pictured(sample, pixels)
                with self._lock:
                    self._samples[sample.sample_id] = pictured

    def add_answer(self, answer: Prediction) -> None:
        """Take what the learner said of a sample."""
        with self._lock:
            self._answers[answer.sample_id] = answer
            _trim(self._answers, self._capacity)
            listeners = list(self._listeners)
        for listener in listeners:
            listener.put(answer)

    def find(self, sample_ids: Iterable[str]) -> tuple[list[Sample], list[str]]:
        """Return the samples that are still here, and the ids of those that are not."""
        found, missing = [], []
        with self._lock:
            for sample_id in dict.fromkeys(sample_ids):
                sample = self._samples.get(sample_id)
                if sample is None:
                    missing.append(sample_id)
                else:
                    found.append(sample)
        return found, missing

    def answers_to(self, sample_ids: Iterable[str]) -> list[Prediction]:
        """Return the answers that have come to these samples."""
        with self._lock:
            return [self._answers[i] for i in sample_ids if i in self._answers]

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

    @contextmanager
    def _joined(self, members: list[queue.SimpleQueue]) -> Iterator[queue.SimpleQueue]:
        one: queue.SimpleQueue = queue.SimpleQueue()
        with self._lock:
            members.append(one)
        try:
            yield one
        finally:
            with self._lock:
                members.remove(one)

    def _newest(self, count: int) -> list[Sample]:
        newest = []
        for sample, _ in zip(reversed(self._samples.values()), range(count), strict=False):
            newest.append(sample)
        return newest

    def _pictured(self, sample: Sample, pixels: np.ndarray) -> Sample:
        return dataclasses.replace(sample, picture=self._make_picture(pixels, sample.roi))


def _trim(store: OrderedDict, capacity: int) -> None:
    while len(store) > capacity:
        store.popitem(last=False)
