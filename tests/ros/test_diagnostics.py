"""What nodes tell of themselves once a second: counts, rates, latencies, complaints."""

from __future__ import annotations

import logging
import sys
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from std_msgs.msg import String

from cil_nodes.ros.diagnostics import Latencies, Rates
from cil_nodes.ros.lifecycle import BaseParameters, CilNode
from cil_nodes.ros.main import run
from tests.ros_support import NodeProcess, NodeThread, RosProbe

log = logging.getLogger("cil_nodes.tests")


class Counting(CilNode[BaseParameters]):
    """Counts what it hears; some words make it complain."""

    trouble = ""

    def __init__(self, **options: Any) -> None:
        super().__init__("counting", **options)

    def configure(self) -> None:
        self._diagnostics.measure("work")
        self._diagnostics.tell(lambda: {"pending": 7})
        self._diagnostics.watch(lambda: self.trouble)
        self.make_subscription(String, "words", self.on_word)

    def on_word(self, message: String) -> None:
        self._diagnostics.counts["words"] += 1
        self._diagnostics.latency["work"].add(0.002)
        if message.data == "drop":
            self._diagnostics.counts["dropped"] += 1
        elif message.data == "warn":
            self.get_logger().warning("The topic words is odd.\nMore of it.")
        elif message.data == "library":
            log.warning("The library is worried.")
        elif message.data == "seldom":
            self.get_logger().warning("Only once.", throttle_duration_sec=60.0)


def values(status: DiagnosticStatus) -> dict[str, str]:
    return {pair.key: pair.value for pair in status.values}


class Watch:
    """Says words to the node and waits for what it then tells."""

    def __init__(self, probe: RosProbe) -> None:
        self.probe = probe
        probe.listen(DiagnosticArray, "diagnostics")
        self.words = probe.publisher(String, "words")

    def say(self, word: str) -> None:
        self.words.publish(String(data=word))

    def until(self, where: Any, what: str) -> DiagnosticStatus:
        got = self.probe.expect_message("diagnostics", lambda m: where(m.status[0]), what)
        return got.status[0]


def test_counts_rates_latencies_and_facts_are_told(probe: RosProbe) -> None:
    with NodeThread(Counting):
        watch = Watch(probe)
        for _ in range(3):
            watch.say("hello")
        told = watch.until(lambda s: values(s).get("words") == "3", "three words")
        shown = values(told)
        assert told.name == "cil/counting"
        assert told.level == DiagnosticStatus.OK
        assert (told.message, shown["state"]) == ("active", "active")
        assert float(shown["words_hz"]) > 0
        for name in ("work_p50_ms", "work_p95_ms", "work_p99_ms"):
            assert shown[name] == "2.00"
        assert shown["pending"] == "7"
        assert 10 < int(shown["memory_mb"]) < 10_000
        assert shown["last_error"] == ""


def test_losses_and_warnings_set_the_level_and_say_what(probe: RosProbe) -> None:
    with NodeThread(Counting):
        watch = Watch(probe)
        watch.say("drop")
        told = watch.until(lambda s: s.level == DiagnosticStatus.WARN, "a warning")
        assert told.message.startswith("1 dropped in the last ")
        watch.say("warn")
        told = watch.until(lambda s: "odd" in s.message, "what was logged")
        assert told.message.endswith("The topic words is odd.")
        assert values(told)["last_error"] == "The topic words is odd."
        assert int(values(told)["last_error_age_s"]) < 10


def test_trouble_that_lasts_is_an_error(probe: RosProbe) -> None:
    with NodeThread(Counting) as node:
        watch = Watch(probe)
        node.trouble = "The worker is gone."
        told = watch.until(lambda s: s.level == DiagnosticStatus.ERROR, "an error")
        assert told.message == "The worker is gone."


def test_an_inactive_node_tells_that_it_is(probe: RosProbe) -> None:
    with NodeThread(Counting):
        watch = Watch(probe)
        assert probe.change_state("counting", "deactivate")
        told = watch.until(lambda s: s.message == "inactive", "an inactive node")
        assert values(told)["state"] == "inactive"


def test_a_throttled_warning_is_throttled_and_remembered(
    probe: RosProbe, capfd: pytest.CaptureFixture[str]
) -> None:
    with NodeThread(Counting) as node:
        watch = Watch(probe)
        for _ in range(3):
            watch.say("seldom")
        watch.say("warn")
        watch.until(lambda s: values(s).get("words") == "4", "four words")
        assert node.get_logger().last.text == "The topic words is odd."
    assert capfd.readouterr().err.count("Only once.") == 1


def test_what_plain_python_logs_appears_as_the_nodes_own(probe: RosProbe) -> None:
    with NodeProcess("tests.ros.test_diagnostics") as process:
        watch = Watch(probe)
        watch.say("library")
        told = watch.until(lambda s: "worried" in s.message, "the library's warning")
        process.expect_output("[WARN]")
        assert told.message == "The library is worried."
        assert process.output.count("The library is worried.") == 1
        process.stop()


def test_rates_look_back_a_window_and_forget_what_is_older() -> None:
    now = 100.0
    rates = Rates(window=5.0, clock=lambda: now)
    assert rates.update({"images": 0}) == ({"images": 0}, 1e-3)
    for step in range(1, 11):
        now = 100.0 + step
        grown, seconds = rates.update({"images": 30 * step})
        assert grown["images"] / seconds == 30.0
        assert seconds <= 6.0
    for step in range(11, 18):
        now = 100.0 + step
        grown, _ = rates.update({"images": 300})
    assert grown["images"] == 0


def test_percentiles_of_nothing_are_nan_and_of_something_in_order() -> None:
    latencies = Latencies(keep=100)
    assert all(value != value for value in latencies.percentile_ms(50, 99))
    for number in range(200):
        latencies.add(number * 1e-3)
    p50, p95, p99 = latencies.percentile_ms(50, 95, 99)
    assert 100 < p50 < p95 < p99 < 200


if __name__ == "__main__":
    sys.exit(run(Counting))
