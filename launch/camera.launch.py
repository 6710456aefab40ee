"""Starts a camera of ours alone.

    ros2 launch cil_nodes camera.launch.py source:=device:0 rate:=30

``--show-args`` lists the arguments, docs/launch.md explains them.
"""

from launch import LaunchDescription

from cil_nodes.ros import launching


def generate_launch_description() -> LaunchDescription:
    """Describe the part ``camera`` of the graph."""
    return launching.description("camera")
