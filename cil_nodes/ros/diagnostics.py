"""What a node tells of itself once a second, as ``diagnostic_msgs`` understands it.

A node counts (``counts``), times (``measure``) and names what else is of interest (``tell``);
rates, percentiles, memory, the last warning and the level follow from that. Counting costs a
dictionary entry; everything else happens once a second.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import psutil
from rclpy.clock import Clock, ClockType
from rclpy.impl.logging_severity import LoggingSeverity

from cil_nodes import __version__
from cil_nodes.ros import qos

try:
    from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
except ImportError:  # a bare ROS without common_interfaces: nodes go without
    DiagnosticArray = None

PERIOD = 1.0
"""Seconds between two messages."""

WINDOW = 5.0
"""Seconds over which rates are measured and losses complained of."""

FRESH = 10.0
"""Seconds for which a logged warning or error sets the level."""

LOSSES = ("dropped", "failed", "late", "lost", "refused")
"""Counts whose growth is a warning."""

PERCENTS = (50, 95, 99)

Facts = Callable[[], Mapping[str, object]]


class Latencies:
    """Percentiles over the last ``keep`` durations; safe between threads."""

    def __init__(self, keep: int = 1000) -> None:
        self._values: deque[float] = deque(maxlen=keep)
        self._lock = threading.Lock()

    def add(self, seconds: float) -> None:
        """Add one duration in seconds."""
        with self._lock:
            self._values.append(seconds)

    def __len__(self) -> int:
        return len(self._values)

    def percentile_ms(self, *percents: float) -> list[float]:
        """Percentiles in milliseconds; NaN while there is nothing."""
        with self._lock:
            values = list(self._values)
        if not values:
            return [float("nan")] * len(percents)
        return [float(v) * 1e3 for v in np.percentile(values, percents)]


class Rates:
    """Growth of counts over the last seconds.

    Parameters
    ----------
    window : float
        Seconds that are looked back.
    clock : callable
        Seconds that only grow.
    """

    def __init__(self, window: float = WINDOW, clock: Callable[[], float] = time.monotonic) -> None:
        self._window, self._clock = window, clock
        self._past: deque[tuple[float, Counter[str]]] = deque([(clock(), Counter())])

    def update(self, counts: Mapping[str, int]) -> tuple[Counter[str], float]:
        """Take the present counts; return how far each grew, and in how many seconds."""
        now, present = self._clock(), Counter(dict(counts))
        self._past.append((now, present))
        while len(self._past) > 2 and now - self._past[1][0] >= self._window:
            self._past.popleft()
        since, before = self._past[0]
        return Counter({n: present[n] - before[n] for n in present}), max(now - since, 1e-3)


class Diagnostics:
    """Publishes counts, rates, latencies and complaints of a node once a second.

    The topic is the relative ``diagnostics``; the launch table remaps it to the ``/diagnostics``
    that tools read. It is sent while the node is configured, active or not.

    Parameters
    ----------
    node : CilNode
        Whose state, logger and topic are used.
    *latency : str
        Names of durations; see :meth:`measure`.

    Attributes
    ----------
    counts : collections.Counter
        Named counts; a node adds to them. Those named in :data:`LOSSES` warn when they grow.
    latency : dict of str to Latencies
        Named durations; p50, p95 and p99 are reported in milliseconds.
    facts : dict of str to str
        What stays as it is.
    """

    def __init__(self, node: Any, *latency: str) -> None:
        self.counts: Counter[str] = Counter()
        self.latency: dict[str, Latencies] = {}
        self.facts: dict[str, str] = {}
        self._node = node
        self._rates = Rates()
        self._asked: list[Facts] = []
        self._watched: list[Callable[[], str]] = []
        self._process = psutil.Process()
        self._since = time.monotonic()
        self._publisher = None
        self.measure(*latency)
        if DiagnosticArray is not None:
            self._begin()

    def _begin(self) -> None:
        # Neither a lifecycle publisher nor one of its timers: an inactive node tells that it is.
        node = self._node
        self._publisher = node.create_publisher(DiagnosticArray, "diagnostics", qos.RESULT)
        node.own(self._publisher, node.destroy_publisher)
        # A steady clock: simulated time may stand still, and the system's may jump.
        timer = node.create_timer(
            PERIOD, self.publish, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        node.own(timer, node.destroy_timer)

    def measure(self, *names: str) -> None:
        """Report ``latency[name]`` from now on."""
        self.latency.update({name: Latencies() for name in names})

    def count(self, *names: str) -> None:
        """Report these counts from the beginning, so that a rate of nothing is seen, too."""
        self.counts.update(dict.fromkeys(names, 0))

    def tell(self, facts: Facts) -> None:
        """Have ``facts()`` asked each time for more values; it must be quick."""
        self._asked.append(facts)

    def watch(self, trouble: Callable[[], str]) -> None:
        """Have ``trouble()`` asked each time; what it says, unless empty, is an error."""
        self._watched.append(trouble)

    def values(self) -> dict[str, str]:
        """Everything that is reported, by name."""
        return self._values(*self._rates.update(self.counts))

    def _values(self, grown: Mapping[str, int], seconds: float) -> dict[str, str]:
        shown = {
            "state": "active" if self._node.is_active else "inactive",
            "software": __version__,
            "pid": str(os.getpid()),
            "uptime_s": f"{time.monotonic() - self._since:.0f}",
            "memory_mb": f"{self._process.memory_info().rss / 2**20:.0f}",
            **self.facts,
        }
        for ask in self._asked:
            shown.update({name: str(value) for name, value in ask().items()})
        for name, count in sorted(self.counts.items()):
            shown[name] = str(count)
            shown[f"{name}_hz"] = f"{grown.get(name, 0) / seconds:.1f}"
        for name, latencies in self.latency.items():
            for percent, value in zip(PERCENTS, latencies.percentile_ms(*PERCENTS), strict=True):
                shown[f"{name}_p{percent}_ms"] = f"{value:.2f}"
        last = self._node.get_logger().last
        shown["last_error"] = last.text if last else ""
        if last:
            shown["last_error_age_s"] = f"{last.age:.0f}"
        return shown

    def publish(self) -> None:
        """Send one status; a failure here must not harm the node."""
        try:
            self._publish()
        except Exception:
            if self._node.context.ok() and self._node.is_active:  # else it is being taken apart
                self._node._log_seldom("diagnostics")

    def _publish(self) -> None:
        if self._publisher is None:
            return
        grown, seconds = self._rates.update(self.counts)
        level, text = self._judge(grown, seconds)
        status = DiagnosticStatus(
            name=self._node.get_fully_qualified_name().lstrip("/"),
            hardware_id=socket.gethostname(),
            level=level,
            message=text,
            values=[KeyValue(key=k, value=v) for k, v in self._values(grown, seconds).items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)

    def _judge(self, grown: Mapping[str, int], seconds: float) -> tuple[bytes, str]:
        """Level and message: an error that lasts, then one just logged, then losses."""
        for trouble in self._watched:
            if text := trouble():
                return DiagnosticStatus.ERROR, text
        last = self._node.get_logger().last
        fresh = last is not None and last.age < FRESH
        if fresh and last.severity >= LoggingSeverity.ERROR:
            return DiagnosticStatus.ERROR, last.text
        lost = [f"{grown[name]} {name}" for name in LOSSES if grown.get(name, 0) > 0]
        if lost:
            words = f"{', '.join(lost)} in the last {max(1.0, seconds):.0f} s"
            return DiagnosticStatus.WARN, f"{words}: {last.text}" if fresh else words
        if fresh:
            return DiagnosticStatus.WARN, last.text
        return DiagnosticStatus.OK, "active" if self._node.is_active else "inactive"


def memory_of(pid: int) -> int:
    """Resident memory of a process in bytes; 0 when it is gone."""
    with contextlib.suppress(psutil.Error, ValueError):
        return int(psutil.Process(pid).memory_info().rss) if pid else 0
    return 0
