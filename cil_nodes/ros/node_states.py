"""Waits for the lifecycle states of nodes in other processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any


def wait_for_state(
    names: Sequence[str], wanted: str, timeout: float, check: Callable[[], Collection[str]]
) -> dict[str, str]:
    """Ask lifecycle nodes for their states until all have reached the one wanted.

    Parameters
    ----------
    names : sequence of str
        Fully qualified names.
    wanted : str
        Label of the state, such as ``active``.
    timeout : float
        Seconds to wait at most.
    check : callable
        Called meanwhile; returns the names that need not be waited for, or raises.

    Returns
    -------
    dict of str to str
        The states of those that have not reached it.
    """
    import rclpy
    from lifecycle_msgs.srv import GetState
    from rclpy.executors import SingleThreadedExecutor

    context = rclpy.Context()
    context.init(args=[])
    node = rclpy.create_node(f"cil_states_{os.getpid()}", context=context, enable_rosout=False)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    waiting: dict[str, _Question] = {
        name: _Question(node.create_client(GetState, f"{name}/get_state")) for name in names
    }
    end = time.monotonic() + timeout
    try:
        while waiting and time.monotonic() < end:
            for name in set(waiting) & set(check()):
                del waiting[name]
            executor.spin_once(timeout_sec=0.1)
            waiting = {n: q for n, q in waiting.items() if q.ask(GetState.Request()) != wanted}
    finally:
        executor.shutdown(timeout_sec=1)
        node.destroy_node()
        context.try_shutdown()
    return {name: question.state for name, question in waiting.items()}


class _Question:
    """Asks one node for its state, again after 2 s: an early answer may get lost on its way."""

    def __init__(self, client: Any) -> None:
        self.client, self.future, self.asked = client, None, 0.0
        self.state = "not there"

    def ask(self, request: Any) -> str:
        now = time.monotonic()
        if self.future is not None and self.future.done():
            self.state = self.future.result().current_state.label
            self.future = None
        elif self.future is None or now - self.asked > 2.0:
            if now - self.asked > 0.2 and self.client.service_is_ready():
                self.future, self.asked = self.client.call_async(request), now
        return self.state
