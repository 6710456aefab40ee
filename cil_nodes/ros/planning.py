"""From the arguments of the graph to the processes to start, with everything decided.

Launch files run on the Python of ``ros2``, which has PyYAML and ROS but none of the packages that
nodes need; so nothing else is imported here before :func:`check` is called.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cil_nodes.ros.graph import (
    ARGUMENTS,
    EXECUTABLES,
    NODES,
    ArgumentError,
    Executable,
    close_names,
    model,
    parse,
    part,
)
from cil_nodes.ros.share import config_file


@dataclass(frozen=True)
class Process:
    """One process to start, with everything decided."""

    executable: Executable
    namespace: str
    """As typed: a launch file may push another one in front, unless it begins with a slash."""
    params_file: Path
    parameters: tuple[tuple[str, str, Any], ...]
    """(node, parameter, value)"""
    remappings: tuple[tuple[str, str], ...]
    log_level: str
    respawn: bool
    required: bool
    """Whether the graph ends with it."""

    @property
    def full_names(self) -> list[str]:
        """Fully qualified names of its nodes."""
        space = self.namespace.strip("/")
        return ["/".join(["", *filter(None, [space, n])]) for n in self.executable.nodes]

    def ros_arguments(self) -> list[str]:
        """The ``--ros-args`` of the process."""
        words = [
            "--ros-args",
            "-r",
            f"__ns:=/{self.namespace.strip('/')}",
            "--log-level",
            self.log_level,
        ]
        for old, new in self.remappings:
            words += ["-r", f"{old}:={new}"]
        words += ["--params-file", str(self.params_file)]
        # Without the node in front: rcl takes "camera:rate" for /camera, whatever the namespace.
        # The two nodes of the pipeline share no names but those that they are given alike.
        for name, value in {name: value for _, name, value in self.parameters}.items():
            words += ["-p", f"{name}:={_yaml(value)}"]
        return words


def plan(
    words: Mapping[str, str], overrides: Mapping[tuple[str, str], str] | None = None
) -> list[Process]:
    """Decide which processes run, and how.

    Parameters
    ----------
    words : mapping of str to str
        Arguments as typed; see :data:`ARGUMENTS`.
    overrides : mapping of (node, parameter) to str, optional
        Any other node parameter, as typed.

    Raises
    ------
    ArgumentError
        For a wrong argument, or a parameter that its node does not have.
    """
    values = parse(words)
    own = _own_parameters(values, overrides or {})
    file = Path(values["params_file"]).expanduser() if values["params_file"] else None
    file = file or config_file("cil.yaml")
    if not file.is_file():
        raise ArgumentError(f"There is no parameter file {file}.")
    items = [item for item in EXECUTABLES if _runs(item.name, values)]
    if not items:
        raise ArgumentError(
            "These arguments leave nothing to start: with source:=topic there is no camera of ours."
        )
    return [
        Process(
            executable=item,
            namespace=values["namespace"].rstrip("/"),
            params_file=file.resolve(),
            parameters=tuple(own_of(own, item)),
            remappings=_remappings(item, values["image"]),
            log_level=values["log_level"],
            respawn=values["use_respawn"] == "true",
            required=values["required"] == "true",
        )
        for item in items
    ]


def own_of(own: Mapping[tuple[str, str], Any], item: Executable) -> list[tuple[str, str, Any]]:
    """Choose the parameters of an executable's nodes."""
    return [(node, name, value) for (node, name), value in own.items() if node in item.nodes]


def _runs(name: str, values: Mapping[str, str]) -> bool:
    chosen = values["nodes"].split(",") if values["nodes"] else []
    if chosen:
        return name in chosen
    if name not in part(values["part"]).executables:
        return False
    pipeline = values["pipeline"] == "true" and values["source"] != "topic"
    conditions = {
        "camera": values["source"] != "topic" and not pipeline,
        "extractor": not pipeline,
        "pipeline": pipeline,
        "evaluator": values["evaluate"] == "true",
        "overlay": values["overlay"] == "true",
        "recorder": bool(values["record"]),
    }
    return conditions.get(name, True)


def _remappings(item: Executable, image: str) -> tuple[tuple[str, str], ...]:
    pairs = [("diagnostics", "/diagnostics")]  # where tools look for it, whatever the namespace
    if image and item.sees_images:
        pairs += [
            ("image", image),
            ("image/compressed", f"{image}/compressed"),
            ("camera_info", f"{image.rsplit('/', 1)[0]}/camera_info" if "/" in image else ""),
        ]
    return tuple((old, new) for old, new in pairs if new)


def check(processes: Iterable[Process]) -> None:
    """Check every parameter's name, type and range against its node's model.

    Imports the nodes, which launch files cannot: ``ros2 launch`` may run on another Python than
    the nodes do. There the nodes check by themselves.

    Raises
    ------
    ArgumentError
        Naming the parameter, what it takes, and the nearest name or value.
    """
    from cil_nodes.ros.parameters import ParameterError, specs

    for node, name, value in (one for process in processes for one in process.parameters):
        spec = {spec.name: spec for spec in specs(model(node))}.get(name)
        if spec is None:
            _check_method(node, name)
            continue
        try:
            spec.check(value, node)
        except ParameterError as error:
            raise ArgumentError(str(error)) from error


def _check_method(node: str, name: str) -> None:
    """Refuse ``oracel.router``; a method's own parameters are checked by the node."""
    from cil_nodes.learners import registry

    method, dot, rest = name.partition(".")
    known = registry.available()
    close = close_names(method, known) if dot and method not in known else []
    if close:
        raise ArgumentError(f"{node} has no parameter {name}. Did you mean {close[0]}.{rest}?")


def _own_parameters(
    values: Mapping[str, str], overrides: Mapping[tuple[str, str], str]
) -> dict[tuple[str, str], Any]:
    given = [a for a in ARGUMENTS if values[a.name] != a.default]
    typed = [(key, values[a.name]) for a in given for key in a.sets]
    return {(node, name): _typed(node, name, text) for (node, name), text in typed} | {
        (node, name): _typed(node, name, text) for (node, name), text in overrides.items()
    }


def _typed(node: str, name: str, text: str) -> Any:
    """Turn the text of a parameter into the type of its default, so that rate:=30 is a double."""
    import yaml

    value = yaml.safe_load(text) if text else ""
    table = _defaults().get(node)
    if table is None:
        raise ArgumentError(f"There is no node {node}. There are: {', '.join(NODES)}.")
    of_everybody = name == "use_sim_time"
    of_a_method = node == "learner" and "." in name
    if name not in table and not of_everybody and not of_a_method:
        close = close_names(name, table)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise ArgumentError(f"{node} has no parameter {name}.{hint}")
    default = table.get(name)
    if isinstance(default, str):
        return text
    return float(value) if isinstance(default, float) and type(value) is int else value


@functools.lru_cache(maxsize=1)
def _defaults() -> dict[str, dict[str, Any]]:
    """Defaults by node, from the parameter file that is written from the nodes' models."""
    import yaml

    places = yaml.safe_load(config_file("cil.yaml").read_text(encoding="utf-8"))
    return {place.rpartition("/")[2]: found["ros__parameters"] for place, found in places.items()}


def _yaml(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)
