"""Starts the graph: ``ros2 launch cil_nodes cil.launch.py source:=device:0``.

Arguments, executables and remappings come from ``cil_nodes.ros.graph``, as for ``cil up``.
"""

import os

from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from cil_nodes.ros import graph
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments, then start what they ask for."""
    arguments = [
        DeclareLaunchArgument(
            argument.name,
            default_value=argument.default,
            description=argument.description,
            choices=list(argument.choices) or None,
        )
        for argument in graph.ARGUMENTS
    ]
    variables = [
        SetEnvironmentVariable(name, value)
        for name, value in graph.transport_variables(os.environ).items()
    ]
    return LaunchDescription([*arguments, *variables, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Make a node action for each process of the plan."""
    values = {a.name: LaunchConfiguration(a.name).perform(context) for a in graph.ARGUMENTS}
    entities: list[LaunchDescriptionEntity] = []
    for process in graph.plan(values):
        node = node_action(process)
        entities.append(node)
        if not process.respawn:
            ended = EmitEvent(event=Shutdown(reason=f"{process.executable.name} ended"))
            entities.append(
                RegisterEventHandler(OnProcessExit(target_action=node, on_exit=[ended]))
            )
    return entities


def node_action(process: graph.Process) -> Node:
    """Turn one process of the plan into an action."""
    item = process.executable
    return Node(
        package=graph.PACKAGE,
        executable=item.name,
        name=item.name if item.nodes == (item.name,) else None,
        namespace=process.namespace,
        parameters=[
            str(process.params_file),
            {name: value for _, name, value in process.parameters},
        ],
        remappings=list(process.remappings),
        ros_arguments=["--log-level", process.log_level],
        respawn=process.respawn,
        respawn_delay=2.0,
        output="screen",
        emulate_tty=True,
    )
