"""Says why no images come: silence is the first thing people meet.

:class:`ImageWatchdog` decides when to speak and what to say from plain numbers; the node asks it
once a second and hands in what it sees of the graph.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

LARGE = 400_000
"""Bytes above which images do not fit the default shared-memory segment with room to spare."""

_REMEDY = (
    "Large images get lost over the default shared memory: point FASTRTPS_DEFAULT_PROFILES_FILE "
    "at config/fastdds.xml for both ends (docs/launch.md), or subscribe to the compressed topic."
)


@dataclass
class ImageWatchdog:
    """Watches the arrival of images.

    Parameters
    ----------
    timeout : float
        Seconds of silence before a warning.
    again : float
        Seconds before a warning is repeated; at once when other image topics have turned up.
    window : float
        Seconds over which arrivals are compared with what the camera announces.
    """

    timeout: float = 5.0
    again: float = 30.0
    window: float = 5.0
    size: int = 0
    """Bytes of the last image."""
    _last: float | None = None
    _said: float = float("-inf")
    _topics: tuple[str, ...] = ()
    _arrived: deque[float] = field(default_factory=deque)
    _announced: deque[float] = field(default_factory=deque)

    def start(self, now: float) -> None:
        """Begin to watch; times are in seconds of a steady clock."""
        self._last, self._said = now, float("-inf")
        self._arrived.clear()
        self._announced.clear()

    def image(self, now: float, size: int) -> None:
        """An image of ``size`` bytes came."""
        self._last, self.size = now, size
        self._arrived.append(now)

    def announcement(self, now: float) -> None:
        """The camera announced an image by its (small) ``camera_info``."""
        self._announced.append(now)

    def check(
        self, now: float, topic: str, publishers: int, image_topics: Sequence[str]
    ) -> str | None:
        """Return a warning when one is due, else None.

        Parameters
        ----------
        now : float
            Seconds of the steady clock.
        topic : str
            Resolved name of the image topic.
        publishers : int
            Publishers of that topic.
        image_topics : sequence of str
            All image topics in the graph.
        """
        for times in (self._arrived, self._announced):
            while times and now - times[0] > self.window:
                times.popleft()
        news = not publishers and tuple(sorted(image_topics)) != self._topics
        if self._last is None or (now - self._said < self.again and not news):
            return None
        text = self._silence(now, topic, publishers, image_topics) or self._losses(topic)
        if text:
            self._said, self._topics = now, tuple(sorted(image_topics))
        return text

    def _silence(
        self, now: float, topic: str, publishers: int, image_topics: Sequence[str]
    ) -> str | None:
        quiet = now - (self._last or 0.0)
        if quiet < self.timeout:
            return None
        text = f"No image on {topic} for {quiet:.0f} s. "
        if publishers and self._announced:
            return text + f"Its camera is sending: camera_info arrives. {_REMEDY}"
        if publishers:
            return text + (
                f"It has {publishers} publisher(s), from which nothing arrives. A simulated camera "
                "sends only what its service show asks for; else see the camera's own log."
            )
        others = [name for name in image_topics if name != topic]
        if not others:
            return text + "Nobody publishes images: is the camera running, in this ROS_DOMAIN_ID?"
        return text + (
            f"Nobody publishes there; these image topics exist: {', '.join(others)}. "
            f"Remap one: -r {topic.rsplit('/', 1)[-1]}:={others[0]}"
        )

    def _losses(self, topic: str) -> str | None:
        sent, came = len(self._announced), len(self._arrived)
        if sent < 20 or came >= 0.9 * sent:
            return None
        text = f"Only {came} of {sent} images on {topic} arrived in the last {self.window:g} s. "
        return text + (_REMEDY if self.size > LARGE else "Is the network or the machine too busy?")
