"""The learner changes its method while it runs, over real DDS, the client and the command line."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from action_msgs.msg import GoalStatus
from cil_msgs.action import SwitchMethod
from cil_msgs.srv import Undo
from rclpy.action import ActionServer
from rclpy.task import Future

from cil_nodes.client import Teacher, TeacherTimeout
from tests.nodes.canned import METHOD, feature
from tests.nodes.test_learner import Talk, learner
from tests.ros_support import ROOT, RosProbe
from tests.teaching.tiny import INEXACT


def switch(probe: RosProbe, method: str, **fields: Any) -> tuple[Any, list[Any]]:
    handle, feedback = probe.send_goal(SwitchMethod, "switch_method", method=method, **fields)
    return probe.goal_result(handle, timeout=60), feedback


def test_switch_refuse_cancel_restart_and_undo(probe: RosProbe, tmp_path: Path):
    with learner(tmp_path) as node:
        talk = Talk(probe)
        ended, _ = switch(probe, INEXACT)
        assert ended.status == GoalStatus.STATUS_ABORTED
        assert ended.result.error_code == SwitchMethod.Result.JOURNAL_INCOMPLETE
        talk.teach("mug", "duck")
        talk.teach("book")
        ended, _ = switch(probe, "orcil")
        assert ended.result.error_code == SwitchMethod.Result.NO_SUCH_METHOD
        assert "'oracil'" in ended.result.error_msg
        ended, _ = switch(probe, f"{INEXACT} slow=much")
        assert ended.result.error_code == SwitchMethod.Result.UNKNOWN
        assert "expected a number" in ended.result.error_msg

        handle, feedback = probe.send_goal(
            SwitchMethod, "switch_method", method=f"{INEXACT} slow=60"
        )
        probe.wait(lambda: bool(feedback), "feedback of the switch")
        assert talk.ask(feature("mug", 9)).version == 2
        probe.result(handle.cancel_goal_async(), "answer to the cancel")
        assert probe.goal_result(handle).status == GoalStatus.STATUS_CANCELED
        assert talk.ask(feature("mug", 9)).method == METHOD

        ended, feedback = switch(probe, f"{INEXACT} slow=0.1")
        assert ended.status == GoalStatus.STATUS_SUCCEEDED
        assert (ended.result.version, ended.result.accuracy_before) == (3, 1.0)
        assert ended.result.accuracy_after == 1.0
        shares = [message.progress for message in feedback]
        assert shares == sorted(shares)
        assert {message.phases_total for message in feedback} == {2}
        probe.expect_message("state", lambda s: s.version == 3 and s.method == INEXACT)
        answer = talk.ask(feature("duck", 9))
        assert (answer.label, answer.method, answer.version) == ("duck", INEXACT, 3)
        assert node.get_parameter("method").value == METHOD
    with RosProbe(name="second") as later, learner(tmp_path):
        talk = Talk(later)
        answer = talk.ask(feature("duck", 9))
        assert (answer.label, answer.method, answer.version) == ("duck", INEXACT, 3)
        assert later.call_service(Undo, "undo").version == 4
        assert talk.ask(feature("duck", 9)).method == METHOD


def test_a_client_notices_that_the_learner_has_ended(probe: RosProbe):
    async def never(goal: Any) -> None:
        await Future()

    server = ActionServer(probe.node, SwitchMethod, "switch_method", never)
    with Teacher(timeout=20.0) as teacher, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(teacher.switch_method, "oracil", timeout=30.0)
        probe.wait(lambda: bool(server._goal_handles), "the goal")
        server.destroy()
        with pytest.raises(TeacherTimeout, match=r"/cil/switch_method is gone: its node has ended"):
            waiting.result()


def test_the_command_line(probe: RosProbe, tmp_path: Path, capfd: Any):
    with learner(tmp_path, "-p", f"method:={METHOD}"):
        talk = Talk(probe)
        talk.teach("mug", "duck")
        command = [
            sys.executable,
            "-m",
            "cil_nodes",
            "switch",
            INEXACT,
            "slow=0.01",
            "namespace:=cil",
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("Version 2 answers; ")
        assert "before 100.0%, now 100.0%" in done.stdout
        assert talk.ask(feature("duck", 9)).method == INEXACT
        refused = subprocess.run(
            [*command[:4], "orcil"], cwd=ROOT, capture_output=True, text=True, timeout=60
        )
        assert refused.returncode == 1
        assert refused.stderr.startswith("cil: error: No learner is called 'orcil'.")
        assert len(refused.stderr.splitlines()) == 1
    with learner(tmp_path):
        assert Talk(probe).ask(feature("mug", 9)).method == INEXACT
    assert f"To switch: cil switch {METHOD}" in capfd.readouterr().err
