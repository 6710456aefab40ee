"""Starts the whole graph.

    ros2 launch cil_nodes cil.launch.py source:=device:0

``--show-args`` lists the arguments, docs/launch.md explains them.
"""

from launch import LaunchDescription

from cil_nodes.ros import launching


def generate_launch_description() -> LaunchDescription:
    """Describe the part ``all`` of the graph."""
    return launching.description("all")
