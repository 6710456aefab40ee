"""Counts and latencies of a node, as ``diagnostic_msgs`` understands them."""

from __future__ import annotations

import threading
from collections import Counter, deque
from typing import Any

import numpy as np

try:
    from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
except ImportError:  # a bare ROS without common_interfaces: nodes go without
    DiagnosticArray = None


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


class Diagnostics:
    """Publishes counters and latencies of a node once a second on ``diagnostics``.

    The topic is relative; the launch table remaps it to the ``/diagnostics`` that tools read.

    Attributes
    ----------
    counts : collections.Counter
        Named counts; a node adds to them.
    latency : dict of str to Latencies
        Named durations; p50 and p99 are reported in milliseconds.
    """

    def __init__(self, node: Any, *latency: str) -> None:
        self.counts: Counter[str] = Counter()
        self.latency = {name: Latencies() for name in latency}
        self.facts: dict[str, str] = {}
        self._node = node
        self._warned_at: Counter[str] = Counter()
        self._publisher = None
        if DiagnosticArray is not None:
            self._publisher = node.make_publisher(DiagnosticArray, "diagnostics")
            node.make_timer(1.0, self.publish)

    def values(self) -> dict[str, str]:
        """Everything that is reported, by name."""
        shown = {**self.facts, **{name: str(n) for name, n in sorted(self.counts.items())}}
        for name, latencies in self.latency.items():
            p50, p99 = latencies.percentile_ms(50, 99)
            shown[f"{name}_p50_ms"], shown[f"{name}_p99_ms"] = f"{p50:.2f}", f"{p99:.2f}"
        return shown

    def publish(self) -> None:
        """Send one status: a warning while anything was dropped or failed since the last."""
        bad = [n for n in ("dropped", "failed", "late") if self.counts[n] > self._warned_at[n]]
        self._warned_at = self.counts.copy()
        status = DiagnosticStatus(
            name=self._node.get_fully_qualified_name().lstrip("/"),
            level=DiagnosticStatus.WARN if bad else DiagnosticStatus.OK,
            message=f"{', '.join(bad)} in the last second" if bad else "ok",
            values=[KeyValue(key=k, value=v) for k, v in self.values().items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self._node.get_clock().now().to_msg()
        if self._publisher is not None:
            self._publisher.publish(message)
