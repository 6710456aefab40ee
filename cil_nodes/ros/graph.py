"""The graph as one table: which executables there are, with which arguments, remapped how.

The launch file and ``cil up`` both read it, so that they cannot drift apart. Nothing here needs
ROS until the defaults of parameters are asked for.
"""

from __future__ import annotations

import difflib
import importlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cil_nodes.ros.parameters import NodeParameters, ParameterError, specs

PACKAGE = "cil_nodes"
_NAME = re.compile(r"/?(?:[A-Za-z_]\w*/)*[A-Za-z_]\w*/?", re.ASCII)
"""What ROS takes as a namespace or a topic."""


class ArgumentError(ValueError):
    """An argument of the graph has a wrong name or value."""


@dataclass(frozen=True)
class Executable:
    """One program of the graph.

    Attributes
    ----------
    name : str
        Name of the executable, and of the module below ``cil_nodes.nodes``.
    nodes : tuple of str
        Names of the nodes it runs.
    does : str
        What it is for.
    sees_images : bool
        Whether it subscribes to ``image`` and follows its remapping.
    """

    name: str
    nodes: tuple[str, ...]
    does: str
    sees_images: bool = False

    @property
    def module(self) -> str:
        """Module to run with ``python -m``."""
        return f"{PACKAGE}.nodes.{self.name}"


@dataclass(frozen=True)
class Argument:
    """One argument of the graph.

    Attributes
    ----------
    name, description : str
        The description says what happens when the argument is left out.
    default : str
        As typed; empty means left out.
    choices : tuple of str
        The only values taken; empty for any.
    sets : tuple of (str, str)
        Node parameters, as (node, parameter), that take the value when it is given.
    """

    name: str
    description: str
    default: str = ""
    choices: tuple[str, ...] = ()
    sets: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Process:
    """One process to start, with everything decided."""

    executable: Executable
    namespace: str
    params_file: Path
    parameters: tuple[tuple[str, str, Any], ...]
    """(node, parameter, value)"""
    remappings: tuple[tuple[str, str], ...]
    log_level: str
    respawn: bool

    @property
    def full_names(self) -> list[str]:
        """Fully qualified names of its nodes."""
        return ["/".join(["", *filter(None, [self.namespace, n])]) for n in self.executable.nodes]

    def ros_arguments(self) -> list[str]:
        """The ``--ros-args`` of the process."""
        words = ["--ros-args", "-r", f"__ns:=/{self.namespace}", "--log-level", self.log_level]
        for old, new in self.remappings:
            words += ["-r", f"{old}:={new}"]
        words += ["--params-file", str(self.params_file)]
        # Without the node in front: rcl takes "camera:rate" for /camera, whatever the namespace.
        # The two nodes of the pipeline share no names but those that they are given alike.
        for name, value in {name: value for _, name, value in self.parameters}.items():
            words += ["-p", f"{name}:={_yaml(value)}"]
        return words


_BOOLEAN = ("true", "false")

EXECUTABLES: tuple[Executable, ...] = (
    Executable("camera", ("camera",), "frames from a device, files, a data set or the simulator"),
    Executable("extractor", ("extractor",), "images to feature vectors", sees_images=True),
    Executable("pipeline", ("camera", "extractor"), "camera and extractor in one process"),
    Executable("learner", ("learner",), "predicts, learns, remembers"),
    Executable("labeler", ("labeler",), "takes labels and keeps what was seen", sees_images=True),
    Executable("evaluator", ("evaluator",), "running metrics where the truth is known"),
    Executable("overlay", ("overlay",), "draws predictions into the image", sees_images=True),
    Executable("recorder", ("recorder",), "records the graph as an MCAP bag", sees_images=True),
)
"""Every executable of the package, in the order in which the graph starts them."""

NODES: tuple[str, ...] = tuple(e.name for e in EXECUTABLES if e.nodes == (e.name,))
"""Names of all nodes."""

