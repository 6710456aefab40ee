"""Says when the clock that a node was told to follow stands still or jumps back."""

from __future__ import annotations

import time
from typing import Any

from rclpy.clock import Clock, JumpThreshold, TimeJump
from rclpy.clock_type import ClockType
from rclpy.duration import Duration

STEADY = Clock(clock_type=ClockType.STEADY_TIME)
"""The clock of timers: what a node does once a second it does while a simulation is paused, too."""

PATIENCE = 5.0
"""Seconds that /clock may take to say the time for the first time."""

AGAIN = 30.0
"""Seconds before it is said again."""


class ClockWatch:
    """Watches the clock of a node with ``use_sim_time``.

    Parameters
    ----------
    node : CilNode
        Whose ``troubles`` are told.
    """

    def __init__(self, node: Any) -> None:
        self._node = node
        self._since = time.monotonic()
        self._timer = node.create_timer(1.0, self._check, clock=STEADY)
        back = JumpThreshold(
            min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=False
        )
        self._jumps = node.get_clock().create_jump_callback(back, post_callback=self._jumped)

    def close(self) -> None:
        """Stop watching; before the node is destroyed."""
        self._jumps.unregister()

    def _check(self) -> None:
        if self._node.get_clock().now().nanoseconds:
            self._since = time.monotonic()
        elif time.monotonic() - self._since >= PATIENCE:
            publishers = self._node.count_publishers("/clock")
            what = (
                "its publisher sends nothing: is the simulation or the bag paused?"
                if publishers
                else "nobody publishes it: start the simulation, or `ros2 bag play --clock`, or "
                "set use_sim_time:=false."
            )
            self._node.troubles.tell(
                "clock", f"use_sim_time is true, but no time has come on /clock; {what}", AGAIN
            )

    def _jumped(self, jump: TimeJump) -> None:
        seconds = -jump.delta.nanoseconds * 1e-9
        self._node.troubles.tell(
            "clock back",
            f"The clock went back by {seconds:.1f} s (/clock: a simulation that began anew, or a "
            "bag that loops). What was taught stays; times in logs and bags repeat.",
        )
