"""What our launch files hold: a launch description for each part of the graph.

Needs ``launch`` and ``launch_ros``, which come with an installation of ROS 2; nothing else in the
package imports this file. Arguments, executables and remappings come from
:mod:`cil_nodes.ros.graph`, as they do for ``cil up``.
"""

from __future__ import annotations

from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.launch_context import LaunchContext
from launch.launch_description import LaunchDescription
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from cil_nodes.ros import graph
from cil_nodes.ros.planning import Process, plan
from cil_nodes.ros.share import transport_variables


def description(name: str) -> LaunchDescription:
    """Describe the launch of a part: its arguments, then what they ask for.

    Parameters
    ----------
    name : str
        One of :data:`cil_nodes.ros.graph.PARTS`.
    """
    part = graph.part(name)
    arguments = [
        DeclareLaunchArgument(
            argument.name,
            default_value=argument.default,
            description=argument.description,
            choices=list(argument.choices) or None,
        )
        for argument in part.arguments
    ]
    steps = [OpaqueFunction(function=step, args=[part]) for step in (remark, start)]
    return LaunchDescription([*arguments, *steps])


def remark(context: LaunchContext, part: graph.Part) -> list[LaunchDescriptionEntity]:
    """Name arguments that look misspelt; launch itself takes any name without a word."""
    known = [argument.name for argument in part.arguments]
    remarks: list[LaunchDescriptionEntity] = []
    for name in context.launch_configurations:
        close = [] if name in _ALL else graph.close_names(name, known)
        remarks += [
            LogInfo(msg=f"{part.launch_file} has no argument {name}. Did you mean {word}:=?")
            for word in close
        ]
    return remarks


def start(context: LaunchContext, part: graph.Part) -> list[LaunchDescriptionEntity]:
    """Make a node action for each process of the plan, once the arguments are known."""
    values = {a.name: LaunchConfiguration(a.name).perform(context) for a in part.arguments}
    variables = transport_variables(context.environment)
    entities: list[LaunchDescriptionEntity] = []
    for process in plan({"part": part.name, **values}):
        node = node_action(process, variables)
        entities.append(node)
        if process.required and not process.respawn:
            entities.append(_end_with(node, process.executable.name))
    return entities


def node_action(process: Process, variables: dict[str, str]) -> Node:
    """Turn one process of the plan into an action.

    Parameters
    ----------
    process : Process
        What to start, and how.
    variables : dict of str to str
        Environment of this process alone, so that nodes of a launch file around ours keep theirs.
    """
    item = process.executable
    values = {name: _parameter(value) for _, name, value in process.parameters}
    return Node(
        package=graph.PACKAGE,
        executable=item.name,
        name=item.name if item.nodes == (item.name,) else None,
        namespace=process.namespace,
        parameters=[str(process.params_file), *([values] if values else [])],
        remappings=list(process.remappings),
        ros_arguments=["--log-level", process.log_level],
        additional_env=variables,
        respawn=process.respawn,
        respawn_delay=graph.RESPAWN_DELAY,
        sigterm_timeout=str(graph.PATIENCE),
        output="screen",
        emulate_tty=True,
    )


def _end_with(node: Node, name: str) -> RegisterEventHandler:
    """End the launch when a node ends; launch itself logs no reason for its end."""
    reason = f"{name} has ended, and the launch ends with it; required:=false keeps the others."
    actions = [LogInfo(msg=reason), EmitEvent(event=Shutdown(reason=reason))]
    return RegisterEventHandler(OnProcessExit(target_action=node, on_exit=actions))


def _parameter(value: object) -> object:
    """Keep text text: launch reads a bare one as YAML and makes 7 of a folder called "007"."""
    return ParameterValue(value, value_type=str) if isinstance(value, str) else value


_ALL = {argument.name for argument in graph.ARGUMENTS}
