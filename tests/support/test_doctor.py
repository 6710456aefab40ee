"""The doctor under real conditions: folders that cannot be written, profiles that lose images..."""

from __future__ import annotations

import dataclasses
import json
import mmap
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cil_nodes import places
from cil_nodes.cli import main
from cil_nodes.encoders.cache import cache_folder
from cil_nodes.support import check_machine, check_software, check_transport, doctor, trial
from cil_nodes.support.finding import NOTE, OK, PROBLEM, Finding, Machine
from cil_nodes.support.trial import Trial

ROOT = Path(__file__).resolve().parents[2]


def only(findings, level):
    return [finding for finding in findings if finding.level == level]


def one(findings, level=PROBLEM):
    found = only(list(findings), level)
    assert len(found) == 1, found
    assert level == OK or found[0].remedy
    return found[0]


# -- the table, the text, the exit code


def test_text_shows_every_finding_with_its_remedy_and_counts():
    text = doctor.as_text([Finding("disk", OK, "room"), Finding("camera", PROBLEM, "no", "buy")])
    first, second, third, last = text.splitlines()
    assert first.split() == ["ok", "disk", "room"]
    assert second.split() == ["problem", "camera", "no"]
    assert third.split() == ["->", "buy"]
    assert last == "1 ok, 0 to note, 1 to mend"


def test_a_check_that_fails_itself_is_a_finding(machine):
    def broken(_):
        raise KeyError("oh")
        yield

    found = doctor.examine(machine, [broken, check_software.python])
    assert [finding.level for finding in found] == [PROBLEM, OK]
    assert "KeyError" in found[0].text


def test_the_command_ends_with_1_and_prints_json_when_something_is_to_mend(
    capsys, monkeypatch, tmp_path
):
    monkeypatch.setattr(doctor, "CHECKS", (check_machine.folder,))
    monkeypatch.setattr(doctor.examine, "__defaults__", ((check_machine.folder,),))
    assert main(["doctor", "--folder", str(tmp_path / "fine")]) == 0
    assert main(["doctor", "--json", "--folder", "/proc/nowhere"]) == 1
    shown = json.loads(capsys.readouterr().out.partition("mend\n")[2])
    assert shown[0]["level"] == PROBLEM
    assert shown[0]["subject"] == "learner's folder"


def test_another_word_than_the_namespace_is_refused(capsys):
    assert main(["doctor", "namespce:=robot1"]) == 1
    assert "only namespace:=NAME is taken here" in capsys.readouterr().err


def test_without_ros_and_libraries_the_doctor_still_tells(tmp_path):
    # -S: no site-packages, as on a machine where nothing is installed.
    code = (
        "from cil_nodes.support import doctor, check_software, check_transport\n"
        "from cil_nodes.support.finding import this_machine\n"
        "checks = (check_software.ros, check_software.libraries, check_transport.graph)\n"
        "found = doctor.examine(this_machine(), checks)\n"
        "print(doctor.as_text(found))\n"
    )
    clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    bare = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info[1]}"
    interpreter = str(bare) if bare.exists() else sys.executable
    done = subprocess.run(
        [interpreter, "-s", "-c", code], env=clean, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "rclpy             cannot be imported" in done.stdout
    assert "-> Start by ./cil" in done.stdout


# -- software


def test_a_crash_in_one_import_spares_the_others(tmp_path, monkeypatch):
    (tmp_path / "crashing_module.py").write_text("import os\nos.abort()\n")
    (tmp_path / "sound_module.py").write_text("__version__ = '1.2'\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    tried = trial.try_imports(["json", "crashing_module", "sound_module", "no_such_module"])
    assert tried["json"].error == ""
    assert "crashed its process, by signal 6" in tried["crashing_module"].error
    assert tried["sound_module"].version == "1.2"
    assert "No module named 'no_such_module'" in tried["no_such_module"].error


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        ("libgomp.so.1: cannot open shared object file", "sudo apt install libgomp1"),
        ("libGL.so.1: cannot open shared object file", "opencv-python-headless"),
        ("libodd.so.3: cannot open shared object file", "holds libodd"),
        ("A module compiled using NumPy 1.x cannot be run in NumPy 2.0", "another NumPy"),
        ("No module named 'lightgbm'", "pip install --force-reinstall lightgbm"),
    ],
)
def test_the_remedy_follows_from_what_an_import_said(error, remedy):
    assert remedy in check_software.library_remedy("lightgbm", Trial("lightgbm", error=error))


