"""tests/bare_machine.sh as far as it goes without root: what it refuses, compares and records.

What would make the machine is a stand-in that prints; the script and the pages are real.
"""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINES = (
    "$ ./cil demo",
    "cil: libraries ...",
    "cil: libraries: 9 of 53 fetched, 10 s",
    "test 1:  10%|#  | 1/9\rtest 1: 100%|###| 9/9",
    "from https://packages.example.org/simple",
    "tests/a/test_b.py ........ [  1%]",
    "..... [ 10%]",
    "tests/a/test_c.py ..F. [ 12%]",
    "1 failed",
)
PRINTED = f"printf '%s\\n' {shlex.join(LINES)}"


@pytest.fixture
def script(clone, tmp_path):
    """The script in a small clone, as root on a machine with stand-ins; call it to run it."""
    for folder in ("tests", "docs"):
        (clone / folder).mkdir()
    shutil.copy2(ROOT / "tests" / "bare_machine.sh", clone / "tests")
    shutil.copytree(ROOT / "cil_nodes" / "environment", clone / "cil_nodes" / "environment")
    (clone / "docs" / "bare-machine.md").write_text("# Page\n")
    commit = "git init -q && git add -A && git -c user.name=x -c user.email=x@y.z commit -qm x"
    subprocess.run(commit, cwd=clone, shell=True, check=True)
    stubs = tmp_path / "stubs"
    stubs.mkdir()

    def stub(name, body):
        (stubs / name).write_text(f"#!/bin/sh\n{body}\n")
        (stubs / name).chmod(0o755)

    def run(*arguments):
        environment = {"PATH": f"{stubs}:/usr/bin:/bin", "HOME": str(tmp_path)}
        command = [str(clone / "tests" / "bare_machine.sh"), *arguments]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    run.clone, run.stub, run.page = clone, stub, clone / "docs" / "bare-machine.md"
    stub("id", "echo 0")
    stub("debootstrap", "exit 3")
    stub("unshare", PRINTED)
    return run


def test_an_ordinary_user_is_refused(script):
    script.stub("id", "echo 1000")
    done = script()
    assert done.returncode == 1
    assert "need root" in done.stderr
    assert "sudo tests/bare_machine.sh" in done.stderr


def test_without_debootstrap_it_says_what_to_install(script, tmp_path):
    (tmp_path / "stubs" / "debootstrap").unlink()
    if shutil.which("debootstrap", path="/usr/bin:/bin"):
        pytest.skip("debootstrap is on every PATH here")
    done = script()
    assert done.returncode == 1
    assert "apt install debootstrap" in done.stderr


@pytest.mark.parametrize("words", [("--suite", "potato"), ("--python", "3.9")])
def test_a_system_that_is_not_known(script, words):
    done = script(*words)
    assert done.returncode == 1
    assert "Known: " in done.stderr


@pytest.mark.parametrize("words", [("--only", "dance"), ("--sweet",), ("--root",)])
def test_wrong_usage(script, words):
    done = script(*words)
    assert done.returncode == 2
    assert "usage:" in done.stderr


def test_what_was_printed_is_recorded_once_and_trimmed(script):
    for _ in range(2):
        done = script("--record")
        assert done.returncode == 0, done.stderr
    page = script.page.read_text()
    assert page.startswith("# Page\n")
    assert page.count("## Debian 12, Python 3.11") == 1
    block = page.split("```text\n")[1].split("```")[0]
    assert block.splitlines() == [
        "$ ./cil demo",
        "cil: libraries ...",
        "from ADDRESS",
        "tests/a/test_c.py ..F. [ 12%]",
        "1 failed",
    ]
    assert script("--record", "--python", "3.12").returncode == 0
    assert "## Ubuntu 24.04, Python 3.12" in script.page.read_text()


def test_a_failure_is_not_recorded(script):
    script.stub("unshare", f"{PRINTED}\nexit 4")
    done = script("--record")
    assert done.returncode == 1
    assert "exit status 4" in done.stderr
    assert script.page.read_text() == "# Page\n"


def test_a_change_of_set_up_files_is_noticed(script):
    assert script("--changed").returncode == 0
    assert script("--record").returncode == 0
    assert script("--changed").returncode == 1
    with (script.clone / "requirements-ros.txt").open("a") as file:
        file.write("# changed\n")
    assert script("--changed").returncode == 0


def test_the_script_can_be_run():
    assert os.access(ROOT / "tests" / "bare_machine.sh", os.X_OK)
