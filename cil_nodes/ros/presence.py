"""Whether ROS 2 can be imported here, and what to do where it cannot. Needs nothing itself."""

from __future__ import annotations

import importlib
import os
import sys

PACKAGES = ("rclpy", "sensor_msgs", "cil_msgs")
"""What every node needs, in the order in which it is worth mending."""


class RosMissingError(ImportError):
    """A part of ROS 2 that the nodes need cannot be imported; the message says what to do."""


def require(*packages: str) -> None:
    """Raise unless these packages of ROS 2 can be imported; all that nodes need by default.

    Raises
    ------
    RosMissingError
        Naming the package, the reason and the remedy.
    """
    for package in packages or PACKAGES:
        if reason := failure_of(package):
            raise RosMissingError(f"{package} cannot be imported ({reason}). {remedy(package)}")


def failure_of(package: str) -> str:
    """Return in one line why a package cannot be imported; empty where it can."""
    try:
        importlib.import_module(package)
    except Exception as error:  # a broken extension may raise anything
        return str(error).split("\n", 1)[0] or type(error).__name__
    return ""


def remedy(package: str) -> str:
    """Say what to do where a package of ROS 2 cannot be imported."""
    if package == "cil_msgs":
        return (
            "It holds this project's messages: start by ./cil, which builds them; or in a ROS 2 "
            "workspace: cd ros2_ws && colcon build && . install/setup.sh"
        )
    if os.environ.get("AMENT_PREFIX_PATH"):
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        return (
            f"A ROS 2 is sourced ({os.environ['AMENT_PREFIX_PATH'].split(os.pathsep)[0]}), but not "
            f"one for this Python {version}: use the system's python3, or start by ./cil, which "
            "brings its own."
        )
    return "Start by ./cil, which brings its own ROS 2, or source one: . /opt/ros/jazzy/setup.sh"
