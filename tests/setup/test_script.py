"""The script ./cil: when it makes the environment, what it passes on, what it says when it cannot.

The maker is a stand-in that writes an empty environment; the shell and the files are real.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# Makes an environment whose `cil` shows how it was called.
MAKER = """
import argparse, os, pathlib, sys
parser = argparse.ArgumentParser()
parser.add_argument("--root"); parser.add_argument("--venv")
venv = pathlib.Path(parser.parse_args().venv)
(venv / "bin").mkdir(parents=True, exist_ok=True); (venv / ".cil").mkdir(exist_ok=True)
if not (venv / "bin/python").exists(): (venv / "bin/python").symlink_to(sys.executable)
shown = ["RMW_IMPLEMENTATION", "ROS_AUTOMATIC_DISCOVERY_RANGE", "LD_LIBRARY_PATH"]
shown += ["AMENT_PREFIX_PATH", "PYTHONPATH"]
lines = ['for a; do echo "argument:$a"; done', *(f'echo "{n}=${{{n}-unset}}"' for n in shown)]
(venv / "bin/cil").write_text("#!/bin/sh\\n" + "\\n".join(lines) + "\\n")
(venv / "bin/cil").chmod(0o755)
print("made", file=sys.stderr)
if os.environ.get("STOP_MAKER"): sys.exit(1)
"""


@pytest.fixture
def script(clone):
    """The script in a clone with the stand-in; call it to run it, with more environment."""
    package = clone / "cil_nodes" / "environment"
    package.mkdir(parents=True)
    (clone / "cil_nodes" / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(MAKER)

    def run(*arguments, cwd="/", path=None, **environment):
        base = {"PATH": path or f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(clone)}
        command = [str(clone / "cil"), *arguments]
        environment = {**base, **environment}
        return subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60
        )

    run.clone = clone
    return run


def run_file(path, cwd="/"):
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    return subprocess.run(
        [str(path)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=60
    )


def test_first_start_makes_the_environment_and_the_second_does_not(script):
    first, second = script(), script()
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert "made" in first.stderr
    assert "made" not in second.stderr


def test_arguments_arrive_as_they_were_given(script):
    done = script("demo", "--data", "a folder", "*", "")
    given = [x for x in done.stdout.splitlines() if x.startswith("argument:")]
    assert given == [
        "argument:demo",
        "argument:--data",
        "argument:a folder",
        "argument:*",
        "argument:",
    ]


def test_it_works_through_a_link_from_elsewhere(script, tmp_path):
    link = tmp_path / "elsewhere"
    link.symlink_to(script.clone / "cil")
    done = run_file(link)
    assert done.returncode == 0, done.stderr
    assert (script.clone / ".venv" / ".cil" / "stamp").is_file()


def test_the_current_folder_does_not_lend_its_own_maker(script, tmp_path):
    """Started from within another clone, the script must make its own environment."""
    (tmp_path / "other/cil_nodes/environment").mkdir(parents=True)
    (tmp_path / "other/cil_nodes/__init__.py").touch()
    (tmp_path / "other/cil_nodes/environment/__main__.py").write_text("raise SystemExit(3)")
    done = script(cwd=tmp_path / "other")
    assert done.returncode == 0, done.stderr


def test_a_relative_place_is_taken_from_the_current_folder(script, tmp_path):
    script(cwd=tmp_path, CIL_VENV="there")
    assert (tmp_path / "there" / ".cil" / "stamp").is_file()


@pytest.mark.parametrize(
    "changed",
    [
        "msg/Trial.msg",
        "action/Trial.action",
        "requirements.txt",
        "requirements-ros.txt",
        "requirements-torch.txt",
        "pyproject.toml",
        "ros2_ws/src/cil_msgs/CMakeLists.txt",
        "cil_nodes/environment/__init__.py",
    ],
)
def test_a_change_of_what_it_is_made_from_makes_it_again(script, changed):
    script()
    with (script.clone / changed).open("a") as file:
        file.write("\n# changed\n")
    assert "made" in script().stderr
    assert "made" not in script().stderr


def test_a_moved_clone_makes_its_environment_again(script, tmp_path):
    script()
    moved = tmp_path / "moved"
    script.clone.rename(moved)
    assert "made" in run_file(moved / "cil").stderr


def test_a_start_that_failed_half_way_is_not_believed(script):
    failed = script(STOP_MAKER="1")
    assert failed.returncode != 0
    assert not failed.stdout, "the command ran in an environment that is not whole"
    assert "made" in script().stderr


def test_the_graph_stays_on_this_machine_unless_the_user_says_otherwise(script):
    assert "ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST" in script().stdout
    wish = script(ROS_AUTOMATIC_DISCOVERY_RANGE="SUBNET").stdout
    assert "ROS_AUTOMATIC_DISCOVERY_RANGE=SUBNET" in wish


def test_a_sourced_ros_is_left_alone_and_named(script, tmp_path):
    ros, other = tmp_path / "ros", tmp_path / "cuda"
    (ros / "lib").mkdir(parents=True)
    other.mkdir()
    done = script(
        AMENT_PREFIX_PATH=str(ros),
        PYTHONPATH=f"{ros}/lib/python3/site-packages",
        LD_LIBRARY_PATH=f"{ros}/opt/vendor/lib:{other}:{ros}/lib",
        ROS_DISTRO="jazzy",
        RMW_IMPLEMENTATION="rmw_cyclonedds_cpp",
    )
    lines = done.stdout.splitlines()
    assert f"LD_LIBRARY_PATH={other}" in lines
    assert "AMENT_PREFIX_PATH=unset" in lines
    assert "PYTHONPATH=unset" in lines
    assert "RMW_IMPLEMENTATION=rmw_fastrtps_cpp" in lines
    assert "jazzy" in done.stderr
    assert "colcon build" in done.stderr


def test_its_own_environment_is_not_taken_for_another_ros(script):
    own = script(AMENT_PREFIX_PATH=str(script.clone / ".venv"))
    assert "sourced" not in own.stderr


def stub_commands(folder, **scripts):
    """A PATH with the usual small commands and the scripts given, and with no Python."""
    folder.mkdir()
    for name in ("sh", "cat", "cut", "dirname", "readlink", "sha256sum", "mv"):
        (folder / name).symlink_to(shutil.which(name))
    for name, body in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    return str(folder)


def test_no_python_at_all(script, tmp_path):
    done = script(path=stub_commands(tmp_path / "bin"))
    assert done.returncode == 1
    assert "python3 was not found" in done.stderr
    assert "apt install python3" in done.stderr


def test_python_of_the_wrong_version(script, tmp_path):
    old = '[ "$1" = -V ] && echo Python 3.8.18; [ "$1" = -V ]'
    done = script(path=stub_commands(tmp_path / "bin", python3=old))
    assert done.returncode == 1
    assert "Python 3.10 to 3.13 is needed" in done.stderr
    assert "3.8.18" in done.stderr
    assert "CIL_PYTHON=" in done.stderr


def test_another_python_is_found_beside_an_old_one(script, tmp_path):
    good = f'exec "{sys.executable}" "$@"'
    commands = {"python3": "exit 1", f"python3.{min(sys.version_info[1], 13)}": good}
    done = script(path=stub_commands(tmp_path / "bin", **commands))
    assert done.returncode == 0, done.stderr


def test_a_named_python_that_does_not_suit(script, tmp_path):
    done = script(CIL_PYTHON=str(tmp_path / "nothing"))
    assert done.returncode == 1
    assert f"CIL_PYTHON={tmp_path}/nothing" in done.stderr


def test_the_script_is_executable_and_short():
    path = Path(__file__).resolve().parents[2] / "cil"
    assert os.access(path, os.X_OK)
    assert len(path.read_text().splitlines()) <= 90
