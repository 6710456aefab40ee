"""What people, files and callers hand to a session that it must not take."""

import json
import math
import os
import shutil
import signal
import socket
import sqlite3

import numpy as np
import pytest

from cil_nodes.learners import persistence
from cil_nodes.teaching import errors, locking
from cil_nodes.teaching.labels import normalise_label
from tests.teaching.conftest import make_sample, make_samples, teach, wait_until

MUG = make_sample("", 99, thing="mug")


# -- labels and samples


def test_a_label_of_which_nothing_can_be_seen_is_empty():
    for label in ("\u200b", "\u200d \u2060", "\ufeff"):
        with pytest.raises(errors.BadLabelError, match="empty"):
            normalise_label(label)
    assert normalise_label("👩\u200d🔧") == "👩\u200d🔧"


def test_two_labels_for_one_sample_in_one_call_are_refused_whole(session):
    call = [make_sample("mug", 0), make_sample("hat", 1), make_sample("Cup", 0, thing="mug")]
    with pytest.raises(errors.BadLabelError, match="'mug-0' is called 'mug' and 'Cup' in one call"):
        session.add_samples(call)
    assert session.list_samples()[0] == 0
    assert session.state().pending == 0


def test_the_same_sample_twice_in_one_call_or_two_is_kept_once(session):
    call = [make_sample("mug", 0), make_sample("MUG", 0, thing="mug"), make_sample("mug", 1)]
    assert session.add_samples(call).pending == 2
    assert session.add_samples(call).pending == 2
    assert session.list_samples()[0] == 2


@pytest.mark.parametrize("limit", [-1.0, math.nan, math.inf])
def test_a_time_limit_that_is_none_is_refused(session, limit):
    session.add_samples(make_samples("mug", 3))
    with pytest.raises(errors.BadValueError, match=f"time_limit is {limit:g} s"):
        session.train(time_limit=limit)
    assert session.train(time_limit=0).version == 1


def test_nothing_pending_names_the_labels_asked_for(session):
    session.add_samples(make_samples("mug", 3))
    with pytest.raises(errors.NothingPendingError, match=r"labels hat, cup .*Label some first"):
        session.train(labels=["hat", "cup"])


# -- locks


@pytest.mark.parametrize(
    "holder",
    [
        {"pid": os.getpid(), "host": socket.gethostname()},
        {"pid": 1, "host": socket.gethostname()},
        {"pid": 7, "host": "a-container-that-is-gone"},
        ["no", "holder"],
    ],
    ids=["own pid", "pid used again", "other host", "garbage"],
)
def test_a_lock_that_nobody_holds_is_taken_over_whatever_it_says(tmp_path, make_session, holder):
    (tmp_path / "session").mkdir()
    (tmp_path / "session" / "lock").write_text(json.dumps(holder))
    session = make_session()
    with pytest.raises(errors.FolderInUseError, match=f"process {os.getpid()} on"):
        make_session()
    teach(session, "mug")


def test_on_a_network_disk_another_machines_lock_counts(tmp_path, make_session, monkeypatch):
    monkeypatch.setattr(locking, "_on_network_disk", lambda path: True)
    lock = tmp_path / "session" / "lock"
    lock.parent.mkdir()
    lock.write_text(json.dumps({"pid": 7, "host": "robot-2"}))
    with pytest.raises(errors.FolderInUseError, match=f"process 7 on robot-2.*delete {lock}"):
        make_session()
    lock.unlink()
    teach(make_session(), "mug")


# -- torn files


