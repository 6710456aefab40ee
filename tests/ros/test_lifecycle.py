"""Nodes start, stop, start again, say why not, and end cleanly."""

from __future__ import annotations

import signal
import sys
from typing import Any

import pytest
from std_msgs.msg import String

from cil_nodes.ros import qos
from cil_nodes.ros.lifecycle import BaseParameters, CilNode, StartFailed
from cil_nodes.ros.main import run
from cil_nodes.ros.parameters import parameter
from tests.ros_support import NodeProcess, NodeThread, RosProbe


class EchoParameters(BaseParameters):
    broken: str = parameter("", "Name of the hook that raises, as a defect does.")
    missing: str = parameter("", "Name of the hook that finds its machine wanting.")
    reliable: bool = parameter(False, "Ask for reliable input.", read_only=True)


class Echo(CilNode[EchoParameters]):
    """Sends back in capitals what it hears."""

    Parameters = EchoParameters

    def __init__(self, **options: Any) -> None:
        self.steps: list[str] = []
        self.ticks = 0
        super().__init__("echo", **options)

    def _step(self, name: str) -> None:
        self.steps.append(name)
        if self.parameters.broken == name:
            raise ZeroDivisionError(f"no such thing as {name}")
        if self.parameters.missing == name:
            raise OSError(f"no such thing as {name}: make one")

    def configure(self) -> None:
        profile = qos.RESULT if self.parameters.reliable else qos.IMAGE
        self.out = self.make_publisher(String, "loud", qos.RESULT)
        self.make_subscription(String, "soft", self.on_soft, profile)
        self.make_timer(0.05, self.tick)
        self._step("configure")

    def activate(self) -> None:
        self._step("activate")

    def deactivate(self) -> None:
        self._step("deactivate")

    def cleanup(self) -> None:
        self._step("cleanup")

    def on_soft(self, message: String) -> None:
        if message.data == "bad":
            raise ValueError("cannot shout that")
        self.out.publish(String(data=message.data.upper()))

    def tick(self) -> None:
        self.ticks += 1


def test_autostart_activates_and_the_callbacks_run(probe: RosProbe) -> None:
    with NodeThread(Echo) as node:
        probe.wait_active("echo")
        assert node.steps == ["configure", "activate"]
        probe.listen(String, "loud")
        probe.publisher(String, "soft").publish(String(data="hello"))
        assert probe.expect_message("loud").data == "HELLO"
        probe.wait(lambda: node.ticks > 1, "two ticks of the timer")


def test_without_autostart_a_manager_leads_down_and_up_again(probe: RosProbe) -> None:
    with NodeThread(Echo, "-p", "autostart:=false") as node:
        assert probe.state_of("echo") == "unconfigured"
        for _ in range(2):
            for transition, state in (
                ("configure", "inactive"),
                ("activate", "active"),
                ("deactivate", "inactive"),
                ("cleanup", "unconfigured"),
            ):
                assert probe.change_state("echo", transition)
                assert probe.state_of("echo") == state
        assert node.steps == ["configure", "activate", "deactivate", "cleanup"] * 2
        assert not [s for s in node.subscriptions if s.topic_name.endswith("soft")]
        assert probe.change_state("echo", "configure")
        assert probe.change_state("echo", "activate")
        probe.listen(String, "loud")
        probe.publisher(String, "soft").publish(String(data="again"))
        assert probe.expect_message("loud").data == "AGAIN"


def test_an_inactive_node_neither_listens_nor_sends(probe: RosProbe) -> None:
    with NodeThread(Echo) as node:
        probe.wait_active("echo")
        got = probe.listen(String, "loud")
        publisher = probe.publisher(String, "soft")
        assert probe.change_state("echo", "deactivate")
        publisher.publish(String(data="unheard"))
        assert probe.change_state("echo", "activate")
        publisher.publish(String(data="heard"))
        probe.expect_message("loud")
        # what came while inactive may be delivered late, but never before "heard"
        assert "HEARD" in {m.data for m in got}
        assert node.is_active


