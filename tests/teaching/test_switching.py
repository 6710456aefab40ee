"""Another method learns the journal again and takes over; whatever goes wrong, nothing is lost."""

import importlib.util
import multiprocessing
import os
import signal
import threading

import pytest

from cil_nodes.learners.networks import extra
from cil_nodes.teaching import Session
from cil_nodes.teaching.errors import (
    AlreadyTrainingError,
    BadValueError,
    JournalIncompleteError,
    LessonStoppedError,
    NoSuchMethodError,
)
from cil_nodes.teaching.records import Cause
from cil_nodes.teaching.switching import settings_of
from tests.teaching.conftest import make_sample, make_samples, teach, wait_until
from tests.teaching.tiny import INEXACT, METHOD

ASKED = [make_sample("", 99, thing=thing) for thing in ("mug", "hat", "cup", "sock")]
SMALL = {"method": "oracil", "parameters": {"M": 12}}
"""So few features that ORACIL searches its ridge strength between lessons."""


def answers(session):
    """Every answer in full, but for the version's number; as text, since NaN equals nothing."""
    return [repr(answer).rpartition(", version=")[0] for answer in session.predict_batch(ASKED)]


def taught(make_session, **changes):
    session = make_session(**changes)
    teach(session, "mug", "hat")
    teach(session, "cup")
    return session