def test_torch_that_is_missing_is_a_note_that_names_the_methods(monkeypatch, machine):
    absent = {"torch": Trial("torch", error="ModuleNotFoundError: No module named 'torch'")}
    monkeypatch.setattr(check_software, "try_imports", lambda names: absent)
    note = one(check_software.libraries(machine), NOTE)
    assert note.subject == "torch"
    assert all(method in note.remedy for method in ("clare", "clifer", "repulsion_replay"))
    assert "./cil setup" in note.remedy


def test_this_environment_passes(machine):
    found = [*check_software.libraries(machine), *check_software.providers(machine)]
    assert not only(found, PROBLEM)
    assert "numpy" in found[0].text


def test_no_weights_are_noted_and_made_encoders_named(machine):
    (machine.cache / "models").mkdir(parents=True)
    (machine.cache / "models" / "efficientnet_lite0-57-float-1.onnx").touch()
    assert "efficientnet_lite0-57-float-1" in one(check_software.encoder(machine), OK).text


# -- machine


def test_a_folder_that_cannot_be_written_is_a_problem(machine):
    broken = dataclasses.replace(machine, folder=Path("/proc/nowhere/cil"))
    assert "folder:=PATH" in one(check_machine.folder(broken)).remedy


def test_a_folder_open_to_others_and_in_use_is_noted(machine):
    machine.folder.mkdir(parents=True)
    machine.folder.chmod(0o755)
    (machine.folder / "lock").write_text(json.dumps({"pid": os.getpid(), "host": "here"}))
    notes = only(check_machine.folder(machine), NOTE)
    assert "chmod 700" in notes[0].remedy
    assert f"process {os.getpid()} has it in use" in notes[1].text
    (machine.folder / "lock").write_text("torn")
    machine.folder.chmod(0o700)
    assert not only(check_machine.folder(machine), NOTE)


def test_too_little_disk_is_a_problem_and_little_a_note(machine, monkeypatch):
    assert not only(check_machine.disks(machine), PROBLEM)
    monkeypatch.setattr(check_machine, "DISK_NEEDED", 2**62)
    assert len(only(check_machine.disks(machine), PROBLEM)) == 2
    monkeypatch.setattr(check_machine, "DISK_NEEDED", 0)
    monkeypatch.setattr(check_machine, "DISK_WANTED", 2**62)
    assert len(only(check_machine.disks(machine), NOTE)) == 2


def test_missing_and_small_shared_memory_are_problems(machine, monkeypatch):
    gone = dataclasses.replace(machine, memory=machine.memory / "gone")
    assert "--ipc=host" in one(check_machine.shared_memory(gone)).remedy
    monkeypatch.setattr(check_machine, "SHM_NEEDED", 2**62)
    assert "needed" in one(check_machine.shared_memory(machine)).text


def test_segments_that_nobody_has_mapped_are_leftovers(machine):
    used, left = machine.memory / "fastrtps_a", machine.memory / "fastrtps_b"
    long_ago = time.time() - 3600
    for path in (used, left):
        path.write_bytes(b"\0" * 3 * 2**20)
        os.utime(path, (long_ago, long_ago))
    with used.open("r+b") as file, mmap.mmap(file.fileno(), 0):
        note = one(check_machine.shared_memory(machine), NOTE)
    assert note.text.startswith("1 segments of ended ROS processes take 3 MB")


def test_cameras_are_named_or_their_absence_noted(machine):
    assert "source:=topic" in one(check_machine.cameras(machine), NOTE).remedy
    (machine.devices / "video2").touch()
    assert "source:=device:2" in one(check_machine.cameras(machine), OK).text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_a_camera_that_may_not_be_opened_is_a_problem(machine):
    (machine.devices / "video0").touch(mode=0o000)
    assert "usermod -aG video" in one(check_machine.cameras(machine)).remedy


