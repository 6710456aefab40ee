"""Short turns: asked for by a thread, kept by what it starts, refused without harm."""

import os
import platform
import subprocess
import sys
import threading

import pytest

from cil_nodes import turns


def test_the_priority_stays_and_background_work_is_marked_as_such():
    words = (
        "import os; from cil_nodes.turns import take_short_turns; os.nice(7); "
        "taken = take_short_turns(batch=True); "
        "print(taken, os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0))"
    )
    told = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    taken, nice, policy = told.stdout.split()
    assert int(nice) == os.getpriority(os.PRIO_PROCESS, 0) + 7
    assert int(policy) == (os.SCHED_BATCH if taken == "True" else os.SCHED_OTHER)


def test_a_thread_asks_for_itself_alone():
    answers = []
    thread = threading.Thread(target=lambda: answers.append(turns.take_short_turns(batch=True)))
    thread.start()
    thread.join(10)
    assert len(answers) == 1
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


@pytest.mark.parametrize(("system", "machine"), [("Darwin", "x86_64"), ("Linux", "riscv64")])
def test_another_system_keeps_its_turns(monkeypatch, system, machine):
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert turns.take_short_turns() is False
