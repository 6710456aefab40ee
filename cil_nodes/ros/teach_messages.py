"""Between guided teaching, the groups of unknowns, and their messages."""

from __future__ import annotations

import array
from collections.abc import Sequence
from typing import Protocol

from builtin_interfaces.msg import Time
from cil_msgs.action import TeachObject
from cil_msgs.msg import UnknownCluster, UnknownClusterArray
from std_msgs.msg import Header

from cil_nodes.ros.conversions import roi_tuple
from cil_nodes.ros.pictures import contact_sheet
from cil_nodes.ros.teaching_messages import duration_to_seconds, ns_to_stamp, scores_to_messages
from cil_nodes.teaching.errors import BadValueError
from cil_nodes.teaching.guided import Outcome, Plan, Step
from cil_nodes.teaching.unknown_pool import UnknownGroup

WATCH_SECONDS = 30.0
"""How long `teach` watches when the goal does not say."""

STAGES = {
    "watching": TeachObject.Feedback.WATCHING,
    "training": TeachObject.Feedback.TRAINING,
    "checking": TeachObject.Feedback.CHECKING,
}


class TeachSettings(Protocol):
    """The node's parameters that enter a plan."""

    min_views: int
    check_views: int
    check_timeout: float


def plan_of(goal: TeachObject.Goal, settings: TeachSettings) -> Plan:
    """Return the plan that a goal asks for.

    Raises
    ------
    BadValueError
        For a field out of its range; a timeout of zero stands for the usual one.
    """
    seconds = duration_to_seconds(goal.timeout)
    if seconds < 0:
        raise BadValueError(f"timeout is {seconds:g} s; give seconds above 0, or 0 for 30 s.")
    if not 0 <= goal.min_diversity <= 2:
        raise BadValueError(
            f"min_diversity is {goal.min_diversity:g}; give a cosine distance from 0 to 2."
        )
    if goal.num_samples < 1:
        raise BadValueError("num_samples is 0; ask for at least one view.")
    return Plan(
        label=goal.label,
        views=goal.num_samples,
        min_diversity=goal.min_diversity,
        roi=roi_tuple(goal.roi),
        timeout=seconds or WATCH_SECONDS,
        train=goal.train,
        min_views=settings.min_views,
        check_views=settings.check_views,
        check_timeout=settings.check_timeout,
    )


def step_to_feedback(step: Step) -> TeachObject.Feedback:
    """Return where a guided lesson stands."""
    return TeachObject.Feedback(
        stage=STAGES[step.stage],
        progress=float(step.progress),
        captured=step.captured,
        diversity=float(step.diversity),
        hint=step.hint,
    )


def outcome_to_result(outcome: Outcome, result: TeachObject.Result) -> None:
    """Write what came of a guided lesson into the action's result."""
    result.samples_captured = outcome.captured
    result.check_correct = outcome.check.correct
    result.check_total = outcome.check.total
    result.confused_with = scores_to_messages(outcome.check.confused_with(), 5)
    result.summary = outcome.summary
    result.old_accuracy_before = result.old_accuracy_after = float("nan")
    if outcome.lesson is not None:
        result.version = outcome.lesson.version
        result.old_accuracy_before = float(outcome.lesson.accuracy_before)
        result.old_accuracy_after = float(outcome.lesson.accuracy_after)


def clusters_to_message(
    groups: Sequence[UnknownGroup], pictures: Sequence[Sequence[bytes]], stamp: Time
) -> UnknownClusterArray:
    """Return the questions, each with a sheet of its most typical pictures.

    ``pictures`` holds, for each group, the JPEGs of its exemplars; empty where there is none.
    """
    message = UnknownClusterArray(header=Header(stamp=stamp))
    message.clusters = [_cluster(*pair) for pair in zip(groups, pictures, strict=True)]
    return message


def _cluster(group: UnknownGroup, pictures: Sequence[bytes]) -> UnknownCluster:
    message = UnknownCluster(
        cluster_id=group.cluster_id,
        suggested_label=group.suggested_label,
        size=group.size,
        first_seen=ns_to_stamp(group.first_seen_ns),
        last_seen=ns_to_stamp(group.last_seen_ns),
        priority=float(group.priority),
        exemplar_ids=list(group.exemplar_ids),
        nearest=scores_to_messages(group.nearest, 5),
    )
    sheet = contact_sheet(pictures)
    if sheet:
        message.contact_sheet.format = "jpeg"
        message.contact_sheet.data = array.array("B", sheet)
    return message