@pytest.mark.parametrize("hook", ["configure", "activate"])
def test_a_failing_transition_is_logged_and_can_be_tried_again(
    probe: RosProbe, hook: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with NodeThread(Echo, "-p", "autostart:=false", "-p", f"broken:={hook}"):
        left = "unconfigured" if hook == "configure" else "inactive"
        if hook == "activate":
            assert probe.change_state("echo", "configure")
        assert not probe.change_state("echo", hook)
        assert probe.state_of("echo") == left
        assert probe.set_parameter("echo", "broken", "").successful
        assert probe.change_state("echo", hook)
    said = capfd.readouterr().err
    assert f"{hook} failed: ZeroDivisionError: no such thing as {hook}" in said
    assert "Traceback" in said


@pytest.mark.parametrize("level", ["info", "debug"])
def test_a_start_that_the_machine_forbids_is_said_in_one_line(level: str) -> None:
    words = ("-p", "missing:=configure", "--log-level", f"cil.echo:={level}")
    with NodeProcess("tests.ros.test_lifecycle", *words) as process:
        assert process.wait() == 1
    first, *others = [line for line in process.lines if "[cil.echo]" in line or "FATAL" in line]
    assert first.endswith("configure failed: no such thing as configure: make one\n")
    assert ("Traceback" in process.output) == (level == "debug")
    assert "/cil/echo did not start; the reason is logged above" in others[-1]


def test_autostart_that_fails_ends_the_node(probe: RosProbe) -> None:
    thread = NodeThread(Echo, "-p", "broken:=configure")
    with thread:
        probe.wait(lambda: thread.error is not None, "the node to give up")
    assert isinstance(thread.error, StartFailed)
    assert "/cil/echo did not start" in str(thread.error)


def test_a_failing_callback_is_logged_and_the_node_lives_on(
    probe: RosProbe, capfd: pytest.CaptureFixture[str]
) -> None:
    with NodeThread(Echo):
        probe.wait_active("echo")
        probe.listen(String, "loud")
        publisher = probe.publisher(String, "soft")
        for word in ("bad", "bad", "good"):
            publisher.publish(String(data=word))
        probe.expect_message("loud", lambda m: m.data == "GOOD", "GOOD")
    said = capfd.readouterr().err
    assert "callback of /cil/soft failed: ValueError: cannot shout that" in said
    assert said.count("ValueError: cannot shout that") == 2  # once logged: sentence and traceback


def test_incompatible_ends_are_logged_with_the_remedy(
    probe: RosProbe, capfd: pytest.CaptureFixture[str]
) -> None:
    with NodeThread(Echo, "-p", "reliable:=true"):
        probe.wait_active("echo")
        probe.node.create_publisher(String, "soft", qos.IMAGE)  # best effort: cannot match
        said = ""

        def heard() -> bool:
            nonlocal said
            said += capfd.readouterr().err
            return "than our subscription" in said

        probe.wait(heard, "our log line", seen=lambda: said)
    assert "of /cil/soft offers or asks for another RELIABILITY" in said
    assert "make the publisher reliable, or the subscription best effort" in said


def test_both_reliabilities_reach_a_best_effort_subscription(probe: RosProbe) -> None:
    with NodeThread(Echo):
        probe.wait_active("echo")
        probe.listen(String, "loud")
        for profile, word in ((qos.IMAGE, "loose"), (qos.RESULT, "firm")):
            probe.publisher(String, "soft", profile).publish(String(data=word))
            probe.expect_message("loud", lambda m, w=word: m.data == w.upper(), word)


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_with_0_and_frees_everything(
    probe: RosProbe, sign: signal.Signals
) -> None:
    with NodeProcess("tests.ros.test_lifecycle") as process:
        probe.wait_active("echo")
        assert process.stop(sign) == 0, process.output
    assert "Traceback" not in process.output
    assert "freed: configure activate deactivate cleanup" in process.output


def test_a_refused_parameter_ends_the_process_with_2() -> None:
    with NodeProcess("tests.ros.test_lifecycle", "-p", "broken:=[1, 2]") as process:
        assert process.wait() == 2
    assert "Parameter 'broken' of /cil/echo cannot be [1, 2]" in process.output


def test_a_failed_start_ends_the_process_with_1() -> None:
    with NodeProcess("tests.ros.test_lifecycle", "-p", "broken:=activate") as process:
        assert process.wait() == 1
    assert "no such thing as activate" in process.output
    assert "/cil/echo did not start" in process.output


class _TellingEcho(Echo):
    def close(self) -> None:
        super().close()
        print("freed:", *self.steps, flush=True)


if __name__ == "__main__":
    sys.exit(run(_TellingEcho))
