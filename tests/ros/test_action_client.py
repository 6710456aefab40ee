"""A goal sent from one thread while another spins the node."""

from __future__ import annotations

import time
from typing import Any

from cil_msgs.action import TrainPhase
from rclpy.action import ActionServer

from cil_nodes.ros.action_client import ThreadedActionClient
from tests.ros_support import RosProbe


class SlowHandle:
    """rclpy's handle, whose thread is put to sleep right after it has sent something."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handle, name)

    def send_goal_request(self, request: Any) -> Any:
        number = self._handle.send_goal_request(request)
        time.sleep(0.5)  # long enough for the answer to come in between
        return number


def test_an_answer_that_comes_while_sending_is_kept(probe: RosProbe) -> None:
    def learn(goal: Any) -> TrainPhase.Result:
        goal.succeed()
        return TrainPhase.Result()

    with RosProbe(name="server") as other:  # its own thread answers while ours still sleeps
        server = ActionServer(other.node, TrainPhase, "train_phase", learn)
        client = ThreadedActionClient(probe.node, TrainPhase, "train_phase")
        probe.wait(client.server_is_ready, "action server train_phase")
        client._client_handle = SlowHandle(client._client_handle)
        answer = client.send_goal_async(TrainPhase.Goal())
        probe.wait(answer.done, "answer to the goal", 5.0)
        assert answer.result().accepted
        server.destroy()