def test_a_clock_before_the_installation_is_a_problem(machine, monkeypatch):
    monkeypatch.setattr(check_machine.time, "time", lambda: 1_000_000.0)
    assert "timedatectl" in one(check_machine.clock(machine)).remedy


# -- transport

DESCRIPTOR = (
    "<transport_descriptors><transport_descriptor><transport_id>a</transport_id><type>SHM</type>"
    "<segment_size>{size}</segment_size></transport_descriptor></transport_descriptors>"
)
PARTICIPANT = (
    '<participant profile_name="p" is_default_profile="{default}"><rtps><userTransports>'
    "<transport_id>a</transport_id></userTransports></rtps></participant>"
)


def profile(size=16777216, default="true"):
    body = DESCRIPTOR.format(size=size) + PARTICIPANT.format(default=default)
    return f'<profiles xmlns="http://www.eprosima.com">{body}</profiles>'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (profile(), ""),
        (profile(size=524288), "gives 524288 bytes"),
        (profile(default="false"), "is_default_profile"),
        (profile()[:-5], "is not XML"),
        (PARTICIPANT.format(default="true"), "no shared-memory transport"),
    ],
)
def test_profiles_that_lose_images_are_found(machine, tmp_path, text, words):
    path = tmp_path / "fastdds.xml"
    path.write_text(text)
    there = {check_transport.PROFILE_VARIABLES[0]: str(path)}
    machine = dataclasses.replace(machine, environment=there)
    if words:
        assert words in one(check_transport.profile(machine)).text
    else:
        assert one(check_transport.profile(machine), OK)


def test_an_absent_profile_is_a_problem_and_an_unset_one_a_note(machine):
    there = {check_transport.PROFILE_VARIABLES[0]: "/nowhere.xml"}
    found = one(check_transport.profile(dataclasses.replace(machine, environment=there)))
    assert "/nowhere.xml: cannot be read" in found.text
    assert "config/fastdds.xml" in one(check_transport.profile(machine), NOTE).remedy


def test_our_own_profile_passes():
    assert check_transport.profile_problem(ROOT / "config" / "fastdds.xml") == ""


@pytest.mark.parametrize(
    ("environment", "level", "words"),
    [
        ({}, OK, "domain 0"),
        ({"ROS_DOMAIN_ID": "ten"}, PROBLEM, "'ten'"),
        ({"ROS_DOMAIN_ID": "233"}, PROBLEM, "0 to 232"),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF"}, PROBLEM, "no node finds another"),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCAL"}, PROBLEM, "'LOCAL'"),
        ({"ROS_LOCALHOST_ONLY": "1"}, NOTE, "ROS_LOCALHOST_ONLY"),
    ],
)
def test_the_domain_and_its_reach(machine, environment, level, words):
    found = check_transport.domain(dataclasses.replace(machine, environment=environment))
    assert words in one(found, level).text


def test_a_middleware_that_is_not_there_is_a_problem(machine):
    pytest.importorskip("rclpy")
    there = {**os.environ, "RMW_IMPLEMENTATION": "rmw_nobody"}
    found = one(check_transport.graph(dataclasses.replace(machine, environment=there)))
    assert "RMW_IMPLEMENTATION" in found.remedy


def test_a_graph_in_our_namespace_is_noted_and_two_are_a_problem(machine, probe):
    from tests.ros_support import RosProbe

    there = dataclasses.replace(machine, environment=dict(os.environ))
    note = one(check_transport.graph(there), NOTE)
    assert "/cil/probe" in note.text
    with RosProbe():
        said = []
        probe.wait(lambda: said.extend(only(check_transport.graph(there), PROBLEM)) or said, "two")
        assert "more than once" in said[0].text


def test_places_are_those_that_the_encoders_use(monkeypatch, tmp_path):
    for value in ("", str(tmp_path)):
        monkeypatch.setenv("CIL_CACHE", value)
        assert places.cache_folder() == cache_folder()


def test_a_machine_needs_nothing_that_is_not_there():
    machine = Machine(environment={}, folder=Path("/nowhere/x"), cache=Path("/nowhere/y"))
    found = doctor.examine(machine, [check_machine.folder, check_machine.disks])
    assert all("check itself failed" not in finding.text for finding in found)
