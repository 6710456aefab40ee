"""An action client that may be used from another thread than the one that spins its node."""

from __future__ import annotations

import threading
from typing import Any

from rclpy.action import ActionClient


class ThreadedActionClient(ActionClient):
    """rclpy's client, without its race between sending and the answer.

    rclpy sends a request first and only then writes down whom to tell of the answer. An answer that
    the spinning thread takes in between is thrown away ("Ignoring unexpected goal response"), and
    the caller waits for ever. A lock around both makes the answer wait instead.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._sending = threading.RLock()
        super().__init__(*args, **kwargs)

    def send_goal_async(self, *args: Any, **kwargs: Any) -> Any:
        """Send a goal; see rclpy."""
        with self._sending:
            return super().send_goal_async(*args, **kwargs)

    def take_data(self) -> Any:
        """Take answers, but none while a request is being sent; called by the executor."""
        with self._sending:
            return super().take_data()

    def _get_result_async(self, goal_handle: Any) -> Any:
        with self._sending:
            return super()._get_result_async(goal_handle)

    def _cancel_goal_async(self, goal_handle: Any) -> Any:
        with self._sending:
            return super()._cancel_goal_async(goal_handle)
