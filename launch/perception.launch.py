"""Starts a camera of ours, or your driver's topic, and the extractor.

    ros2 launch cil_nodes perception.launch.py source:=topic image:=/usb_cam/image_raw

``--show-args`` lists the arguments, docs/launch.md explains them.
"""

from launch import LaunchDescription

from cil_nodes.ros import launching


def generate_launch_description() -> LaunchDescription:
    """Describe the part ``perception`` of the graph."""
    return launching.description("perception")
