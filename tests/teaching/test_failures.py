"""What a session does when a lesson, a disk or a caller fails."""

import json
import os
import resource
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest

from cil_nodes.teaching import Session, errors
from tests.teaching.conftest import make_sample, make_samples, teach, wait_until


def test_a_lesson_that_forgets_too_much_is_refused_and_its_samples_stay(make_session):
    session = make_session(parameters={"trouble": "spoil"})
    teach(session, "mug", "cup", count=25)
    before = session.predict(make_sample("", 99, thing="mug"))
    session.add_samples(make_samples("trouble", 10))
    with pytest.raises(errors.RejectedError, match=r"100.0% of 10 held-out .* after") as caught:
        session.train()
    assert caught.value.code == "REJECTED_BY_VALIDATION"
    assert session.predict(make_sample("", 99, thing="mug")) == before
    state = session.state()
    assert (state.phase, state.pending, state.version) == ("failed", 10, 1)
    assert "100.0%" in state.message
    session.add_samples(make_samples("hat", 10, thing="trouble"))
    assert session.train().new_labels == ("hat",)
    assert session.predict(make_sample("", 99, thing="mug")).label == "mug"


@pytest.mark.parametrize(
    ("trouble", "error", "words"),
    [
        ("memory", errors.WorkerDiedError, r"memory is short.*Tiny\.trouble`"),
        ("diverge", errors.DivergedError, "LinAlgError: singular"),
        ("bug", errors.LessonFailedError, "KeyError"),
    ],
)
def test_what_a_learner_raises_comes_out_in_words(make_session, trouble, error, words):
    session = make_session(parameters={"trouble": trouble})
    teach(session, "mug")
    session.add_samples(make_samples("trouble", 2))
    with pytest.raises(error, match=words):
        session.train()
    assert session.state().phase == "failed"
    assert session.state().pending == 2
    assert session.predict(make_sample("", 99, thing="mug")).label == "mug"


def test_a_stop_keeps_everything_as_it_was(make_session):
    session = make_session(parameters={"slow": 30.0})
    session.add_samples(make_samples("mug", 3))
    with pytest.raises(errors.LessonStoppedError, match="stay pending"):
        session.train(should_stop=lambda: True)
    assert (session.state().version, session.state().pending) == (0, 3)
    assert session.state().phase == "collecting"


def test_a_time_limit_ends_a_lesson(make_session):
    session = make_session(parameters={"slow": 30.0})
    session.add_samples(make_samples("mug", 3))
    with pytest.raises(errors.TimeLimitError, match=r"0\.1 s") as caught:
        session.train(time_limit=0.1)
    assert caught.value.code == "TIME_LIMIT"


def test_nothing_pending_and_too_few_are_told_apart(make_session):
    session = make_session(min_samples=3)
    with pytest.raises(errors.NothingPendingError):
        session.train()
    session.add_samples(make_samples("mug", 2))
    with pytest.raises(errors.TooFewSamplesError, match=r"2 labelled samples wait.* at least 3"):
        session.train()


def test_one_lesson_at_a_time_and_no_roll_back_meanwhile(make_session):
    session = make_session(parameters={"slow": 30.0})
    session.add_samples(make_samples("mug", 3))
    stop = threading.Event()
    ended = []

    def lesson():
        try:
            session.train(should_stop=stop.is_set)
        except errors.LessonStoppedError as error:
            ended.append(error)

    thread = threading.Thread(target=lesson)
    thread.start()
    try:
        wait_until(lambda: session.state().phase == "training", "the lesson began")
        with pytest.raises(errors.AlreadyTrainingError):
            session.train()
        with pytest.raises(errors.BusyError):
            session.roll_back()
        assert session.add_samples(make_samples("cup", 2)).pending == 5
    finally:
        stop.set()
        thread.join(20)
    assert ended


def test_a_second_session_on_the_folder_is_refused_by_name(session, make_session):
    with pytest.raises(errors.FolderInUseError, match=f"process {os.getpid()} on"):
        make_session()
    teach(session, "mug")


def test_a_lock_left_by_a_dead_process_is_taken_over(tmp_path, make_session):
    folder = tmp_path / "session"
    folder.mkdir()
    (folder / "lock").write_text(json.dumps({"pid": 2**22 + 1, "host": socket.gethostname()}))
    teach(make_session(), "mug")