ARGUMENTS: tuple[Argument, ...] = (
    Argument("namespace", "Namespace of every node; cil when left out.", "cil"),
    Argument(
        "source",
        "Where images come from: sim, device:N, file:VIDEO, folder:PICTURES, "
        "classes:FOLDER_PER_CLASS, dataset:NAME, or topic for a camera driver that runs already. "
        "Left out, what the parameter file says: the simulated turntable.",
        sets=(("camera", "source"),),
    ),
    Argument(
        "image",
        "Image topic of a camera driver, such as /usb_cam/image_raw; with source:=topic only. "
        "Left out, the topic image in our namespace.",
    ),
    Argument(
        "rate",
        "The most frames a second of our own camera. Left out, what the parameter file says.",
        sets=(("camera", "rate"),),
    ),
    Argument(
        "width",
        "Width of our own camera's images. Left out, what the parameter file says.",
        sets=(("camera", "width"),),
    ),
    Argument(
        "height",
        "Height of our own camera's images. Left out, what the parameter file says.",
        sets=(("camera", "height"),),
    ),
    Argument(
        "model",
        "Encoder: a name of the catalogue or the path of an .onnx file. "
        "Left out, what the parameter file says: efficientnet_lite0.",
        sets=(("extractor", "model"),),
    ),
    Argument(
        "providers",
        "Where the encoder computes: auto, cpu, cuda or tensorrt. "
        "Left out, what the parameter file says: auto.",
        sets=(("extractor", "providers"),),
    ),
    Argument(
        "method",
        "Learning method of an empty journal. Left out, what the parameter file says: oracil.",
        sets=(("learner", "method"),),
    ),
    Argument(
        "folder",
        "Folder of the learner's journal and snapshots, so that it resumes where it stopped. "
        "Left out, a folder named for the namespace below ~/.ros.",
        sets=(("learner", "folder"),),
    ),
    Argument(
        "seed",
        "Seed of the simulator and of learning. Left out, what the parameter file says: 0.",
        sets=(("camera", "seed"), ("learner", "random_state")),
    ),
    Argument(
        "record",
        "Folder of a bag to record. Left out, nothing is recorded.",
        sets=(("recorder", "folder"),),
    ),
    Argument("evaluate", "Whether to run the evaluator; not when left out.", "false", _BOOLEAN),
    Argument("overlay", "Whether to draw predictions; not when left out.", "false", _BOOLEAN),
    Argument(
        "nodes",
        "Executables to run, such as camera,extractor, where the rest runs on another machine. "
        "Left out, all that the other arguments ask for.",
    ),
    Argument(
        "pipeline",
        "Whether camera and extractor share one process, which saves sending each image; "
        "not when left out.",
        "false",
        _BOOLEAN,
    ),
    Argument(
        "params_file",
        "Parameter file for all nodes. Left out, the cil.yaml that comes with the package.",
    ),
    Argument(
        "autostart",
        "Whether nodes activate by themselves; false waits for a lifecycle manager. "
        "They do when left out.",
        "true",
        _BOOLEAN,
        sets=tuple((node, "autostart") for node in NODES),
    ),
    Argument(
        "use_sim_time",
        "Whether time comes from the topic /clock; not when left out.",
        "false",
        _BOOLEAN,
        sets=tuple((node, "use_sim_time") for node in NODES),
    ),
    Argument(
        "use_respawn",
        "Whether a node that dies is started again; when left out the graph ends with it.",
        "false",
        _BOOLEAN,
    ),
    Argument(
        "log_level",
        "Least severity that nodes log; info when left out.",
        "info",
        ("debug", "info", "warn", "error", "fatal"),
    ),
)
"""Every argument of ``cil up`` and of the launch file."""


def executable(name: str) -> Executable:
    """Return an executable by its name."""
    return next(e for e in EXECUTABLES if e.name == name)


def model(node: str) -> type[NodeParameters]:
    """Parameter model of a node; imports the node, so it needs ROS.

    Raises
    ------
    ArgumentError
        When there is no such node.
    """
    if node not in NODES:
        raise ArgumentError(f"There is no node {node}. There are: {', '.join(NODES)}.")
    module = importlib.import_module(executable(node).module)
    found: type[NodeParameters] = getattr(module, f"{node.capitalize()}Parameters")
    return found


def share_folder(kind: str) -> Path:
    """Return the folder ``config`` or ``launch`` of a clone or of an installed package.

    Raises
    ------
    FileNotFoundError
        When neither has it; names both places.
    """
    clone = Path(__file__).resolve().parents[2] / kind
    if clone.is_dir():
        return clone
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    for prefix in filter(None, prefixes):
        folder = Path(prefix) / "share" / PACKAGE / kind
        if folder.is_dir():
            return folder
    raise FileNotFoundError(
        f"There is no folder {kind}: neither {clone} nor share/{PACKAGE}/{kind} in a sourced ROS "
        "workspace. Run from a clone, or source the workspace that the package was built in."
    )


def config_file(name: str) -> Path:
    """Return a file of the folder ``config``."""
    return share_folder("config") / name


