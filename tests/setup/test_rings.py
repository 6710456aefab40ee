"""The three rings: array code knows no teaching, teaching knows no ROS; only the nodes know all."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "cil_nodes"

LEARNING = ("learners", "encoders", "datasets")
OUTER = (
    "cil_nodes.nodes",
    "cil_nodes.ros",
    "cil_nodes.client",
    "cil_nodes.demo",
    "cil_nodes.live_bench",
    "cil_nodes.cli",
)
OUTERMOST = OUTER[2:]
"""What starts a whole graph, or talks to one from outside."""
FORBIDDEN = {
    **dict.fromkeys(LEARNING, (*OUTER, "cil_nodes.teaching", "cil_nodes.evaluation")),
    "evaluation": (*OUTER, "cil_nodes.teaching"),
    "teaching": (*OUTER, "cil_nodes.evaluation"),
    "environment": (*OUTER, "cil_nodes.teaching", "cil_nodes.evaluation"),
    "ros": ("cil_nodes.nodes", *OUTERMOST),
    "nodes": OUTERMOST,
    "support": ("cil_nodes.nodes", *OUTERMOST),
    "live_bench": ("cil_nodes.nodes", "cil_nodes.demo", "cil_nodes.cli"),
}
WITHOUT_ROS = (*LEARNING, "evaluation", "teaching", "environment")
OF_ROS = ("rclpy", "rosbag2_py", "ament_index_python", "launch", "launch_ros", "cv_bridge")
MAY_KNOW_TEACHING = ("evaluation/bag", "evaluation/demo", "evaluation/report")
"""What reads recorded runs may use the session's records."""


def imported(file):
    """Yield every module that a file imports anywhere, and each name that it takes from one."""
    package = file.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *filter(None, [node.module])))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def lies_in(name, places):
    return any(name == place or name.startswith(f"{place}.") for place in places)


def is_of_ros(name):
    top = name.split(".")[0]
    return top in OF_ROS or top.endswith(("_msgs", "_interfaces"))


def forbidden_imports(part):
    for file in sorted((PACKAGE / part).rglob("*.py")):
        own = file.relative_to(PACKAGE).as_posix()
        forbidden = set(FORBIDDEN[part])
        if own.startswith(MAY_KNOW_TEACHING):
            forbidden.discard("cil_nodes.teaching")
        for name in imported(file):
            if lies_in(name, forbidden) or (part in WITHOUT_ROS and is_of_ros(name)):
                yield f"{own} imports {name}"


@pytest.mark.parametrize("part", FORBIDDEN)
def test_no_ring_imports_one_further_out(part):
    assert (PACKAGE / part).is_dir(), f"cil_nodes/{part} is gone; correct the table above"
    found = list(forbidden_imports(part))
    assert not found, "\n".join(found)


def test_every_folder_of_the_package_stands_in_a_ring():
    folders = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}
    assert folders - {"demo", "cli"} == set(FORBIDDEN), (
        "name the new folder's ring in the table above"
    )


def test_an_import_is_found_in_every_spelling(tmp_path, monkeypatch):
    file = tmp_path / "cil_nodes" / "learners" / "sample.py"
    file.parent.mkdir(parents=True)
    file.write_text(
        "from ..teaching import Session\nfrom .. import ros\n"
        "def late():\n    import rclpy.node\n    from cil_nodes import nodes\n"
    )
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    monkeypatch.setattr(f"{__name__}.PACKAGE", tmp_path / "cil_nodes")
    found = " ".join(forbidden_imports("learners"))
    for name in ("cil_nodes.teaching", "cil_nodes.ros", "rclpy.node", "cil_nodes.nodes"):
        assert name in found
