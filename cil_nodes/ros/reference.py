"""Writes what follows from the tables: parameter file, page of interfaces, tables of arguments.

    python -m cil_nodes.ros.reference

A test keeps ``config/cil.yaml``, ``docs/ros-interfaces.md`` and the tables in ``docs/launch.md``
in step.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cil_nodes.ros import graph
from cil_nodes.ros.parameters import markdown_table, yaml_template

ROOT = Path(__file__).resolve().parents[2]
PARAMETER_FILE = ROOT / "config" / "cil.yaml"
PAGE = ROOT / "docs" / "ros-interfaces.md"
LAUNCH_PAGE = ROOT / "docs" / "launch.md"
_BEGIN = "<!-- From here on written by python -m cil_nodes.ros.reference; do not edit. -->"
_END = "<!-- To here. -->"


@dataclass(frozen=True)
class Topic:
    """One topic of the graph: who sends it, who takes it, how."""

    name: str
    kind: str
    profile: str
    sent_by: tuple[str, ...]
    taken_by: tuple[str, ...]
    carries: str


TOPICS: tuple[Topic, ...] = (
    Topic(
        "image",
        "sensor_msgs/msg/Image",
        "image",
        ("camera",),
        ("extractor", "labeler", "overlay", "recorder"),
        "pictures, in any usual encoding",
    ),
    Topic(
        "image/compressed",
        "sensor_msgs/msg/CompressedImage",
        "image",
        (),
        ("extractor", "labeler", "overlay", "recorder"),
        "the same as JPEG or PNG, from drivers that send it",
    ),
    Topic(
        "camera_info",
        "sensor_msgs/msg/CameraInfo",
        "image",
        ("camera",),
        ("extractor", "recorder"),
        "size of each picture; the watchdog counts lost pictures by it",
    ),
    Topic(
        "ground_truth",
        "cil_msgs/msg/GroundTruth",
        "result",
        ("camera",),
        ("evaluator", "recorder"),
        "what is really in the picture, where the source knows",
    ),
    Topic(
        "regions",
        "cil_msgs/msg/Regions",
        "result",
        (),
        ("extractor", "recorder"),
        "regions to embed, from a detector of yours; with its picture's stamp and frame",
    ),
    Topic(
        "features",
        "cil_msgs/msg/FeatureVector",
        "result",
        ("extractor",),
        ("learner", "labeler", "recorder"),
        "one embedding for each region, or for the whole picture",
    ),
    Topic(
        "predictions",
        "cil_msgs/msg/Prediction",
        "result",
        ("learner",),
        ("labeler", "evaluator", "overlay", "recorder"),
        "what the learner thinks it sees, or that it does not know",
    ),
    Topic(
        "unknowns",
        "cil_msgs/msg/UnknownObject",
        "result",
        ("learner",),
        ("labeler", "recorder"),
        "what is not known, and why",
    ),
    Topic(
        "state",
        "cil_msgs/msg/LearnerState",
        "state",
        ("learner",),
        ("evaluator", "recorder"),
        "method, classes, version, what is pending",
    ),
    Topic(
        "unknown_clusters",
        "cil_msgs/msg/UnknownClusterArray",
        "state",
        ("labeler",),
        ("recorder",),
        "look-alike unknowns: questions for the operator",
    ),
    Topic(
        "metrics",
        "cil_msgs/msg/Metrics",
        "result",
        ("evaluator",),
        ("recorder",),
        "accuracy, forgetting, unknowns, latency so far",
    ),
    Topic(
        "annotated",
        "sensor_msgs/msg/Image",
        "image",
        ("overlay",),
        (),
        "the picture with predictions drawn in",
    ),
    Topic(
        "diagnostics",
        "diagnostic_msgs/msg/DiagnosticArray",
        "result",
        graph.NODES,
        (),
        "rates, latencies, losses, memory and the last error, once a second; `cil up` and the "
        "launch files remap it to /diagnostics",
    ),
)


@dataclass(frozen=True)
class Call:
    """One service or action of the graph."""

    name: str
    kind: str
    node: str
    does: str


CALLS: tuple[Call, ...] = (
    Call("show", "cil_msgs/srv/ShowObject", "camera", "sends views of an object it can show"),
    Call("label", "cil_msgs/srv/LabelSamples", "labeler", "names what was seen"),
    Call("answer_cluster", "cil_msgs/srv/AnswerCluster", "labeler", "puts a question off, or away"),
    Call("teach", "cil_msgs/action/TeachObject", "labeler", "watches, learns, checks, reports"),
    Call("train_phase", "cil_msgs/action/TrainPhase", "learner", "learns what is pending"),
    Call(
        "switch_method",
        "cil_msgs/action/SwitchMethod",
        "learner",
        "has another method learn the journal again, and answer",
    ),
    Call("add_samples", "cil_msgs/srv/AddSamples", "learner", "takes labelled samples"),
    Call("list_samples", "cil_msgs/srv/ListSamples", "learner", "browses the journal"),
    Call("list_versions", "cil_msgs/srv/ListVersions", "learner", "tells the model's history"),
    Call("edit_class", "cil_msgs/srv/EditClass", "learner", "renames, merges or forgets a class"),
    Call("undo", "cil_msgs/srv/Undo", "learner", "takes back what was taught last"),
    Call("roll_back", "cil_msgs/srv/RollBack", "learner", "goes back to an earlier model"),
    Call("save_model", "cil_msgs/srv/SaveModel", "learner", "writes the model to a file"),
    Call("load_model", "cil_msgs/srv/LoadModel", "learner", "reads a model from a file"),
    Call("merge_model", "cil_msgs/srv/MergeModel", "learner", "adds what another was taught"),
    Call(
        "get_model_chunk", "cil_msgs/srv/GetModelChunk", "learner", "hands its model out, in pieces"
    ),
)

_HEADER = """Parameters of every node, with their defaults. Works in any namespace.
Written by python -m cil_nodes.ros.reference from the nodes' models; copy it, change the copy and
give it by params_file:=PATH."""


def parameter_file() -> str:
    """Text of ``config/cil.yaml``."""
    return yaml_template({node: graph.model(node) for node in graph.NODES}, header=_HEADER)


def page() -> str:
    """Text of ``docs/ros-interfaces.md``."""
    parts = [
        "# ROS interfaces",
        "<!-- Written by python -m cil_nodes.ros.reference; do not edit. -->",
        "Names are relative: `cil up` and the launch file put every node into the namespace `cil`.",
        _topics(),
        _profiles(),
        _calls(),
        "## Parameters",
        "`config/cil.yaml` holds all of them. Each can be set at start "
        "(`cil up camera.rate:=30`) and, unless it says otherwise, while the node runs "
        "(`ros2 param set /cil/camera rate 30.0`).",
        *(_node(name) for name in graph.NODES),
        "The learner has its method's own parameters besides, as `<method>.<name>`.",
        "[Starting the graph](launch.md#arguments) has the arguments of `cil up` and of the launch "
        "files.",
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def launch_page(before: str) -> str:
    """Text of ``docs/launch.md`` with its tables renewed.

    Raises
    ------
    ValueError
        When the page has lost one of the marks between which the tables stand.
    """
    if _BEGIN not in before or _END not in before:
        raise ValueError(f"{LAUNCH_PAGE} needs the lines {_BEGIN!r} and {_END!r}.")
    head, _, rest = before.partition(_BEGIN)
    tail = rest.partition(_END)[2]
    return f"{head}{_BEGIN}\n\n{_parts()}\n\n{_arguments()}\n\n{_END}{tail}"


def write() -> list[Path]:
    """Write the files of a clone; returns their paths."""
    texts = {
        PARAMETER_FILE: parameter_file(),
        PAGE: page(),
        LAUNCH_PAGE: launch_page(LAUNCH_PAGE.read_text(encoding="utf-8")),
    }
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return list(texts)


def _topics() -> str:
    rows = [
        (f"`{t.name}`", f"`{t.kind}`", t.profile, _list(t.sent_by), _list(t.taken_by), t.carries)
        for t in TOPICS
    ]
    head = ("topic", "type", "QoS", "sent by", "taken by", "carries")
    return "## Topics\n\n" + _table(head, rows)


def _calls() -> str:
    rows = [(f"`{c.name}`", f"`{c.kind}`", c.node, c.does) for c in CALLS]
    return "## Services and actions\n\n" + _table(("name", "type", "node", "what it does"), rows)


def _profiles() -> str:
    rows = [
        ("image", "best effort, last 5", "subscribing so matches every camera"),
        ("result", "reliable, last 10", "small messages that should all arrive"),
        ("state", "reliable, transient local, last 1", "who comes late gets the last one"),
    ]
    return _table(("QoS", "means", "because"), rows)


def _node(name: str) -> str:
    return f"### {name}\n\n{graph.executable(name).does}\n\n{markdown_table(graph.model(name))}"


def _parts() -> str:
    rows = [
        (f"`{p.launch_file}`", f"`part:={p.name}`", p.does, _list(p.executables))
        for p in graph.PARTS
    ]
    return _table(("launch file", "with `cil up`", "what it starts", "may start"), rows)


def _arguments() -> str:
    rows = [
        (
            f"`{a.name}`",
            f"`{a.default}`" if a.default else "",
            _list(a.choices),
            _taken_by(a),
            a.description,
        )
        for a in graph.ARGUMENTS
    ]
    return _table(("argument", "default", "choices", "taken by", "what it does"), rows)


def _taken_by(argument: graph.Argument) -> str:
    """Name the parts that take an argument; ``cil up`` takes all."""
    takers = [part.name for part in graph.PARTS if argument in part.arguments]
    return "every file" if len(takers) == len(graph.PARTS) else _list(takers) or "`cil up` alone"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [" | ".join(cells) for cells in (head, *rows)]
    width = lines[0].count(" | ") + 1
    lines.insert(1, " | ".join(["---"] * width))
    return "\n".join(f"| {line} |" for line in lines)


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


if __name__ == "__main__":
    for written in write():
        print(written)
