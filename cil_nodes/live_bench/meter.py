"""When predictions come: the far end of every latency."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from cil_msgs.msg import Prediction
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo

from cil_nodes.live_bench.driver import STAMP, STAMP_AT
from cil_nodes.ros import qos

ANNOUNCED = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)


@dataclass
class Tally:
    """What was announced by the camera, and what was answered when.

    Attributes
    ----------
    announced : list of int
        Stamps of all frames, in nanoseconds.
    answered : dict of int to int
        Stamp, and when its prediction came, in nanoseconds.
    """

    announced: list[int] = field(default_factory=list)
    answered: dict[int, int] = field(default_factory=dict)

    def between(self, start: int, end: int) -> Tally:
        """Return the part whose stamps lie in [start, end)."""
        return Tally(
            [stamp for stamp in self.announced if start <= stamp < end],
            {stamp: came for stamp, came in self.answered.items() if start <= stamp < end},
        )

    def latencies_ms(self) -> list[float]:
        """From stamp to prediction, in the order of the stamps."""
        return [(self.answered[stamp] - stamp) * 1e-6 for stamp in sorted(self.answered)]

    @property
    def dropped(self) -> int:
        """Frames announced that no prediction came for."""
        return len(set(self.announced) - set(self.answered))


class Meter:
    """Listens to a graph.

    Messages are taken as bytes and only their stamps are read, so that what is measured is the
    graph and not the decoding at its end.

    Parameters
    ----------
    node : rclpy.node.Node
        In the graph's namespace; another thread spins it.
    """

    def __init__(self, node: Node) -> None:
        self.tally = Tally()
        self.diagnostics: dict[str, dict[str, str]] = {}
        """The last values of each node, by its name without the namespace."""
        self.node = node
        make = node.create_subscription
        make(Prediction, "predictions", self._on_prediction, qos.PATIENT, raw=True)
        make(CameraInfo, "camera_info", self._on_info, ANNOUNCED, raw=True)
        make(DiagnosticArray, "/diagnostics", self._on_diagnostics, qos.RESULT)

    def _on_prediction(self, message: bytes) -> None:
        now = time.time_ns()
        self.tally.answered.setdefault(stamp_of(message), now)

    def _on_info(self, message: bytes) -> None:
        self.tally.announced.append(stamp_of(message))

    def _on_diagnostics(self, message: Any) -> None:
        for status in message.status:
            if status.name.startswith(self.node.get_namespace().strip("/") + "/"):
                name = status.name.rpartition("/")[2]
                self.diagnostics[name] = {pair.key: pair.value for pair in status.values}


def stamp_of(message: bytes) -> int:
    """Return the stamp, in nanoseconds, of a serialised message that begins with a header."""
    seconds, nanoseconds = STAMP.unpack_from(message, STAMP_AT)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)
