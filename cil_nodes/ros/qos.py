"""The three quality-of-service profiles of the graph, and what to say when they do not match.

* :data:`IMAGE`: best effort. Subscribing so matches every publisher; a reliable subscription gets
  nothing from a best-effort camera.
* :data:`RESULT`: reliable, the last 10. Features, predictions, unknowns, metrics.
* :data:`STATE`: reliable and latched (transient local), depth 1. Whoever comes late gets the last.
"""

from __future__ import annotations

from typing import Any

from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSProfile,
    ReliabilityPolicy,
    qos_policy_name_from_kind,
    qos_profile_sensor_data,
)

IMAGE: QoSProfile = qos_profile_sensor_data
RESULT = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=10, reliability=ReliabilityPolicy.RELIABLE
)
STATE = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)

PATIENT = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=200, reliability=ReliabilityPolicy.RELIABLE
)
"""For subscriptions to results that must not lose any while their process gets no time."""

_REMEDY = {
    "RELIABILITY": "make the publisher reliable, or the subscription best effort",
    "DURABILITY": "make the publisher transient local (latched), or the subscription volatile",
    "DEADLINE": "give the publisher a deadline no longer than the subscription's",
    "LIVELINESS": "give the publisher a liveliness no looser than the subscription's",
}


def mismatch_message(side: str, topic: str, policy: str) -> str:
    """Say which policy keeps two ends of ``topic`` apart and what to change.

    Parameters
    ----------
    side : str
        ``"publisher"`` or ``"subscription"``: our end.
    topic : str
        Fully resolved topic name.
    policy : str
        Name of the policy, such as ``RELIABILITY``.
    """
    other = "subscription" if side == "publisher" else "publisher"
    remedy = _REMEDY.get(policy, "make both ends use the same profile")
    return (
        f"A {other} of {topic} offers or asks for another {policy} than our {side}: nothing will "
        f"pass between them. Remedy: {remedy}. "
        f"See both ends with: ros2 topic info --verbose {topic}"
    )


def subscription_events(node: Any, topic: str) -> SubscriptionEventCallbacks:
    """Event callbacks for a subscription that log an incompatible publisher."""
    return SubscriptionEventCallbacks(
        incompatible_qos=lambda info: _report(node, "subscription", topic, info),
        use_default_callbacks=False,
    )


def publisher_events(node: Any, topic: str) -> PublisherEventCallbacks:
    """Event callbacks for a publisher that log an incompatible subscription."""
    return PublisherEventCallbacks(
        incompatible_qos=lambda info: _report(node, "publisher", topic, info),
        use_default_callbacks=False,
    )


def _report(node: Any, side: str, topic: str, info: Any) -> None:
    resolved = node.resolve_topic_name(topic)
    policy = qos_policy_name_from_kind(info.last_policy_kind)
    node.get_logger().warning(mismatch_message(side, resolved, policy))
