"""The graph as tables: its executables, its parts, and the arguments that they take.

The launch files, ``cil up`` and docs/launch.md are all made from them, so that they cannot drift
apart; :mod:`cil_nodes.ros.planning` turns arguments into processes. Nothing here needs ROS until
the parameters of a node are asked for.
"""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the Python of ``ros2 launch`` need not have pydantic
    from cil_nodes.ros.parameters import NodeParameters

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
        The description says what happens when the argument is left out, and names the unit and
        the range of what it sets.
    default : str
        As typed; empty means left out.
    choices : tuple of str
        The only values taken; empty for any.
    sets : tuple of (str, str)
        Node parameters, as (node, parameter), that take the value when it is not the default.
    concerns : tuple of str
        Executables that it has a meaning for; empty for all.
    """

    name: str
    description: str
    default: str = ""
    choices: tuple[str, ...] = ()
    sets: tuple[tuple[str, str], ...] = ()
    concerns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """One part of the graph, which has a launch file of its own.

    Attributes
    ----------
    name, does : str
        Name, and what it is for.
    executables : tuple of str
        Names of the executables that may run in it.
    """

    name: str
    does: str
    executables: tuple[str, ...]

    @property
    def launch_file(self) -> str:
        """Name of its launch file."""
        return f"{'cil' if self.name == 'all' else self.name}.launch.py"

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """What its launch file takes; ``cil up`` takes ``part`` besides."""
        own = set(self.executables)
        return tuple(
            a
            for a in ARGUMENTS
            if a.name != "part"
            and (a.name != "nodes" or self.name == "all")
            and (not a.concerns or own & set(a.concerns))
        )


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

PARTS: tuple[Part, ...] = (
    Part("all", "the whole graph", tuple(e.name for e in EXECUTABLES)),
    Part("camera", "a camera of ours alone", ("camera",)),
    Part(
        "perception",
        "pictures to feature vectors: a camera of ours or your driver's topic, and the extractor",
        ("camera", "extractor", "pipeline"),
    ),
    Part(
        "teaching",
        "what learns from feature vectors: learner and labeler; evaluator, overlay and recorder "
        "when asked for",
        ("learner", "labeler", "evaluator", "overlay", "recorder"),
    ),
)
"""Every part; each has a launch file."""

_VIEWERS = tuple(e.name for e in EXECUTABLES if e.sees_images)

ARGUMENTS: tuple[Argument, ...] = (
    Argument(
        "part",
        "Part of the graph to start, where the rest runs elsewhere; all when left out.",
        "all",
        tuple(part.name for part in PARTS),
    ),
    Argument("namespace", "Namespace of every node; cil when left out.", "cil"),
    Argument(
        "source",
        "Where images come from: sim, device:N, file:VIDEO, folder:PICTURES, "
        "classes:FOLDER_PER_CLASS, dataset:NAME, or topic for a camera driver that runs already. "
        "Left out, what the parameter file says: the simulated turntable.",
        sets=(("camera", "source"),),
        concerns=("camera", "pipeline"),
    ),
    Argument(
        "image",
        "Image topic of a camera driver, such as /usb_cam/image_raw; source, where there is one, "
        "must be topic then. Left out, the topic image in our namespace.",
        concerns=_VIEWERS,
    ),
    Argument(
        "rate",
        "The most frames a second of our own camera [Hz], from 0.1 to 120. "
        "Left out, what the parameter file says: 10.",
        sets=(("camera", "rate"),),
        concerns=("camera", "pipeline"),
    ),
    Argument(
        "width",
        "Width asked of our own camera [px], from 0, which leaves a device at its own, to 7680. "
        "Left out, what the parameter file says: 320.",
        sets=(("camera", "width"),),
        concerns=("camera", "pipeline"),
    ),
    Argument(
        "height",
        "Height asked of our own camera [px], from 0, which leaves a device at its own, to 4320. "
        "Left out, what the parameter file says: 240.",
        sets=(("camera", "height"),),
        concerns=("camera", "pipeline"),
    ),
    Argument(
        "model",
        "Encoder: a name of the catalogue or the path of an .onnx file. "
        "Left out, what the parameter file says: efficientnet_lite0.",
        sets=(("extractor", "model"),),
        concerns=("extractor", "pipeline"),
    ),
    Argument(
        "providers",
        "Where the encoder computes: auto, cpu, cuda or tensorrt. "
        "Left out, what the parameter file says: auto.",
        sets=(("extractor", "providers"),),
        concerns=("extractor", "pipeline"),
    ),
    Argument(
        "pipeline",
        "Whether camera and extractor share one process, which saves sending each image; "
        "not when left out.",
        "false",
        _BOOLEAN,
        concerns=("pipeline",),
    ),
    Argument(
        "method",
        "Learning method of an empty journal. Left out, what the parameter file says: oracil.",
        sets=(("learner", "method"),),
        concerns=("learner",),
    ),
    Argument(
        "folder",
        "Folder of the learner's journal and snapshots, so that it resumes where it stopped. "
        "Left out, a folder named for the namespace below ~/.ros.",
        sets=(("learner", "folder"),),
        concerns=("learner",),
    ),
    Argument(
        "seed",
        "Seed of the simulator and of learning, a whole number of at least 0. "
        "Left out, what the parameter file says: 0.",
        sets=(("camera", "seed"), ("learner", "random_state")),
        concerns=("camera", "pipeline", "learner"),
    ),
    Argument(
        "record",
        "Folder of a bag to record. Left out, nothing is recorded.",
        sets=(("recorder", "folder"),),
        concerns=("recorder",),
    ),
    Argument(
        "evaluate",
        "Whether to run the evaluator; not when left out.",
        "false",
        _BOOLEAN,
        concerns=("evaluator",),
    ),
    Argument(
        "overlay",
        "Whether to draw predictions; not when left out.",
        "false",
        _BOOLEAN,
        concerns=("overlay",),
    ),
    Argument(
        "nodes",
        "Executables to run, such as camera,extractor, and no others. "
        "Left out, all that the other arguments ask for.",
    ),
    Argument(
        "params_file",
        "Parameter file for all nodes. Left out, the cil.yaml that comes with the package.",
    ),
    Argument(
        "autostart",
        "Whether nodes activate by themselves; false waits for a lifecycle manager. "
        "They do when left out, unless the parameter file says otherwise.",
        "true",
        _BOOLEAN,
        sets=tuple((node, "autostart") for node in NODES),
    ),
    Argument(
        "use_sim_time",
        "Whether time comes from the topic /clock; not when left out, unless the parameter file "
        "says otherwise.",
        "false",
        _BOOLEAN,
        sets=tuple((node, "use_sim_time") for node in NODES),
    ),
    Argument(
        "use_respawn",
        "Whether a node that dies is started again, after 2 s; not when left out.",
        "false",
        _BOOLEAN,
    ),
    Argument(
        "required",
        "Whether everything ends with a node that dies; false leaves the others running. "
        "It ends when left out.",
        "true",
        _BOOLEAN,
    ),
    Argument(
        "log_level",
        "Least severity that nodes log; info when left out.",
        "info",
        ("debug", "info", "warn", "error", "fatal"),
    ),
)
"""Every argument of ``cil up``; those of a launch file are its part's.

