"""The learner's methods as ROS knows them: their parameters, and the action that changes them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from cil_msgs.action import SwitchMethod
from rclpy.action import ActionServer, CancelResponse

from cil_nodes.learners import registry
from cil_nodes.ros.parameters import NodeParameters, ParameterError, declare, model_of
from cil_nodes.ros.teaching_messages import clip, fail, switch_to_result
from cil_nodes.teaching.errors import LessonStoppedError, TeachingError
from cil_nodes.teaching.session import Session
from cil_nodes.teaching.switching import settings_of
from cil_nodes.teaching.training import learner_class


def declare_method(node: Any, method: str) -> NodeParameters:
    """Declare a method's hyper-parameters under its name and return their values.

    Raises
    ------
    ParameterError
        For a method that is not known, or a value that it refuses.
    """
    try:
        learner_class(method)  # makes a "package.module:Class" known
    except (ValueError, ImportError, AttributeError) as error:
        owner = node.get_fully_qualified_name()
        raise ParameterError(f"Parameter 'method' of {owner}: {error}") from error
    infos = [
        # Text that may stand for a number has no range that ROS could check.
        dataclasses.replace(info, low=None, high=None) if info.type == "str" else info
        for info in registry.describe(method)
        if info.name != "random_state"
    ]
    prefix = method.rpartition(":")[2].lower()
    return declare(node, model_of(prefix.title(), infos, read_only=True), prefix=prefix)


class MethodSwitch:
    """Offers ``switch_method`` for a learner node.

    Parameters
    ----------
    node : CilNode
        The learner; the action lives until its cleanup.
    session : callable
        Returns the session.
    declared : NodeParameters
        Hyper-parameters of the node's own ``method``.
    switched : callable
        Called after a swap.
    group
        The callback group that the goals run in.
    """

    def __init__(
        self,
        node: Any,
        session: Callable[[], Session],
        declared: dict[str, NodeParameters],
        switched: Callable[[], None],
        group: Any,
    ) -> None:
        self._node = node
        self._session = session
        self._declared = declared
        self._switched = switched
        server = ActionServer(
            node,
            SwitchMethod,
            "switch_method",
            self._run,
            callback_group=group,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )
        node.own(server, lambda action: action.destroy())

    def _run(self, goal: Any) -> SwitchMethod.Result:
        """Rebuild and swap; ends the goal in every case."""
        try:
            method, parameters = self._wanted(goal.request.method)
            result = self._session().switch_method(
                method,
                parameters,
                progress=_feedback_for(goal),
                should_stop=lambda: goal.is_cancel_requested or not self._node.is_active,
                swap=goal.request.swap,
            )
        except Exception as error:
            return self._end_badly(goal, error)
        goal.succeed()
        self._node.get_logger().info(result.in_words())
        if goal.request.swap:
            self._switched()
        return switch_to_result(result)

    def _wanted(self, text: str) -> tuple[str, dict[str, Any] | None]:
        """Return the method that a goal names, and its parameters: the node's, then the goal's."""
        method, *words = text.split() or [""]
        if not method:
            return "", None
        settings = settings_of(method, words)
        if method not in self._declared:
            self._declared[method] = declare_method(self._node, method)
        return method, {**self._declared[method].model_dump(exclude_defaults=True), **settings}

    def _end_badly(self, goal: Any, error: Exception) -> SwitchMethod.Result:
        if isinstance(error, LessonStoppedError) and goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.abort()
        if isinstance(error, (TeachingError, ParameterError)):
            self._node.get_logger().warning(f"switch_method: {error}")
        else:
            self._node.log_traceback("switch_method")
        return fail(SwitchMethod.Result(), error)


def _feedback_for(goal: Any) -> Callable[[float, int, int, str], None]:
    """Return a progress callback that publishes feedback."""

    def tell(fraction: float, done: int, total: int, message: str) -> None:
        if goal.is_active:
            goal.publish_feedback(
                SwitchMethod.Feedback(
                    progress=float(fraction),
                    phases_done=done,
                    phases_total=total,
                    message=clip(message, 256),
                )
            )

    return tell
