"""The last samples seen, by id: what a person can still point at and name."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace

from cil_nodes.teaching.samples import Sample

_OVERHEAD = 500  # bytes of a sample besides vector and picture, roughly


class RecentSamples:
    """A ring of samples, bounded in number and bytes; the oldest go first. Thread-safe.

    Parameters
    ----------
    capacity : int
        Most samples kept.
    max_bytes : int
        Most bytes kept, vectors and pictures together.
    """

    def __init__(self, capacity: int = 2000, max_bytes: int = 64 * 2**20) -> None:
        if capacity < 1 or max_bytes < 1:
            raise ValueError(f"capacity {capacity} and max_bytes {max_bytes} must be at least 1.")
        self._capacity = capacity
        self._max_bytes = max_bytes
        self._samples: OrderedDict[str, Sample] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._samples)

    def __contains__(self, sample_id: object) -> bool:
        return sample_id in self._samples

    @property
    def memory_bytes(self) -> int:
        """Bytes that the samples take, roughly."""
        return self._bytes

    def add(self, sample: Sample) -> None:
        """Take in one sample; one of the same id is replaced."""
        with self._lock:
            self._remove(sample.sample_id)
            self._samples[sample.sample_id] = sample
            self._bytes += _size(sample)
            while len(self._samples) > self._capacity or self._bytes > self._max_bytes:
                if len(self._samples) == 1:
                    break  # the newest stays, however large
                self._remove(next(iter(self._samples)))

    def _remove(self, sample_id: str) -> None:
        old = self._samples.pop(sample_id, None)
        if old is not None:
            self._bytes -= _size(old)

    def add_picture(self, sample_id: str, picture: bytes) -> bool:
        """Give a sample its JPEG; whether it is still kept."""
        with self._lock:
            old = self._samples.get(sample_id)
            if old is None:
                return False
            self._samples[sample_id] = replace(old, picture=picture)
            self._bytes += len(picture) - len(old.picture)
            return True

    def get(self, sample_id: str) -> Sample | None:
        """Return one sample; None when it is gone."""
        return self._samples.get(sample_id)

    def find(self, sample_ids: Iterable[str]) -> tuple[list[Sample], list[str]]:
        """Return the samples still kept, and the ids of those that are gone, in their order."""
        with self._lock:
            found, missing = [], []
            for sample_id in sample_ids:
                sample = self._samples.get(sample_id)
                if sample is None:
                    missing.append(sample_id)
                else:
                    found.append(sample)
            return found, missing

    def newest(self, count: int) -> list[Sample]:
        """Return the last ``count`` samples taken in, newest first."""
        with self._lock:
            return [s for s, _ in zip(reversed(self._samples.values()), range(count), strict=False)]

    def at(self, stamp_ns: int, frame_id: str) -> list[Sample]:
        """Return the samples of one image, newest first."""
        with self._lock:
            return [
                sample
                for sample in reversed(self._samples.values())
                if sample.stamp_ns == stamp_ns and sample.frame_id == frame_id
            ]

    def clear(self) -> None:
        """Drop everything, as when the encoder changes."""
        with self._lock:
            self._samples.clear()
            self._bytes = 0


def _size(sample: Sample) -> int:
    return sample.features.nbytes + len(sample.picture) + _OVERHEAD