A default is not handed to the nodes: whatever their parameter file, or a launch file around
ours, says of it holds.
"""

RESPAWN_DELAY = 2.0
"""Seconds before a node that died is started again."""

PATIENCE = 15.0
"""Seconds in which a node must end when asked to: a learner may be writing a snapshot."""


def executable(name: str) -> Executable:
    """Return an executable by its name."""
    return next(e for e in EXECUTABLES if e.name == name)


def part(name: str) -> Part:
    """Return a part by its name."""
    return next(p for p in PARTS if p.name == name)


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


def parse(words: Mapping[str, str]) -> dict[str, str]:
    """Check arguments by name and choice, and fill in the defaults.

    Raises
    ------
    ArgumentError
        Naming the argument and what it takes, or the nearest name.
    """
    values = {argument.name: argument.default for argument in ARGUMENTS}
    for name, value in words.items():
        _check_choice(name, value)
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
    _check_part(words, values)
    return values


def close_names(name: str, names: Iterable[str]) -> list[str]:
    """Return the nearest of ``names``, or nothing when none is near."""
    return difflib.get_close_matches(name, list(names), 1)


def _check_choice(name: str, value: str) -> None:
    table = {argument.name: argument for argument in ARGUMENTS}
    if name not in table:
        close = close_names(name, table)
        hint = f" Did you mean {close[0]}:={value}?" if close else ""
        raise ArgumentError(f"There is no argument {name}.{hint} There are: {', '.join(table)}.")
    choices = table[name].choices
    if choices and value not in choices:
        close = close_names(value, choices)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise ArgumentError(
            f"{name} cannot be {value!r}; it is one of: {', '.join(choices)}.{hint}"
        )


def _check_part(words: Mapping[str, str], values: Mapping[str, str]) -> None:
    chosen = part(values["part"])
    taken = [argument.name for argument in chosen.arguments]
    for name in words:
        if name not in (*taken, "part"):
            raise ArgumentError(
                f"{name} means nothing to the part {chosen.name}, which takes: {', '.join(taken)}."
            )
    if values["image"] and values["source"] != "topic" and "source" in taken:
        raise ArgumentError("image names the topic of a camera driver: give source:=topic with it.")
