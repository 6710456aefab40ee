"""Giving way to the rest of the machine."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

TEXT = "import os; from cil_nodes.niceness import give_way; give_way(7); print(os.nice(0)); "
READ = "print(open('/proc/self/autogroup').read())"
AUTOGROUP = Path("/proc/self/autogroup")


def run(text: str, own_session: bool) -> list[str]:
    command = [sys.executable, "-c", text]
    done = subprocess.run(
        command, start_new_session=own_session, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")


def test_the_process_is_nice():
    assert run(TEXT, own_session=True)[0] == str(min(os.nice(0) + 7, 19))


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel has no autogroup")
def test_a_session_of_its_own_is_nice_too():
    assert run(TEXT + READ, own_session=True)[1].endswith("nice 7")


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel has no autogroup")
def test_several_at_once_wait_for_their_turn():
    with ThreadPoolExecutor(4) as together:
        told = list(together.map(lambda _: run(TEXT + READ, own_session=True)[1], range(4)))
    assert all(words.endswith("nice 7") for words in told)


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel has no autogroup")
def test_a_session_that_belongs_to_others_stays_as_it_is():
    assert not run(TEXT + READ, own_session=False)[1].endswith("nice 7")
