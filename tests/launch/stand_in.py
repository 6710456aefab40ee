"""A recording stand-in for ``launch`` and ``launch_ros`` where they are not installed.

Each class takes exactly the arguments of the real one of ROS 2 Jazzy, so that a misspelt keyword
fails here as it would there, and keeps them as attributes. Where the real packages are installed a
test compares the two.
"""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any

import pytest

import cil_nodes.ros
from tests.ros_support import ROOT


class LaunchContext:
    def __init__(self, *, argv: Any = None, noninteractive: bool = False) -> None:
        self.launch_configurations: dict[str, str] = {}
        self.environment: dict[str, str] = {}


class LaunchDescriptionEntity:
    pass


class LaunchDescription(LaunchDescriptionEntity):
    def __init__(self, initial_entities: Any = None, *, deprecated_reason: Any = None) -> None:
        self.entities = list(initial_entities or [])
        assert all(isinstance(entity, LaunchDescriptionEntity) for entity in self.entities)


class Action(LaunchDescriptionEntity):
    def __init__(self, *, condition: Any = None) -> None:
        self.condition = condition


class DeclareLaunchArgument(Action):
    def __init__(
        self,
        name: str,
        *,
        default_value: Any = None,
        description: Any = None,
        choices: Any = None,
        condition: Any = None,
    ) -> None:
        assert choices is None or choices, f"{name}: an empty list of choices"
        assert choices is None or default_value in choices, f"{name}: default is no choice"
        super().__init__(condition=condition)
        self.name, self.default_value = name, default_value
        self.description, self.choices = description, choices


class LogInfo(Action):
    def __init__(self, *, msg: Any, condition: Any = None) -> None:
        super().__init__(condition=condition)
        self.msg = msg


class OpaqueFunction(Action):
    def __init__(
        self, *, function: Any, args: Any = None, kwargs: Any = None, condition: Any = None
    ) -> None:
        super().__init__(condition=condition)
        self.function, self.args, self.kwargs = function, args or [], kwargs or {}

    def execute(self, context: LaunchContext) -> Any:
        return self.function(context, *self.args, **self.kwargs)


class EmitEvent(Action):
    def __init__(self, *, event: Any, condition: Any = None) -> None:
        super().__init__(condition=condition)
        self.event = event


class RegisterEventHandler(Action):
    def __init__(self, event_handler: Any, *, condition: Any = None) -> None:
        super().__init__(condition=condition)
        self.event_handler = event_handler


class OnProcessExit:
    def __init__(
        self, *, target_action: Any = None, on_exit: Any = None, handle_once: bool = False
    ) -> None:
        assert target_action is None or isinstance(target_action, Node)
        self.target_action, self.on_exit = target_action, on_exit


class Shutdown:
    def __init__(self, *, reason: str = "reason not given", due_to_sigint: bool = False) -> None:
        self.reason = reason


class LaunchConfiguration:
    def __init__(self, variable_name: str, *, default: Any = None) -> None:
        self.variable_name = variable_name

    def perform(self, context: LaunchContext) -> str:
        return context.launch_configurations[self.variable_name]


class ParameterValue:
    def __init__(self, value: Any, *, value_type: Any = None) -> None:
        self.value, self.value_type = value, value_type


class Node(Action):
    def __init__(
        self,
        *,
        executable: Any,
        package: Any = None,
        name: Any = None,
        namespace: Any = None,
        exec_name: Any = None,
        parameters: Any = None,
        remappings: Any = None,
        ros_arguments: Any = None,
        arguments: Any = None,
        prefix: Any = None,
        cwd: Any = None,
        env: Any = None,
        additional_env: Any = None,
        shell: bool = False,
        sigterm_timeout: Any = 5,
        sigkill_timeout: Any = 5,
        emulate_tty: bool = False,
        output: Any = "log",
        output_format: str = "",
        cached_output: bool = False,
        log_cmd: bool = False,
        on_exit: Any = None,
        respawn: Any = False,
        respawn_delay: float | None = None,
        respawn_max_retries: int = -1,
        condition: Any = None,
    ) -> None:
        given = {k: v for k, v in locals().items() if k not in ("self", "__class__", "condition")}
        super().__init__(condition=condition)
        assert isinstance(parameters, list), "launch_ros takes parameters as a list only"
        assert isinstance(sigterm_timeout, (str, int)), "a substitution, or text"
        self.given: dict[str, Any] = given


MODULES: dict[str, tuple[type, ...]] = {
    "launch": (LaunchContext, LaunchDescription, LaunchDescriptionEntity),
    "launch.actions": (
        DeclareLaunchArgument,
        EmitEvent,
        LogInfo,
        OpaqueFunction,
        RegisterEventHandler,
    ),
    "launch.event_handlers": (OnProcessExit,),
    "launch.events": (Shutdown,),
    "launch.launch_context": (LaunchContext,),
    "launch.launch_description": (LaunchDescription,),
    "launch.launch_description_entity": (LaunchDescriptionEntity,),
    "launch.substitutions": (LaunchConfiguration,),
    "launch_ros": (),
    "launch_ros.actions": (Node,),
    "launch_ros.parameter_descriptions": (ParameterValue,),
}


def install(patch: pytest.MonkeyPatch) -> None:
    """Put the stand-in where ``import launch`` finds it, for one test."""
    for name, classes in MODULES.items():
        module = ModuleType(name)
        for one in classes:
            setattr(module, one.__name__, one)
        patch.setitem(sys.modules, name, module)
    launching = load(ROOT / "cil_nodes" / "ros" / "launching.py", "cil_nodes.ros.launching")
    patch.setitem(sys.modules, "cil_nodes.ros.launching", launching)
    patch.setattr(cil_nodes.ros, "launching", launching, raising=False)


def load(path: Any, name: str) -> ModuleType:
    """Import a file under a name, without keeping it."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