def torn(path, how):
    """Damage a file in one of the ways in which files are damaged."""
    data = bytearray(path.read_bytes())
    if how == "truncated":
        del data[-9:]
    elif how == "bit flipped":
        data[len(data) // 2] ^= 1
    elif how == "empty":
        data.clear()
    path.write_bytes(data)


@pytest.mark.parametrize("how", ["truncated", "bit flipped", "empty", "another version's"])
def test_a_torn_snapshot_is_named_and_made_again(session, make_session, caplog, how):
    teach(session, "mug")
    teach(session, "hat")
    first, second = (
        session.folder / "snapshots" / f"v{number:06d}.safetensors" for number in (1, 2)
    )
    before = session.predict(MUG)
    session.close()
    if how == "another version's":
        shutil.copy(first, second)
    else:
        torn(second, how)
    again = make_session()
    assert again.predict(MUG) == before
    assert f"{second} is not what was written. It is made again from the journal." in caplog.text


def test_where_the_latest_is_lost_for_good_the_newest_whole_version_answers(
    session, make_session, tmp_path, caplog
):
    teach(session, "mug")
    path = session.save_model(tmp_path / "model.cil")
    assert session.load_model(path) == 2
    teach(session, "hat")
    session.close()
    for file in (session.folder / "models").iterdir():
        file.unlink()
    torn(session.folder / "snapshots" / "v000003.safetensors", "truncated")
    again = make_session()
    assert again.predict(MUG).version == 2
    assert again.predict(MUG).label == "mug"
    assert "Version 3 is torn and cannot be made again" in caplog.text
    assert again.state().message == "Version 3 is torn; 2 answers."
    again.add_samples(make_samples("cup", 3))
    with pytest.raises(errors.LessonFailedError, match=r"No learner file at .*models"):
        again.train()
    assert again.state().pending == 3


def test_a_journal_whose_newest_part_is_lost_is_refused(session, make_session):
    teach(session, "mug")
    session.close()
    old = (session.folder / "journal.sqlite").read_bytes()
    session = make_session()
    teach(session, "hat")
    teach(session, "cup")
    session.close()
    path = session.folder / "journal.sqlite"
    path.write_bytes(old)
    with pytest.raises(errors.JournalDamagedError, match=r"ends at version 1.*version 3.*-wal"):
        make_session()
    assert path.read_bytes() == old
    assert (session.folder / "snapshots" / "v000003.safetensors").exists()


@pytest.mark.parametrize("left", [None, b""], ids=["missing", "empty"])
def test_a_journal_that_is_gone_from_a_used_folder_is_not_begun_anew(session, make_session, left):
    session.add_samples(make_samples("mug", 2))
    session.close()
    path = session.folder / "journal.sqlite"
    path.unlink()
    if left is not None:
        path.write_bytes(left)
    with pytest.raises(errors.JournalDamagedError, match=r"is empty, but the folder was used"):
        make_session()


@pytest.mark.parametrize("how", ["truncated", "no database", "flipped"])
def test_a_damaged_journal_is_refused_and_not_touched(session, make_session, how):
    session.add_samples(make_samples("mug", 200))
    session.close()
    path = session.folder / "journal.sqlite"
    data = bytearray(path.read_bytes())
    if how == "truncated":
        del data[-8192:]
    elif how == "no database":
        data[:100] = b"#" * 100
    else:
        data[4096 * 3 : 4096 * 3 + 8] = b"\xff" * 8
    path.write_bytes(data)
    with pytest.raises(errors.JournalDamagedError, match=f"{path}.*cil journal repair"):
        make_session()
    assert path.read_bytes() == bytes(data)


def test_another_programs_database_keeps_its_own_way_of_writing(tmp_path, make_session):
    (tmp_path / "session").mkdir()
    path = tmp_path / "session" / "journal.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE recipes (title TEXT)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(errors.JournalDamagedError, match="another program"):
        make_session()
    assert path.read_bytes() == before


def change(path, statement: str) -> None:
    database = sqlite3.connect(path)
    database.execute(statement)
    database.commit()
    database.close()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE events SET detail = '{torn'", "an event is torn"),
        ("UPDATE events SET parent = 77", "events do not fit together"),
    ],
)
def test_events_that_make_no_sense_are_a_damaged_journal(session, make_session, statement, words):
    teach(session, "mug")
    session.close()
    change(session.folder / "journal.sqlite", statement)
    with pytest.raises(errors.JournalDamagedError, match=f"{words}.*cil journal check"):
        make_session()


