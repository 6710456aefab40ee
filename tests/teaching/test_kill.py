"""A session killed between any two steps of a lesson has lost nothing that it acknowledged."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from cil_nodes.teaching import Session
from tests.teaching.conftest import make_samples
from tests.teaching.tiny import METHOD

STEPS = (
    "received",
    "committed",
    "answered",
    "trained",
    "validated",
    "snapshot_written",
    "snapshotted",
    "swapped",
    "published",
)
FIRST = [*make_samples("mug", 6), *make_samples("cup", 6), *make_samples("boot", 5)]
SECOND = [*make_samples("hat", 6), *make_samples("mug", 3, 50)]
THIRD = make_samples("coat", 5)
PROBE = [
    sample
    for thing in ("mug", "cup", "hat", "coat", "boot", "sock")
    for sample in make_samples("", 3, 200, thing=thing)
]
RECIPES = {
    "tiny": {"method": METHOD},
    "oracil": {"method": "oracil"},
}


def open_session(folder: Path, recipe: str, on_step=None, worker: str = "inline") -> Session:
    return Session(folder, **RECIPES[recipe], worker=worker, random_state=3, on_step=on_step)


def second_lesson(session: Session) -> None:
    session.add_samples(SECOND, "teach")
    session.train()


def answers_of(session: Session) -> list[str]:
    """Every prediction in full, to the last digit; as text, since NaN equals nothing."""
    return [repr(answer) for answer in session.predict_batch(PROBE)]


def live_until(folder: Path, recipe: str, step: str, worker: str, answered: Path) -> None:
    """Teach, and be killed at a step of the second lesson; note what was acknowledged."""
    armed = []

    def on_step(name: str) -> None:
        if armed and name == step:
            os.kill(os.getpid(), signal.SIGKILL)

    session = open_session(folder, recipe, on_step, worker)
    session.add_samples(FIRST)
    session.train()
    armed.append(True)
    receipt = session.add_samples(SECOND, "teach")
    answered.write_text(str(receipt.accepted))
    session.train()


def kill_at(step: str, folder: Path, recipe: str, worker: str = "inline") -> int:
    """Run a session in a child that dies at ``step``; return how many labels it acknowledged."""
    answered = folder.with_suffix(".answered")
    context = multiprocessing.get_context("fork")
    child = context.Process(target=live_until, args=(folder, recipe, step, worker, answered))
    child.start()
    child.join(120)
    assert child.exitcode == -signal.SIGKILL, f"The child at {step!r} ended with {child.exitcode}."
    return int(answered.read_text()) if answered.exists() else 0


@pytest.fixture(scope="module", params=sorted(RECIPES))
def uninterrupted(request, tmp_path_factory):
    """What a session that nobody kills answers after the second and the third lesson."""
    folder = tmp_path_factory.mktemp("whole") / "session"
    with open_session(folder, request.param) as session:
        session.add_samples(FIRST)
        session.train()
        second_lesson(session)
        two = answers_of(session)
        session.add_samples(THIRD)
        session.train()
        return request.param, two, answers_of(session)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("step", STEPS)
def test_nothing_is_lost(step, uninterrupted, tmp_path):
    recipe, two, three = uninterrupted
    folder = tmp_path / "session"
    acknowledged = kill_at(step, folder, recipe)
    with open_session(folder, recipe) as session:
        kept = {sample.sample_id for sample in session.list_samples(limit=100)[1] if sample.label}
        assert {sample.sample_id for sample in FIRST} <= kept
        if acknowledged or step == "answered":
            assert {sample.sample_id for sample in SECOND} <= kept
        if session.state().version == 1:
            second_lesson(session)
        assert session.state().version == 2
        assert session.state().pending == 0
        assert answers_of(session) == two
        session.add_samples(THIRD)
        session.train()
        assert answers_of(session) == three


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("step", ["trained", "snapshotted"])
def test_nothing_is_lost_with_a_worker_process(step, uninterrupted, tmp_path):
    recipe, two, three = uninterrupted
    if recipe != "tiny":
        pytest.skip("once is enough: the process itself is what is tried here")
    folder = tmp_path / "session"
    assert kill_at(step, folder, recipe, "process") == len(SECOND)
    with open_session(folder, recipe, worker="process") as session:
        if session.state().version == 1:
            assert session.state().pending == len(SECOND)
            session.train()
        assert answers_of(session) == two
        session.add_samples(THIRD)
        session.train()
        assert answers_of(session) == three
