"""Whether another learner answers in the same namespace, where a label would reach either."""

from __future__ import annotations

from rclpy.node import Node


def rivals(node: Node, service: str = "add_samples", topic: str = "state") -> str:
    """Say in words who else offers ``service``; empty while ``node`` is alone with it.

    Parameters
    ----------
    node : rclpy.node.Node
        Who offers the service and publishes on ``topic``, by which others are named.
    """
    if node.count_services(node.resolve_service_name(service)) < 2:
        return ""
    found = node.get_publishers_info_by_topic(node.resolve_topic_name(topic))
    names = [f"{one.node_namespace.rstrip('/')}/{one.node_name}" for one in found]
    return (
        f"More than one learner answers in {node.get_namespace()}: {', '.join(sorted(names))}. A "
        "label reaches one of them by chance. End all but one, or give each a namespace of its "
        "own (namespace:=robot2)."
    )
