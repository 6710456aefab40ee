"""Lessons in a process beside the session."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from cil_nodes.teaching import errors
from tests.teaching.conftest import make_sample, make_samples, teach, wait_until

PROBE = [make_sample("", 100 + n, thing=thing) for n in range(3) for thing in ("mug", "cup", "hat")]


def test_a_process_learns_what_the_callers_thread_learns(make_session, tmp_path):
    answers = []
    for kind in ("inline", "process"):
        session = make_session(folder=tmp_path / kind, worker=kind)
        teach(session, "mug", "cup")
        teach(session, "hat", count=7)
        session.roll_back(1)
        teach(session, "hat", count=7)
        answers.append(session.predict_batch(PROBE))
    assert answers[0] == answers[1]


def test_the_process_is_polite_and_goes_with_its_session(make_session):
    session = make_session(worker="process")
    teach(session, "mug")
    process = psutil.Process(session._worker.pid)
    scratch = session._worker.scratch
    assert process.nice() == min(19, os.nice(0) + 10)
    assert scratch.stat().st_mode & 0o777 == 0o700
    session.close()
    assert not process.is_running()
    assert not scratch.exists()


def test_a_killed_process_is_told_and_replaced(make_session):
    session = make_session(worker="process", parameters={"trouble": "kill"})
    teach(session, "mug")
    session.add_samples(make_samples("trouble", 3))
    first = session._worker.pid
    with pytest.raises(errors.WorkerDiedError, match=r"SIGKILL.*memory.*Tiny\.trouble"):
        session.train()
    assert session._worker.pid != first
    state = session._history.content.state_id
    wait_until(lambda: session._worker.state_id == state, "the new process was rebuilt")
    assert session.predict(make_sample("", 9, thing="mug")).label == "mug"
    assert (session.state().pending, session.state().phase) == (3, "failed")
    session.add_samples(make_samples("cup", 3, thing="trouble"))
    assert session.train().version == 2
    assert session.predict(make_sample("", 9, thing="trouble")).label == "cup"
    assert session.predict(make_sample("", 9, thing="mug")).label == "mug"


def test_a_process_killed_between_lessons_is_rebuilt_unnoticed(make_session):
    session = make_session(worker="process")
    teach(session, "mug", "cup")
    wait_until(lambda: not session._idle_thread.is_alive(), "idle work ended")
    os.kill(session._worker.pid, signal.SIGKILL)
    session._worker._process.wait(20)
    session.add_samples(make_samples("hat", 5))
    assert session.train().version == 2
    assert [p.label for p in session.predict_batch(PROBE[:3])] == ["mug", "cup", "hat"]


def test_a_running_lesson_stops_soon_when_asked(make_session):
    session = make_session(worker="process", parameters={"slow": 60.0})
    session.add_samples(make_samples("mug", 3))
    fitting = threading.Event()

    def watch(stage, fraction, message):
        if fraction > 0.1:
            fitting.set()

    with pytest.raises(errors.LessonStoppedError):
        session.train(progress=watch, should_stop=fitting.is_set)
    assert fitting.is_set()
    assert session.state().pending == 3


def test_a_lesson_that_does_not_listen_is_ended(make_session, monkeypatch):
    monkeypatch.setattr("cil_nodes.teaching.worker.STOP_GRACE", 0.2)
    session = make_session(worker="process", parameters={"trouble": "deaf"})
    teach(session, "mug")
    session.add_samples(make_samples("trouble", 3))
    with pytest.raises(errors.TimeLimitError):
        session.train(time_limit=0.3)
    session.add_samples(make_samples("cup", 3, thing="trouble"))
    assert session.train().version == 2


def test_a_restart_rebuilds_the_full_state_beside_the_answers(make_session):
    session = make_session(worker="process")
    teach(session, "mug", "cup")
    teach(session, "hat", count=7)
    state = session._history.content.state_id
    session.close()
    again = make_session(worker="process")
    assert again.predict(PROBE[0]).version == 2
    wait_until(lambda: again._worker.state_id == state, "the worker was rebuilt")
    teach(again, "boot")
    assert [p.label for p in again.predict_batch(PROBE[:3])] == ["mug", "cup", "hat"]


_ORPHAN = """
import os, sys, signal
from cil_nodes.teaching import Session
from tests.teaching.conftest import teach, make_samples
from tests.teaching.tiny import METHOD
session = Session(sys.argv[1], METHOD, {"slow": 60.0})
print(session._worker.pid, session._worker.scratch, flush=True)
session.add_samples(make_samples("mug", 3))
session.train(progress=lambda s, f, m: f > 0.1 and os.kill(os.getpid(), signal.SIGKILL))
"""


def test_the_process_does_not_outlive_a_killed_session(tmp_path):
    root = Path(__file__).parents[2]
    child = subprocess.run(
        [sys.executable, "-c", _ORPHAN, str(tmp_path / "session")],
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    assert child.returncode == -signal.SIGKILL
    pid, scratch = child.stdout.split()
    wait_until(lambda: not psutil.pid_exists(int(pid)), "the orphan ended")
    wait_until(lambda: not Path(scratch).exists(), "its files were gone")


def test_predictions_flow_while_lessons_run_and_versions_only_grow(make_session):
    session = make_session(worker="process", parameters={"slow": 0.1})
    teach(session, "mug", count=5)
    done = threading.Event()
    seen: list[list[int]] = [[], []]
    failures = []

    def ask(where):
        while not done.is_set():
            try:
                answers = session.predict_batch(PROBE)
            except Exception as error:
                failures.append(error)
                return
            versions = {answer.version for answer in answers}
            if len(versions) != 1:
                failures.append(versions)
            where.append(versions.pop())
            time.sleep(0.001)

    threads = [threading.Thread(target=ask, args=(where,)) for where in seen]
    for thread in threads:
        thread.start()
    during = 0
    try:
        for number, label in enumerate(("cup", "hat", "boot")):
            session.add_samples(make_samples(label, 5))
            before = len(seen[0])
            assert session.train().version == number + 2
            during += len(seen[0]) - before
        wait_until(lambda: all(where[-1:] == [4] for where in seen), "version 4 answered")
    finally:
        done.set()
        for thread in threads:
            thread.join(20)
    assert not failures
    assert during > 20
    for where in seen:
        assert where == sorted(where)
        assert where[-1] == 4


def test_labels_given_during_a_lesson_wait_for_the_next(make_session):
    session = make_session(worker="process")
    session.add_samples(make_samples("mug", 5))
    late = []

    def add(stage, fraction, message):
        if stage == "validating" and not late:
            late.append(session.add_samples(make_samples("cup", 5)))
            late.append(session.add_samples([make_sample("hat", 0, thing="mug")]))

    assert session.train(progress=add).samples == 5
    assert session.state().pending == 6
    assert session.train().new_labels == ("cup", "hat")
    counts = {entry.label: entry.samples for entry in session.state().classes}
    assert counts == {"mug": 4, "cup": 5, "hat": 1}
