"""A recording stand-in for ``launch`` and ``launch_ros`` where they are not installed.

It takes exactly the keyword arguments of the real classes that our launch files use, so that a
misspelt one fails, and keeps them.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest


class LaunchContext:
    def __init__(self, configurations: dict[str, str]) -> None:
        self.launch_configurations = configurations


class LaunchDescription:
    def __init__(self, entities: Any = None) -> None:
        self.entities = list(entities or [])


class LaunchDescriptionEntity:
    pass


class DeclareLaunchArgument:
    def __init__(
        self, name: str, *, default_value: Any = None, description: Any = None, choices: Any = None
    ) -> None:
        assert choices is None or default_value in choices, f"{name}: default is no choice"
        self.name, self.default_value = name, default_value
        self.description, self.choices = description, choices


class SetEnvironmentVariable:
    def __init__(self, name: str, value: str) -> None:
        self.name, self.value = name, value


class OpaqueFunction:
    def __init__(self, *, function: Any) -> None:
        self.function = function


class EmitEvent:
    def __init__(self, *, event: Any) -> None:
        self.event = event


class RegisterEventHandler:
    def __init__(self, event_handler: Any) -> None:
        self.event_handler = event_handler


class OnProcessExit:
    def __init__(self, *, target_action: Any = None, on_exit: Any = None) -> None:
        self.target_action, self.on_exit = target_action, on_exit


class Shutdown:
    def __init__(self, *, reason: str = "") -> None:
        self.reason = reason


class LaunchConfiguration:
    def __init__(self, name: str) -> None:
        self.name = name

    def perform(self, context: LaunchContext) -> str:
        return context.launch_configurations[self.name]


class Node:
    def __init__(
        self,
        *,
        executable: str,
        package: str,
        name: str | None = None,
        namespace: str | None = None,
        parameters: Any = None,
        remappings: Any = None,
        ros_arguments: Any = None,
        respawn: bool = False,
        respawn_delay: float | None = None,
        output: str = "log",
        emulate_tty: bool = False,
    ) -> None:
        self.executable, self.package, self.name = executable, package, name
        self.namespace, self.parameters, self.remappings = namespace, parameters, remappings
        self.ros_arguments, self.respawn = ros_arguments, respawn


_MODULES: dict[str, tuple[type, ...]] = {
    "launch": (LaunchContext, LaunchDescription, LaunchDescriptionEntity),
    "launch.actions": (
        DeclareLaunchArgument,
        EmitEvent,
        OpaqueFunction,
        RegisterEventHandler,
        SetEnvironmentVariable,
    ),
    "launch.event_handlers": (OnProcessExit,),
    "launch.events": (Shutdown,),
    "launch.substitutions": (LaunchConfiguration,),
    "launch_ros": (),
    "launch_ros.actions": (Node,),
}


def install(patch: pytest.MonkeyPatch) -> None:
    """Put the stand-in where ``import launch`` finds it, for one test."""
    for name, classes in _MODULES.items():
        module = ModuleType(name)
        for one in classes:
            setattr(module, one.__name__, one)
        patch.setitem(sys.modules, name, module)
