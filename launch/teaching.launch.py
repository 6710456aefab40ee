"""Starts learner and labeler; evaluator, overlay and recorder when asked for.

    ros2 launch cil_nodes teaching.launch.py overlay:=true

``--show-args`` lists the arguments, docs/launch.md explains them.
"""

from launch import LaunchDescription

from cil_nodes.ros import launching


def generate_launch_description() -> LaunchDescription:
    """Describe the part ``teaching`` of the graph."""
    return launching.description("teaching")
