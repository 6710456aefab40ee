"""The ROS packages: in step with the Python project, and built by colcon in both ways."""

import ast
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

import cil_nodes

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "ros2_ws" / "src" / "cil_nodes"


def manifest(name):
    return ElementTree.parse(ROOT / "ros2_ws" / "src" / name / "package.xml").getroot()


def setup_text():
    return (PACKAGE / "setup.py").read_text()


def modules_with_main():
    for path in (ROOT / "cil_nodes" / "nodes").glob("*.py"):
        tree = ast.parse(path.read_text())
        if any(isinstance(n, ast.FunctionDef) and n.name == "main" for n in tree.body):
            yield path.stem


def test_every_node_has_an_executable_and_every_executable_a_node():
    declared = re.search(r"NODES = \((.*?)\)", setup_text(), re.S)
    assert set(re.findall(r'"(\w+)"', declared[1])) == set(modules_with_main())


def test_one_version_everywhere():
    versions = {
        "pyproject.toml": re.search(
            r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.M
        )[1],
        "setup.py": re.search(r'version="(.+)"', setup_text())[1],
        "cil_nodes/package.xml": manifest("cil_nodes").findtext("version"),
        "cil_msgs/package.xml": manifest("cil_msgs").findtext("version"),
        "CITATION.cff": yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"],
    }
    assert set(versions.values()) == {cil_nodes.__version__}, versions


def imported_packages():
    for path in (ROOT / "cil_nodes").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            yield from (name.split(".")[0] for name in names)


def test_every_ros_package_that_is_imported_is_declared():
    declared = {element.text for element in manifest("cil_nodes") if "depend" in element.tag}
    ros = {
        name for name in imported_packages() if re.search(r"_msgs$|_srvs$|^rcl|_interfaces$", name)
    }
    optional = {"vision_msgs"}
    assert ros - optional <= declared, f"missing in package.xml: {ros - optional - declared}"


def test_interfaces_declare_what_they_use():
    declared = {element.text for element in manifest("cil_msgs") if "depend" in element.tag}
    used = set()
    for kind in ("msg", "srv", "action"):
        for path in (ROOT / kind).iterdir():
            used |= set(re.findall(r"^(\w+)/\w+", path.read_text(), re.M))
    assert used - {"cil_msgs"} <= declared


@pytest.mark.skipif(find_spec("colcon_core") is None, reason="colcon is not installed here")
@pytest.mark.parametrize("option", [[], ["--symlink-install"]], ids=["plain", "symlink"])
def test_colcon_builds_and_installs_real_files(tmp_path, option):
    command = [sys.executable, "-m", "colcon", "--log-base", str(tmp_path / "log"), "build"]
    command += [
        "--build-base",
        str(tmp_path / "build"),
        "--install-base",
        str(tmp_path / "install"),
    ]
    command += ["--packages-ignore", "cil_msgs", *option]
    done = subprocess.run(
        command, cwd=ROOT / "ros2_ws", capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stdout + done.stderr
    installed = tmp_path / "install" / "cil_nodes"
    assert {*modules_with_main(), "cil"} <= set(os.listdir(installed / "lib" / "cil_nodes"))
    share = installed / "share" / "cil_nodes"
    for folder in ("launch", "config"):
        for source in (ROOT / folder).glob("*.py" if folder == "launch" else "*.*ml"):
            assert (share / folder / source.name).read_bytes() == source.read_bytes()
