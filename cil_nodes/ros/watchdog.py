"""Says why no images come: silence is the first thing people meet.

:class:`ImageWatchdog` decides when to speak and what to say from plain numbers; the node asks it
once a second and hands in what it sees of the graph.
"""

from __future__ import annotations

import contextlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any

RAW, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"

LARGE = 400_000
"""Bytes above which images do not fit the default shared-memory segment with room to spare."""

ENOUGH = 10
"""Images that must have been announced before losses are counted."""

ON_REQUEST = "cil_msgs/srv/ShowObject"
"""Type of the service by which a camera is asked for images; one that has it promises none."""

_REMEDY = (
    "Large images get lost over the default shared memory: point FASTRTPS_DEFAULT_PROFILES_FILE "
    "at config/fastdds.xml for both ends (docs/launch.md), or subscribe to the compressed topic."
)


@dataclass(frozen=True)
class ImageGraph:
    """What the graph holds of images.

    Attributes
    ----------
    publishers : int
        Publishers of the topics that are watched.
    on_request : bool
        Whether they send only what they are asked for, or say themselves that nothing comes.
    others : tuple of str
        Other image topics that somebody publishes, raw ones first.
    compressed : frozenset of str
        Those of ``others`` that carry compressed images.
    """

    publishers: int = 0
    on_request: bool = False
    others: tuple[str, ...] = ()
    compressed: frozenset[str] = frozenset()


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
    _others: tuple[str, ...] = ()
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

    def announcement(self, now: float, size: int = 0) -> None:
        """The camera announced an image of ``size`` bytes by its (small) ``camera_info``."""
        self._announced.append(now)
        self.size = max(self.size, size)

    def check(self, now: float, topic: str, graph: ImageGraph) -> str | None:
        """Return a warning when one is due, else None.

        Parameters
        ----------
        now : float
            Seconds of the steady clock.
        topic : str
            Resolved name of the image topic.
        graph : ImageGraph
            What is there now.
        """
        for times in (self._arrived, self._announced):
            while times and now - times[0] > self.window:
                times.popleft()
        news = not graph.publishers and graph.others != self._others
        if self._last is None or (now - self._said < self.again and not news):
            return None
        text = self._silence(now, topic, graph) or self._losses(topic)
        if text:
            self._said, self._others = now, graph.others
        return text

    def _silence(self, now: float, topic: str, graph: ImageGraph) -> str | None:
        quiet = now - (self._last or 0.0)
        if quiet < self.timeout:
            return None
        text = f"No image on {topic} for {quiet:.0f} s. "
        if graph.publishers and self._announced:
            return text + f"Its camera is sending: camera_info arrives. {self._remedy()}"
        if graph.publishers:
            return None if graph.on_request else text + _dead_driver(graph.publishers)
        if not graph.others:
            return text + "Nobody publishes images: is the camera running, in this ROS_DOMAIN_ID?"
        first = graph.others[0]
        name = "image/compressed" if first in graph.compressed else "image"
        return text + (
            f"Nobody publishes there; these image topics exist: {', '.join(graph.others)}. "
            f"Remap one: -r {name}:={first}"
        )

    def _losses(self, topic: str) -> str | None:
        sent, came = len(self._announced), len(self._arrived)
        if sent < ENOUGH or came >= 0.9 * sent:
            return None
        return (
            f"Only {came} of {sent} images on {topic} arrived in the last {self.window:g} s. "
            f"{self._remedy()}"
        )

    def _remedy(self) -> str:
        return _REMEDY if self.size > LARGE else "Is the network or the machine too busy?"


def _dead_driver(publishers: int) -> str:
    return (
        f"It has {publishers} publisher(s), from which nothing arrives: is the driver's camera "
        "plugged in, the bag paused? See the publisher's own log."
    )


def image_graph(node: Any, topics: tuple[str, str]) -> ImageGraph:
    """Look for images in the graph that ``node`` sees.

    Parameters
    ----------
    node : rclpy.node.Node
    topics : tuple of str
        Full names of the raw and the compressed topic that are watched.
    """
    senders = [
        info
        for topic, kind in zip(topics, (RAW, COMPRESSED), strict=True)
        for info in node.get_publishers_info_by_topic(topic)
        if info.topic_type == kind
    ]
    drawn = node.resolve_topic_name("annotated")  # our own overlay's, made from what is missing
    kinds = {
        name: COMPRESSED if COMPRESSED in types else RAW
        for name, types in node.get_topic_names_and_types()
        if {RAW, COMPRESSED} & set(types)
        and name not in (*topics, drawn)
        and node.count_publishers(name)
    }
    return ImageGraph(
        publishers=len(senders),
        on_request=any(_sends_on_request(node, info) for info in senders),
        others=tuple(sorted(kinds, key=lambda name: (kinds[name] != RAW, name))),
        compressed=frozenset(name for name, kind in kinds.items() if kind == COMPRESSED),
    )


def _sends_on_request(node: Any, sender: Any) -> bool:
    from rclpy.node import NodeNameNonExistentError

    if not sender.node_namespace.startswith("/"):
        return False  # just discovered: its publisher is known before its node's name is
    with contextlib.suppress(NodeNameNonExistentError):
        services = node.get_service_names_and_types_by_node(sender.node_name, sender.node_namespace)
        return any(ON_REQUEST in kinds for _, kinds in services)
    return False