def test_there_and_back_answers_identically_across_restarts(make_session):
    session = taught(make_session, worker="process", **SMALL)
    first = answers(session)
    seen = []
    there = session.switch_method("innamp", progress=lambda *news: seen.append(news))
    assert (there.version, there.method, there.lessons, there.samples) == (3, "innamp", 2, 30)
    assert there.accuracy_before == there.accuracy_after == 1.0
    shares = [share for share, *_ in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert {done for _, done, *_ in seen} == {0, 1, 2}
    assert session.state().method == "innamp"
    second = answers(session)
    assert second != first
    assert [answer.method for answer in session.predict_batch(ASKED)] == ["innamp"] * 4
    session.close()
    session = make_session(worker="process", **SMALL)
    assert answers(session) == second
    back = session.switch_method("oracil", SMALL["parameters"])
    assert back.version == 4
    assert answers(session) == first
    assert [version.cause for version in session.list_versions()[:2]] == [Cause.SWITCH] * 2
    # The worker that rebuilt goes on from there: a lesson needs nothing but its own samples.
    assert teach(session, "sock") == 5
    assert session.predict(ASKED[3]).top_k[0][0] == "sock"


def test_a_switched_model_learns_on_as_if_it_had_always_been_taught(make_session, tmp_path):
    other = taught(make_session, folder=tmp_path / "other", **SMALL)
    teach(other, "sock")
    session = taught(make_session, method=METHOD)
    session.switch_method(**SMALL)
    teach(session, "sock")
    assert answers(session) == answers(other)


def test_idle_work_that_was_never_done_is_not_done_on_the_way_back(make_session, monkeypatch):
    monkeypatch.setattr(Session, "_settle", lambda session, stop: None)
    session = taught(make_session, **SMALL)
    first = answers(session)
    session.switch_method(METHOD)
    session.switch_method(**SMALL)
    assert answers(session) == first


def test_closing_the_session_ends_a_switch(make_session):
    session = taught(make_session, worker="process")
    before, errors = answers(session), []

    def switch():
        try:
            session.switch_method(INEXACT, {"slow": 30.0})
        except LessonStoppedError as error:
            errors.append(error)

    thread = threading.Thread(target=switch)
    thread.start()
    wait_until(lambda: "again by" in session.state().message, "the switch began")
    session.close()
    thread.join(20)
    assert len(errors) == 1
    assert answers(make_session()) == before


def test_undo_goes_back_across_a_switch_and_forward_again(make_session):
    session = taught(make_session)
    first = answers(session)
    session.switch_method(INEXACT)
    second = answers(session)
    assert session.undo() == ("version 2 answers again", 4)
    assert session.state().method == METHOD
    assert answers(session) == first
    assert session.roll_back(3) == 5
    assert session.state().method == INEXACT
    assert answers(session) == second
    assert teach(session, "sock") == 6
    assert session.state().method == INEXACT


def test_edits_count_and_held_out_samples_stay_held_out(make_session, tmp_path):
    session = taught(make_session)
    session.edit_class("forget", "hat")
    session.edit_class("rename", "mug", "beaker")
    session.add_samples([make_sample("cup", 99, thing="sock")])
    session.switch_method(INEXACT)
    state = session.state()
    assert {known.label: known.samples for known in state.classes} == {"beaker": 10, "cup": 10}
    assert state.pending == 1
    learner = session._live.learner
    assert dict(zip(learner.classes_, learner.class_count_, strict=True)) == {"mug": 8, "cup": 8}
    assert session.train().accuracy_before == 1.0


def test_a_plain_rebuild_and_one_that_only_reports(make_session, tmp_path):
    session = taught(make_session)
    before = answers(session)
    result = session.switch_method(INEXACT, swap=False, save_to=tmp_path / "new.cil")
    assert (result.version, session.state().version) == (2, 2)
    assert (tmp_path / "new.cil").is_file()
    assert session.switch_method().version == 3
    assert answers(session) == before
    assert session.load_model(tmp_path / "new.cil") == 4
    assert session.state().method == INEXACT
    with pytest.raises(JournalIncompleteError, match="model files"):
        session.switch_method(METHOD)


def test_what_cannot_be_is_refused_in_one_line(make_session, monkeypatch):
    session = make_session()
    with pytest.raises(JournalIncompleteError, match="Nothing has been taught"):
        session.switch_method(INEXACT)
    teach(session, "mug", "hat")
    refusals = {
        "orcil": (NoSuchMethodError, "Did you mean 'oracil'"),
        "tests.teaching.nowhere:Tiny": (NoSuchMethodError, "No module named"),
        "tests.teaching.tiny:Nobody": (NoSuchMethodError, "Nobody"),
    }
    for method, (error, text) in refusals.items():
        with pytest.raises(error, match=text):
            session.switch_method(method)
    with pytest.raises(BadValueError, match="has no parameter 'width'"):
        session.switch_method(INEXACT, {"width": 3})
    monkeypatch.setattr(extra.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NoSuchMethodError, match="torch, which is not installed") as refused:
        session.switch_method("clare")
    assert "\n" not in str(refused.value)
    assert session.state().version == 1
    assert session.state().phase == "idle"


def test_words_become_parameters_of_their_own_type():
    assert settings_of(METHOD, ["slow=0.5", "trouble=none"]) == {"slow": 0.5, "trouble": "none"}
    for words, text in ((["slow"], "name=value"), (["slow=much"], "expected a number")):
        with pytest.raises(BadValueError, match=text):
            settings_of(METHOD, words)
    with pytest.raises(NoSuchMethodError):
        settings_of("nobody", [])


@pytest.mark.parametrize("worker", ["inline", "process"])
def test_a_stop_leaves_all_as_it_was_and_labels_are_taken_meanwhile(make_session, worker):
    session = taught(make_session, worker=worker)
    before, stop, errors = answers(session), threading.Event(), []

    def switch():
        try:
            session.switch_method(INEXACT, {"slow": 30.0}, should_stop=stop.is_set)
        except LessonStoppedError as error:
            errors.append(error)

    thread = threading.Thread(target=switch)
    thread.start()
    wait_until(lambda: "again by" in session.state().message, "the switch began")
    assert session.state().phase == "training"
    session.add_samples(make_samples("sock", 5))
    assert answers(session) == before
    with pytest.raises(AlreadyTrainingError):
        session.train()
    with pytest.raises(AlreadyTrainingError):
        session.switch_method(INEXACT)
    stop.set()
    thread.join(20)
    assert len(errors) == 1
    state = session.state()
    assert (state.version, state.method, state.phase) == (2, METHOD, "collecting")
    assert answers(session) == before
    assert session.train().version == 3


def test_a_method_that_cannot_learn_leaves_the_old_one_answering(make_session):
    session = taught(make_session, worker="process")
    before = answers(session)
    session.add_samples(make_samples("trouble", 5))
    session.train()
    with pytest.raises(Exception, match="could not learn"):
        session.switch_method(INEXACT, {"trouble": "bug"})
    assert session.state().phase == "failed"
    assert session.state().method == METHOD
    assert answers(session) != before
    assert teach(session, "sock") == 4


def live_until(folder, step, worker):
    """Teach, and be killed at a step of a switch."""
    armed = []

    def on_step(name):
        if armed and name == step:
            os.kill(os.getpid(), signal.SIGKILL)

    session = Session(folder, method=METHOD, worker=worker, on_step=on_step)
    teach(session, "mug", "hat")
    teach(session, "cup")
    armed.append(True)

    def progress(fraction, done, total, message):
        if step == "learning" and done == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    session.switch_method(INEXACT, progress=progress)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize(
    ("step", "worker", "method"),
    [
        ("learning", "inline", METHOD),
        ("learning", "process", METHOD),
        ("trained", "inline", METHOD),
        ("snapshot_written", "inline", METHOD),
        ("snapshotted", "inline", INEXACT),
        ("swapped", "inline", INEXACT),
    ],
)
def test_killed_during_a_switch(step, worker, method, make_session, tmp_path):
    expected = taught(make_session, folder=tmp_path / "whole")
    if method == INEXACT:
        expected.switch_method(INEXACT)
    folder = tmp_path / "killed"
    child = multiprocessing.get_context("fork").Process(
        target=live_until, args=(folder, step, worker)
    )
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    session = make_session(folder=folder)
    assert session.state().method == method
    assert answers(session) == answers(expected)
    teach(session, "sock")
    teach(expected, "sock")
    assert answers(session) == answers(expected)


def test_a_method_that_trains_with_torch(make_session):
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed: this learner trains with it")
    session = taught(make_session, worker="process")
    session.switch_method("repulsion_replay")
    assert session.state().method == "repulsion_replay"
    assert [session.predict(one).top_k[0][0] for one in ASKED[:3]] == ["mug", "hat", "cup"]