def test_a_torn_vector_refuses_the_lesson_and_names_the_journal(session, make_session):
    session.add_samples(make_samples("mug", 3))
    session.close()
    change(session.folder / "journal.sqlite", "UPDATE samples SET features = x'0000' WHERE id = 2")
    again = make_session()
    with pytest.raises(errors.JournalDamagedError, match="a feature vector is torn"):
        again.train()
    assert again.state().pending == 3


# -- model files


def test_a_model_file_that_is_none_is_refused_and_nothing_of_it_is_taken_in(
    session, make_session, tmp_path
):
    teach(session, "mug")
    good = session.save_model(tmp_path / "good.cil")
    header, tensors = persistence.read(good)
    spoilt = {
        "method": (header | {"method": "guesswork"}, tensors, "guesswork"),
        "ledger": ({k: v for k, v in header.items() if k != "ledger"}, tensors, "'ledger'"),
        "tensors": (header, {}, "not a whole"),
        "label": (
            header | {"ledger": header["ledger"] | {"classes": ["unknown"]}},
            tensors,
            "reserved",
        ),
    }
    fresh = make_session(folder=tmp_path / "fresh")
    for name, (head, arrays, words) in spoilt.items():
        path = tmp_path / name
        persistence.write(path, head, arrays or {"nothing": np.zeros(1)})
        with pytest.raises(errors.BadModelFileError, match=f"{path}.*{words}"):
            fresh.load_model(path)
    with pytest.raises(errors.BadModelFileError, match="it is a folder"):
        fresh.load_model(tmp_path)
    torn(good, "bit flipped")
    with pytest.raises(errors.BadModelFileError, match=r"good\.cil"):
        fresh.load_model(good)
    assert fresh.state().encoder_id == ""
    assert not list((fresh.folder / "models").iterdir())
    fresh.add_samples([make_sample("mug", 0, encoder_id="other@1")])
    fresh.train()


def test_a_loaded_or_edited_model_says_its_memory(make_session, tmp_path):
    session = make_session(method="oracil")
    teach(session, "mug", "cup")
    taught = session.state().memory_bytes
    path = session.save_model(tmp_path / "model.cil")
    other = make_session(folder=tmp_path / "other", method="oracil")
    other.load_model(path)
    assert other.state().memory_bytes == taught > 0
    other.close()
    again = make_session(folder=tmp_path / "other", method="oracil")
    assert again.state().memory_bytes == taught
    session.edit_class("rename", "cup", "beaker")
    assert session.state().memory_bytes > 0


def test_a_model_is_not_written_onto_a_folder(session, tmp_path):
    teach(session, "mug")
    with pytest.raises(errors.StorageError, match=f"{tmp_path}: it is a folder"):
        session.save_model(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.StorageError, match=r"model\.cil.*folder that can be written"):
        session.save_model(tmp_path / "file" / "model.cil")


# -- the worker


def test_a_worker_that_cannot_be_started_leaves_the_old_model_answering(
    session, make_session, monkeypatch, caplog
):
    teach(session, "mug")
    session.close()
    with monkeypatch.context() as patch:
        patch.setattr("sys.executable", "/nowhere/python")
        again = make_session(worker="process")
        assert again.predict(MUG).label == "mug"
        again.add_samples(make_samples("cup", 3))
        with pytest.raises(errors.WorkerDiedError, match=r"cannot be started.*/nowhere/python"):
            again.train()
        assert again.state().pending == 3
        assert "cannot be started" in caplog.text
    assert again.train().version == 2


def test_a_worker_that_ends_at_once_leaves_the_old_model_answering(
    session, make_session, monkeypatch
):
    teach(session, "mug")
    session.close()
    with monkeypatch.context() as patch:
        patch.setattr("sys.executable", "/bin/false")
        again = make_session(worker="process")
        again.add_samples(make_samples("cup", 3))
        with pytest.raises(errors.WorkerDiedError, match=r"with code 1.*old model answers on"):
            again.train()
        assert again.predict(MUG).label == "mug"
    wait_until(lambda: not again._idle_thread.is_alive(), "idle work ended")
    os.kill(again._worker.pid, signal.SIGKILL)
    again._worker._process.wait(20)
    assert again.train().version == 2
