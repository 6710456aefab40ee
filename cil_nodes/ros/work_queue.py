"""What waits for the extractor: a queue that keeps the newest, and images that wait for regions.

Plain Python, no ROS.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class NewestQueue(Generic[T]):
    """A queue between two threads that drops its oldest item when it is full.

    Parameters
    ----------
    size : int
        The most items that wait; may be changed while it is used.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.dropped = 0
        """Items dropped so far."""
        self._items: deque[T] = deque()
        self._ready = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Add the newest item."""
        with self._ready:
            self._items.append(item)
            while len(self._items) > self.size:
                self._items.popleft()
                self.dropped += 1
            self._ready.notify()

    def take(self, most: int) -> list[T]:
        """Wait for items and take up to ``most``, oldest first; empty once closed."""
        with self._ready:
            self._ready.wait_for(lambda: self._items or self._closed)
            count = 0 if self._closed else min(most, len(self._items))
            return [self._items.popleft() for _ in range(count)]

    def close(self) -> None:
        """Throw away what waits and let :meth:`take` return at once."""
        with self._ready:
            self._items.clear()
            self._closed = True
            self._ready.notify_all()


Key = Hashable
"""What an image and its regions have in common: stamp and frame."""


@dataclass
class RegionMatcher:
    """Brings images and their regions together, whichever comes first.

    Parameters
    ----------
    patience : float
        Seconds that an image waits for its regions.
    keep : int
        The most images, and the most lists of regions, that wait.
    """

    patience: float = 0.2
    keep: int = 32
    late: int = 0
    """Images given up because no regions came."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _images: OrderedDict[Key, tuple[float, Any]] = field(default_factory=OrderedDict)
    _regions: OrderedDict[Key, Sequence[Any]] = field(default_factory=OrderedDict)

    def image(self, key: Key, item: Any, now: float) -> tuple[Any, Sequence[Any]] | None:
        """Offer an image (``now`` in seconds); returns it with its regions once both are there."""
        with self._lock:
            if key in self._regions:
                return item, self._regions.pop(key)
            self._images[key] = (now, item)
            if len(self._images) > self.keep:
                self._images.popitem(last=False)
                self.late += 1
            return None

    def regions(self, key: Key, regions: Sequence[Any]) -> tuple[Any, Sequence[Any]] | None:
        """Offer the regions of an image; returns both once the image is there."""
        with self._lock:
            if key in self._images:
                return self._images.pop(key)[1], regions
            self._regions[key] = regions
            if len(self._regions) > self.keep:
                self._regions.popitem(last=False)
            return None

    def expire(self, now: float) -> int:
        """Give up images that have waited too long; returns how many."""
        with self._lock:
            old = [key for key, (since, _) in self._images.items() if now - since > self.patience]
            for key in old:
                del self._images[key]
            self.late += len(old)
            return len(old)

    def clear(self) -> None:
        """Forget everything that waits."""
        with self._lock:
            self._images.clear()
            self._regions.clear()


@dataclass
class FirstTransport:
    """Lets each image through once when raw and compressed both carry it.

    A key that came by one transport is refused from another; one transport may repeat a key,
    because some drivers never set their stamps.
    """

    keep: int = 64
    _seen: OrderedDict[Key, str] = field(default_factory=OrderedDict)

    def first(self, key: Key, transport: str) -> bool:
        """Whether this image has not come by another transport already."""
        before = self._seen.setdefault(key, transport)
        if len(self._seen) > self.keep:
            self._seen.popitem(last=False)
        return before == transport