def transport_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Environment variables that point Fast DDS at our transports; none if the user set any."""
    names = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
    if any(environment.get(name) for name in names):
        return {}
    return {name: str(config_file("fastdds.xml")) for name in names}


def parse(words: Mapping[str, str]) -> dict[str, str]:
    """Check arguments by name and choice, and fill in the defaults.

    Raises
    ------
    ArgumentError
        Naming the argument and what it takes, or the nearest name.
    """
    table = {argument.name: argument for argument in ARGUMENTS}
    values = {argument.name: argument.default for argument in ARGUMENTS}
    for name, value in words.items():
        if name not in table:
            close = difflib.get_close_matches(name, list(table), 1)
            hint = f" Did you mean {close[0]}:={value}?" if close else ""
            raise ArgumentError(
                f"There is no argument {name}.{hint} There are: {', '.join(table)}."
            )
        choices = table[name].choices
        if choices and value not in choices:
            raise ArgumentError(f"{name} cannot be {value!r}; it is one of: {', '.join(choices)}.")
        values[name] = value
    known = {item.name for item in EXECUTABLES}
    for name in filter(None, values["nodes"].split(",")):
        if name not in known:
            raise ArgumentError(f"nodes names {name!r}; there are: {', '.join(sorted(known))}.")
    for name in ("namespace", "image"):
        if values[name].strip("/") and not _NAME.fullmatch(values[name]):
            raise ArgumentError(
                f"{name} cannot be {values[name]!r}: a ROS name is made of letters, digits, "
                "_ and /, and no part begins with a digit."
            )
    if values["image"] and values["source"] != "topic":
        raise ArgumentError("image names the topic of a camera driver: give source:=topic with it.")
    return values


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
        For a wrong argument or override.
    """
    values = parse(words)
    own = _own_parameters(values, overrides or {})
    file = Path(values["params_file"]).expanduser() if values["params_file"] else None
    file = file or config_file("cil.yaml")
    if not file.is_file():
        raise ArgumentError(f"There is no parameter file {file}.")
    return [
        Process(
            executable=item,
            namespace=values["namespace"].strip("/"),
            params_file=file.resolve(),
            parameters=tuple(own_of(own, item)),
            remappings=_remappings(item, values["image"]),
            log_level=values["log_level"],
            respawn=values["use_respawn"] == "true",
        )
        for item in EXECUTABLES
        if _runs(item.name, values)
    ]


def own_of(own: Mapping[tuple[str, str], Any], item: Executable) -> list[tuple[str, str, Any]]:
    """Choose the parameters of an executable's nodes."""
    return [(node, name, value) for (node, name), value in own.items() if node in item.nodes]


def _runs(name: str, values: Mapping[str, str]) -> bool:
    chosen = values["nodes"].split(",") if values["nodes"] else []
    if chosen:
        return name in chosen
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


def _own_parameters(
    values: Mapping[str, str], overrides: Mapping[tuple[str, str], str]
) -> dict[tuple[str, str], Any]:
    typed = [(key, values[a.name]) for a in ARGUMENTS for key in a.sets if values[a.name]]
    own: dict[tuple[str, str], Any] = {}
    for (node, name), text in [*typed, *overrides.items()]:
        own[node, name] = _typed(node, name, text)
    return own


def _typed(node: str, name: str, text: str) -> Any:
    """Turn the text of a parameter into its type, so that rate:=30 is a double."""
    import yaml

    value = yaml.safe_load(text) if text else ""
    if name in ("autostart", "use_sim_time"):
        return value  # choices of ours, checked already; no node need be imported for them
    table = {spec.name: spec for spec in specs(model(node))}
    spec = table.get(name)
    if spec is None:
        of_method = node == "learner" and "." in name
        close = _misspelt_method(name) if of_method else difflib.get_close_matches(name, table, 1)
        if of_method and not close:
            return value  # the method's own, which the node checks
        hint = f" Did you mean {close[0]}?" if close else ""
        raise ArgumentError(f"{node} has no parameter {name}.{hint}")
    value = text if spec.type is str and not spec.is_list else spec.coerce(value)
    try:
        spec.check(value, node)
    except ParameterError as error:
        raise ArgumentError(str(error)) from error
    return value


def _misspelt_method(name: str) -> list[str]:
    """Correct ``oracel.router`` to ``oracil.router``; empty when there is nothing to correct."""
    from cil_nodes.learners import registry

    method, _, rest = name.partition(".")
    known = registry.available()
    close = [] if method in known else difflib.get_close_matches(method, known, 1)
    return [f"{method}.{rest}" for method in close]


def _yaml(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)