def test_the_folder_is_its_owners_alone(session):
    assert session.folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_named():
    with pytest.raises(errors.StorageError, match=r"/proc/no/such.*can be written"):
        Session("/proc/no/such", "tests.teaching.tiny:Tiny", worker="inline")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(errors.StorageError):
        Session(tmp_path / "session", "tests.teaching.tiny:Tiny", worker="inline")


def test_a_torn_snapshot_is_made_again_from_the_journal(session, make_session):
    teach(session, "mug", "cup")
    teach(session, "hat", count=7)
    probe = make_samples("", 4, thing="hat", start=100)
    before = session.predict_batch(probe)
    path = session.folder / "snapshots" / session.state().snapshot
    session.close()
    for spoil in (lambda: path.write_bytes(path.read_bytes()[:-9]), path.unlink):
        spoil()
        again = make_session()
        assert again.predict_batch(probe) == before
        again.close()


def test_half_written_files_are_cleared_away(session, make_session):
    teach(session, "mug")
    folder = session.folder / "snapshots"
    session.close()
    (folder / "v000002.part").write_bytes(b"half")
    (folder / "v000002.safetensors").write_bytes(b"of no version")
    make_session()
    assert [path.name for path in folder.iterdir()] == ["v000001.safetensors"]


def test_a_torn_journal_is_recognised_with_a_remedy(session, make_session):
    session.add_samples(make_samples("mug", 200))
    session.close()
    path = session.folder / "journal.sqlite"
    data = bytearray(path.read_bytes())
    data[4096 : len(data) // 2] = os.urandom(len(data) // 2 - 4096)
    path.write_bytes(data)
    with pytest.raises(errors.JournalDamagedError, match=r"damaged.*backup.*cil journal repair"):
        make_session()


def test_another_programs_database_is_left_alone(tmp_path, make_session):
    import sqlite3

    (tmp_path / "session").mkdir()
    other = sqlite3.connect(tmp_path / "session" / "journal.sqlite")
    other.execute("CREATE TABLE recipes (title TEXT)")
    other.close()
    with pytest.raises(errors.JournalDamagedError, match="another program"):
        make_session()


def test_a_newer_journal_is_refused(session, make_session):
    import sqlite3

    session.close()
    database = sqlite3.connect(session.folder / "journal.sqlite")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(errors.JournalDamagedError, match=r"version 99.*newer release"):
        make_session()


_FULL_DISK = """
import resource, signal, sys
from cil_nodes.teaching import Session, errors
from tests.teaching.conftest import make_samples
from tests.teaching.tiny import METHOD
session = Session(sys.argv[1], METHOD, worker="inline")
session.add_samples(make_samples("mug", 5))
session.train()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
size = sum((session.folder / name).stat().st_size for name in ("journal.sqlite-wal",))
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20000, resource.RLIM_INFINITY))
kept = 0
try:
    while True:
        session.add_samples(make_samples("cup", 5, kept, picture=b"x" * 1000))
        kept += 5
except errors.StorageError as error:
    print(kept, error.code, "Nothing of this call was stored" in str(error))
print(session.predict(make_samples("", 1, 77, thing="mug")[0]).label)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(session.add_samples(make_samples("cup", 5, kept)).pending - kept)
session.train()
session.close()
"""


def test_a_full_disk_is_told_and_loses_nothing(tmp_path, make_session):
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    child = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, str(tmp_path / "session")],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert child.returncode == 0, child.stderr
    refusal, answer, more = child.stdout.split("\n")[:3]
    kept = int(refusal.split()[0])
    assert refusal == f"{kept} STORAGE_FAILED True"
    assert (answer, more) == ("mug", "5")
    total = make_session().list_samples(label="cup")[0]
    assert total == kept + 5


def test_a_full_disk_at_the_snapshot_keeps_the_lesson_pending(make_session):
    session = make_session()
    teach(session, "mug")
    session.add_samples([make_sample(f"class {n}", 0) for n in range(40)])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def shrink(stage, fraction, message):
        if stage == "swapping":
            resource.setrlimit(resource.RLIMIT_FSIZE, (600, limits[1]))

    import signal

    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with pytest.raises(errors.StorageError, match="Make room"):
            session.train(progress=shrink)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert (session.state().version, session.state().pending) == (1, 40)
    assert not list((session.folder / "snapshots").glob("*.part"))
    assert session.train().version == 2


def test_a_vector_of_float64_or_foreign_byte_order_is_kept_right(session):
    vector = np.arange(1, 7, dtype=">f8")
    session.add_samples([make_sample("mug", 0, features=vector)])
    assert session.list_samples()[1][0].features.tolist() == [1, 2, 3, 4, 5, 6]
