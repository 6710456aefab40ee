"""The steps: each done once, only when due, never believed when half done."""

import fcntl
import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cil_nodes.environment import __main__ as entry
from cil_nodes.environment.errors import SetupError
from cil_nodes.environment.progress import Progress
from cil_nodes.environment.steps import Maker, lend_openmp

ROOT = Path(__file__).resolve().parents[2]


class RecordingMaker(Maker):
    """Makes a real, empty virtual environment; what would fetch or build is written down only."""

    def __init__(self, root, venv, fail_at=None):
        super().__init__(root, venv)
        self.done = []
        self.fail_at = fail_at

    def _record(self, step):
        if step == self.fail_at:
            raise SetupError("stopped here", "try again")
        self.done.append(step)

    def _install_ros(self):
        self._record("ros")

    def _install_libraries(self):
        self._record("libraries")

    def _install_torch(self):
        self._record("torch")

    def _install_interfaces(self):
        self._record("interfaces")

    def _install_project(self):
        self._record("project")

    def _run(self, doing, command, expected=0, patience=None):
        # A virtual environment without pip is made in a tenth of the time.
        return super()._run(doing, [*command, "--without-pip"], expected, patience)


def make(root, **options):
    maker = RecordingMaker(root, root / ".venv", **options)
    maker.make()
    return set(maker.done)


ALL = {"ros", "libraries", "torch", "interfaces", "project"}


def test_everything_once_then_nothing(clone):
    assert make(clone) == ALL
    assert make(clone) == set()


def test_a_changed_interface_builds_the_interfaces_only(clone):
    make(clone)
    (clone / "msg" / "Trial.msg").write_text("float64 x\n")
    assert make(clone) == {"interfaces"}


def test_a_changed_project_installs_the_command_only(clone):
    make(clone)
    with (clone / "pyproject.toml").open("a") as file:
        file.write("\n# changed\n")
    assert make(clone) == {"project"}


def test_changed_pins_make_it_from_nothing(clone):
    make(clone)
    relic = clone / ".venv" / "relic"
    relic.touch()
    with (clone / "requirements.txt").open("a") as file:
        file.write("tiny==1.0\n")
    assert make(clone) == ALL
    assert not relic.exists()


def test_the_environment_knows_its_ros_prefix_unless_told_otherwise(clone):
    make(clone)
    python = clone / ".venv" / "bin" / "python"
    show = "import os; print(os.environ['AMENT_PREFIX_PATH'], os.environ['ROS_DISTRO'])"
    for environment, prefix in (({}, clone / ".venv"), ({"AMENT_PREFIX_PATH": "/ros"}, "/ros")):
        done = subprocess.run([python, "-c", show], env=environment, capture_output=True, text=True)
        assert done.stdout.strip() == f"{prefix} jazzy", done.stderr


@pytest.mark.parametrize(
    ("where", "then"),
    [
        ("ros", ALL),
        ("libraries", ALL),
        ("interfaces", {"interfaces", "project"}),
        ("project", {"project"}),
    ],
)
def test_an_interrupted_start_is_taken_up_again(clone, where, then):
    with pytest.raises(SetupError):
        make(clone, fail_at=where)
    assert not (clone / ".venv" / ".cil" / "stamp").exists()
    assert make(clone) == then


def test_the_old_stamp_goes_before_anything_is_changed(clone):
    make(clone)
    stamp = clone / ".venv" / ".cil" / "stamp"
    stamp.write_text("as it was")
    (clone / "msg" / "Trial.msg").write_text("float64 x\n")
    with pytest.raises(SetupError):
        make(clone, fail_at="interfaces")
    assert not stamp.exists()


def test_an_environment_of_somebody_else_is_not_touched(clone):
    (clone / ".venv" / "bin").mkdir(parents=True)
    with pytest.raises(SetupError, match=r"was not made by \./cil") as caught:
        make(clone)
    assert "CIL_VENV" in caught.value.remedy
    assert (clone / ".venv" / "bin").is_dir()


def test_two_starts_at_once_take_turns(clone, tmp_path):
    """The second waits for the first, then finds everything done."""
    program = tmp_path / "start.py"
    program.write_text(
        "import sys, pathlib\n"
        "from cil_nodes.environment import __main__ as entry\n"
        "from tests.setup import test_steps\n"
        "entry.Maker = test_steps.RecordingMaker\n"
        "venv = sys.argv[1] + '/.venv'\n"
        "sys.exit(entry.main(['--root', sys.argv[1], '--venv', venv]))\n"
    )
    command = [sys.executable, str(program), str(clone)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    starts = [
        subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    errors = [start.communicate(timeout=120)[1] for start in starts]
    assert [start.returncode for start in starts] == [0, 0], errors
    assert sum("environment ready" in error for error in errors) == 1, errors


def test_what_a_killed_start_left_running_is_waited_for(clone, tmp_path):
    """A pip that outlives its killed parent still writes into the environment."""
    go, began = tmp_path / "go", tmp_path / "began"
    child = f"touch '{began}'; until [ -e '{go}' ]; do sleep 0.05; done"
    program = tmp_path / "start.py"
    program.write_text(
        "import sys, subprocess\n"
        "from cil_nodes.environment import __main__ as entry\n"
        "from cil_nodes.environment.steps import Maker\n"
        "class Slow(Maker):\n"
        "    def make(self):\n"
        "        self.notes.mkdir(parents=True)\n"
        f"        self._run('waiting', ['sh', '-c', {child!r}])\n"
        "entry.Maker = Slow\n"
        "entry.main(['--root', sys.argv[1], '--venv', sys.argv[1] + '/.venv'])\n"
    )
    command = [sys.executable, str(program), str(clone)]
    start = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)})
    wait_for(began.exists, "the start did not run its command")
    start.kill()
    start.wait(timeout=60)
    with open(f"{clone}/.venv.lock") as lock:
        assert not locks(lock), "the next start would write beside the one left running"
        go.touch()
        wait_for(lambda: locks(lock), "the lock was not given back when the command ended")


def locks(file):
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for(condition, otherwise, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.02)


def test_an_error_is_told_with_its_remedy(clone, capsys, monkeypatch):
    monkeypatch.setattr(
        entry, "Maker", lambda root, venv: RecordingMaker(root, venv, fail_at="ros")
    )
    assert entry.main(["--root", str(clone), "--venv", str(clone / ".venv")]) == 1
    said = capsys.readouterr().err
    assert "cil: error: stopped here" in said
    assert "try again" in said


def test_progress_tells_each_step_and_its_time():
    stream = io.StringIO()
    progress = Progress(stream)
    with progress.step("unpacking"):
        progress.say("a remark")
    progress.close(1.0)
    lines = stream.getvalue().splitlines()
    assert lines == [
        "cil: unpacking ...",
        "cil: a remark",
        "cil: unpacking: 0 s",
        "cil: environment ready after 1 s",
    ]


def test_openmp_is_lent_only_where_the_system_has_none(tmp_path):
    bundled = tmp_path / "lib/python3.12/site-packages/scikit_learn.libs/libgomp-1a2b.so.1.0.0"
    bundled.parent.mkdir(parents=True)
    bundled.write_text("a library")
    assert not lend_openmp(tmp_path, "libc.so.6")
    assert lend_openmp(tmp_path, "libgomp-of-nobody.so.1")
    assert (tmp_path / "lib" / "libgomp-of-nobody.so.1").read_text() == "a library"
