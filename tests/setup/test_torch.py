"""torch's step: tried once, told when in vain, tried again on wish; nothing else waits for it."""

import subprocess
import sys

import pytest

from cil_nodes.cli import main
from cil_nodes.environment import __main__ as entry
from cil_nodes.environment import torch_build
from cil_nodes.environment.errors import SetupError
from cil_nodes.environment.steps import Maker
from tests.setup.test_steps import ALL, RecordingMaker, make
from tests.setup.test_wheelhouse import write_wheel


def try_again(root, **options):
    maker = RecordingMaker(root, root / ".venv", **options)
    maker.try_again()
    return set(maker.done)


def test_without_torch_all_else_is_made_and_it_is_said_once(clone, capsys):
    assert make(clone, fail_at="torch") == ALL - {"torch"}
    said = capsys.readouterr().err
    assert "note: no torch here. Stopped here" in said
    assert all(method in said for method in torch_build.METHODS)
    assert "./cil setup" in said
    assert "environment ready" in said
    assert make(clone) == set(), "a start that nobody asked to must not try again"
    assert "torch" not in capsys.readouterr().err


def test_on_wish_it_is_tried_again_until_it_is_there(clone):
    make(clone, fail_at="torch")
    for _ in range(2):
        assert try_again(clone, fail_at="torch") == set()
    assert try_again(clone) == {"torch"}
    assert try_again(clone) == set()
    assert make(clone) == set()


@pytest.mark.parametrize("before", ["torch", None])
def test_other_pins_of_torch_are_tried_alone(clone, before):
    make(clone, fail_at=before)
    with (clone / torch_build.PINS).open("a") as file:
        file.write("\n# changed\n")
    assert make(clone) == {"torch"}


def test_an_environment_from_before_gets_torch_alone(clone):
    make(clone)
    (clone / ".venv" / ".cil" / "torch").unlink()
    assert make(clone) == {"torch"}


def test_stopped_at_torch_it_is_no_failure_to_be_kept(clone, monkeypatch):
    def stopped(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RecordingMaker, "_install_torch", stopped)
        with pytest.raises(KeyboardInterrupt):
            make(clone)
    assert make(clone) == {"torch", "interfaces", "project"}


def test_the_entry_tries_again_only(clone, monkeypatch, capsys):
    make(clone, fail_at="torch")
    stamp = clone / ".venv" / ".cil" / "stamp"
    stamp.write_text("whole")
    monkeypatch.setattr(entry, "Maker", RecordingMaker)
    words = ["--root", str(clone), "--venv", str(clone / ".venv"), "--again"]
    assert entry.main(words) == 0
    assert (clone / ".venv" / ".cil" / "torch").read_text()[:8] != torch_build.MISSING
    assert stamp.read_text() == "whole", "the next start would look at every step again"


def test_cil_setup_refuses_an_environment_that_is_not_its_own(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert main(["setup"]) == 1
    said = capsys.readouterr().err
    assert "was not made by ./cil" in said
    assert "pip install 'cil-nodes[torch]'" in said


def test_a_silent_index_is_not_waited_for(clone):
    maker = Maker(clone, clone / ".venv")
    maker.notes.mkdir(parents=True)
    with pytest.raises(SetupError, match=r"no index answered within 0\.1 s"):
        maker._run("installing torch", ["sleep", "600"], patience=0.1)


@pytest.mark.parametrize(
    "line", ["  Downloading torch-2.whl (180 MB)", "Processing /wheels/torch-2.whl"]
)
def test_what_was_found_may_take_its_time(clone, line):
    found = []
    maker = Maker(clone, clone / ".venv")
    maker._follow(["Looking in indexes: x", "Collecting torch"], 0, lambda: found.append(1))
    assert not found
    maker._follow([line], 0, lambda: found.append(1))
    assert found


def test_torch_comes_from_a_folder_of_wheels_though_its_index_is_not_there(
    clone, tmp_path, monkeypatch, capsys
):
    """A real pip, first with a folder that lacks torch, then with one that has it."""
    wheels = tmp_path / "wheels"
    write_wheel(wheels, "epsilon")
    pins = "--extra-index-url https://nowhere.invalid\nepsilon==1\ntorch==1+cpu\n"
    (clone / torch_build.PINS).write_text(pins)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("CIL_WHEELHOUSE", str(wheels))
    maker = Maker(clone, clone / ".venv")
    maker.notes.mkdir(parents=True)
    subprocess.run([sys.executable, "-m", "venv", str(maker.venv)], check=True)
    maker.try_again()
    assert "no build for this machine" in capsys.readouterr().err
    write_wheel(wheels, "torch", "1+cpu")
    maker.try_again()
    assert "no torch" not in capsys.readouterr().err
    asking = [str(maker.python), "-c", "import torch, epsilon; print(torch.__file__)"]
    done = subprocess.run(asking, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(str(maker.venv))
