"""Two robots in one launch, each with its own camera, learner and memory.

    ros2 launch examples/two_robots.launch.py first:=device:0 second:=device:2

A group keeps the arguments of one robot from the other: what an included launch file is given stays
set for all that comes after it in the same scope.
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction, IncludeLaunchDescription
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import PushRosNamespace
from launch_ros.substitutions import FindPackageShare


def generate_launch_description() -> LaunchDescription:
    """Describe both robots."""
    return LaunchDescription(
        [
            DeclareLaunchArgument("first", default_value="sim", description="Its images."),
            DeclareLaunchArgument("second", default_value="sim", description="Its images."),
            robot("robot1", LaunchConfiguration("first")),
            robot("robot2", LaunchConfiguration("second")),
        ]
    )


def robot(name: str, source: LaunchConfiguration) -> GroupAction:
    """Describe one robot: its nodes live in ``/name/cil`` and do not end the other's."""
    folder = PathJoinSubstitution([FindPackageShare("cil_nodes"), "launch"])
    perception = IncludeLaunchDescription(
        PathJoinSubstitution([folder, "perception.launch.py"]),
        launch_arguments={"source": source, "pipeline": "true", "required": "false"}.items(),
    )
    teaching = IncludeLaunchDescription(
        PathJoinSubstitution([folder, "teaching.launch.py"]),
        launch_arguments={"required": "false"}.items(),
    )
    return GroupAction([PushRosNamespace(name), perception, teaching])
