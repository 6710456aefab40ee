"""Says when a topic has publishers of another type, or more of them than make sense."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cil_nodes.ros.troubles import Troubles

PERIOD = 1.0
"""Seconds between two looks at the graph."""

PATIENCE = 3.0
"""Seconds that two publishers may overlap, as when one node takes over from another."""

GHOST = 30.0
"""The same for two of one name: what a killed node left in the graph lasts up to 20 s."""

AGAIN = 60.0
"""Seconds before it is said again."""


@dataclass
class _Expected:
    kind: str
    """Type, such as ``sensor_msgs/msg/Image``."""
    crowd: str
    """What comes of two publishers; empty where there may be several."""
    crowded_since: float | None = None


class TopicWatch:
    """Compares the publishers of topics with what their subscriber expects.

    Parameters
    ----------
    publishers_of : callable
        ``publishers_of(topic)`` returns (node, type) of each publisher in the graph.
    troubles : Troubles
        What is told.
    clock : callable
        Seconds that only grow.
    """

    def __init__(
        self,
        publishers_of: Callable[[str], Sequence[tuple[str, str]]],
        troubles: Troubles,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._publishers_of = publishers_of
        self._troubles = troubles
        self._clock = clock
        self._expected: dict[str, _Expected] = {}

    def expect(self, topic: str, kind: str, crowd: str = "") -> None:
        """Watch ``topic`` (full name), on which messages of ``kind`` are taken.

        With ``crowd``, a sentence on what comes of it, two publishers are one too many.
        """
        self._expected[topic] = _Expected(kind, crowd)

    def check(self) -> None:
        """Look at the graph once, and tell what is wrong."""
        for topic, expected in self._expected.items():
            publishers = self._publishers_of(topic)
            self._check_type(topic, expected, publishers)
            if expected.crowd:
                self._check_crowd(
                    topic, expected, sorted(n for n, kind in publishers if kind == expected.kind)
                )

    def _check_type(
        self, topic: str, expected: _Expected, publishers: Sequence[tuple[str, str]]
    ) -> None:
        for name, kind in publishers:
            if kind != expected.kind:
                remedy = "Remap this topic to one of the right type"
                if kind.endswith("/CompressedImage"):
                    remedy = f"Take it as pictures: -r image/compressed:={topic}"
                elif kind.endswith("/Image"):
                    remedy = f"Take it as raw images: -r image:={topic}"
                self._troubles.tell(
                    f"type {topic}",
                    f"{topic} carries {kind} (from {name}), but {expected.kind} is expected: "
                    f"nothing will come from there. {remedy}.",
                    AGAIN,
                )

    def _check_crowd(self, topic: str, expected: _Expected, names: Sequence[str]) -> None:
        now = self._clock()
        if len(names) < 2:
            expected.crowded_since = None
            return
        if expected.crowded_since is None:
            expected.crowded_since = now
        patience = PATIENCE if len(set(names)) > 1 else GHOST
        if now - expected.crowded_since >= patience:
            self._troubles.tell(
                f"crowd {topic}",
                f"{topic} has {len(names)} publishers: {', '.join(names)}. {expected.crowd} Stop "
                "all but one, or give each graph a namespace of its own.",
                AGAIN,
            )


def watch_topics(node: Any, topics: Sequence[tuple[str, type, str]]) -> TopicWatch:
    """Have a `CilNode` watch the publishers of (topic, type, crowd) while it is active."""

    def publishers_of(topic: str) -> list[tuple[str, str]]:
        return [
            (f"{info.node_namespace.rstrip('/')}/{info.node_name}", info.topic_type)
            for info in node.get_publishers_info_by_topic(topic)
        ]

    watch = TopicWatch(publishers_of, node.troubles)
    for topic, kind, crowd in topics:
        watch.expect(node.resolve_topic_name(topic), type_name(kind), crowd)
    node.make_timer(PERIOD, watch.check)
    return watch


def type_name(kind: type) -> str:
    """Return ``package/msg/Name`` of a message class."""
    return f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}"
