"""Full, read-only and foreign disks, in earnest: what is taught, what is refused, what goes on."""

import contextlib
import multiprocessing
import os
import re

import pytest

from cil_nodes.teaching import Session, errors, scratch
from tests.small_disk import small_disk
from tests.teaching.conftest import make_sample, make_samples, teach, wait_until
from tests.teaching.tiny import METHOD

MUG = make_sample("", 99, thing="mug")
BIG = b"x" * 4000


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk") as one:
        yield one


def label_until_refused(session: Session) -> int:
    """Label until the disk is full; return how many were acknowledged."""
    for number in range(2000):
        before = session.list_samples(limit=0)[0]
        with contextlib.suppress(errors.StorageError):
            session.add_samples(make_samples("cup", 1, number, picture=BIG))
            continue
        words = r"disk is full.*Nothing of this call was stored.*Make room"
        with pytest.raises(errors.StorageError, match=words) as caught:
            session.add_samples(make_samples("cup", 1, number, picture=BIG))
        assert caught.value.code == "STORAGE_FAILED"
        assert session.list_samples(limit=0)[0] == before
        return number
    raise AssertionError("A disk of 1 MB took 8 MB.")


@pytest.mark.parametrize("worker", ["inline", "process"])
def test_a_disk_that_fills_refuses_labels_answers_on_and_goes_on_later(disk, make_session, worker):
    folder = disk.folder / "session"
    session = make_session(folder=folder, worker=worker)
    teach(session, "mug")
    disk.fill(leave=200_000)
    kept = label_until_refused(session)
    disk.fill()
    assert kept
    assert session.state().pending == kept
    with pytest.raises(errors.StorageError, match="Make room"):
        session.train()
    assert session.predict(MUG).label == "mug"
    assert session.state().version == 1
    disk.free()
    assert session.add_samples(make_samples("cup", 5, 5000)).pending == kept + 5
    assert session.train().version == 2
    session.close()
    again = make_session(folder=folder)
    assert again.list_samples(label="cup")[0] == kept + 5


def test_on_a_disk_full_at_the_start_what_was_taught_answers(disk, make_session):
    folder = disk.folder / "session"
    session = make_session(folder=folder)
    teach(session, "mug")
    session.close()
    disk.fill()
    again = make_session(folder=folder)
    assert again.predict(MUG).label == "mug"
    with pytest.raises(errors.StorageError, match="Make room"):
        again.add_samples(make_samples("cup", 40, picture=BIG))
    disk.free()
    teach(again, "cup")
    again.close()
    assert make_session(folder=folder).state().version == 2


def test_a_new_folder_on_a_full_disk_is_refused_by_name(disk, make_session):
    disk.fill()
    with pytest.raises(errors.StorageError, match=f"{disk.folder}.*(Make room|can be written)"):
        make_session(folder=disk.folder / "session")


def test_a_torn_snapshot_on_a_full_disk_is_answered_from_memory(disk, make_session, caplog):
    folder = disk.folder / "session"
    session = make_session(folder=folder)
    teach(session, "mug")
    path = folder / "snapshots" / session.state().snapshot
    session.close()
    path.write_bytes(path.read_bytes()[:-1])
    disk.fill()
    again = make_session(folder=folder)
    assert again.predict(MUG).label == "mug"
    assert "made again from the journal" in caplog.text
    assert "Until then it is made anew at every start." in caplog.text


def test_a_read_only_disk_is_refused_by_name(disk, make_session):
    session = make_session(folder=disk.folder / "session")
    teach(session, "mug")
    session.close()
    disk.remount("ro")
    with pytest.raises(errors.StorageError, match=f"{disk.folder}/session: Read-only.*`folder`"):
        make_session(folder=disk.folder / "session")
    disk.remount("rw")
    assert make_session(folder=disk.folder / "session").predict(MUG).label == "mug"


def test_a_folder_that_is_a_file_is_refused_by_name(tmp_path, make_session):
    (tmp_path / "session").write_text("a file")
    with pytest.raises(errors.StorageError, match=r"session as folder: it is a file.*`folder`"):
        make_session()
    assert (tmp_path / "session").read_text() == "a file"


def test_missing_parents_are_made(tmp_path, make_session):
    teach(make_session(folder=tmp_path / "a" / "b" / "session"), "mug")


def open_as_nobody(folder, answer) -> None:
    os.setgroups([])
    os.setuid(65534)
    try:
        Session(folder, METHOD, worker="inline").close()
    except errors.StorageError as error:
        answer.send(str(error))
    else:
        answer.send("it was opened")


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_folder_of_another_user_is_refused_with_both_users(tmp_path, make_session):
    place = tmp_path.parent / f"{tmp_path.name}-shared"
    session = make_session(folder=place / "session")
    session.close()
    for folder in (place / "session", *place.parents):
        if folder.stat().st_uid == os.geteuid() and folder != folder.parent:
            folder.chmod(folder.stat().st_mode | 0o755)
    (place / "session").chmod(0o777)
    theirs, ours = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(
        target=open_as_nobody, args=(place / "session", ours)
    )
    child.start()
    assert theirs.poll(20), "The other user's attempt did not end within 20 s."
    assert re.search(r"belongs to user 0, this is user 65534.*Name another `folder`", theirs.recv())
    child.join(20)


@pytest.mark.parametrize("leave", [0, 4096], ids=["no room", "room for the samples only"])
def test_a_full_memory_disk_is_left_for_the_next_place(
    disk, make_session, monkeypatch, caplog, leave
):
    monkeypatch.setattr(scratch, "MEMORY", disk.folder)
    monkeypatch.setattr(scratch, "MIN_ROOM", 1000)
    session = make_session(worker="process")
    assert session._worker.scratch.parent == disk.folder
    teach(session, "mug")
    wait_until(lambda: not session._idle_thread.is_alive(), "idle work ended")
    disk.fill(leave)
    session.add_samples(make_samples("cup", 60))
    with pytest.raises(errors.StorageError, match=f"{disk.folder}.*TMPDIR.*safe in the journal"):
        session.train()
    assert session.state().pending == 60
    assert session._worker.scratch.parent != disk.folder
    session.train()
    assert f"{disk.folder}" in caplog.text
    assert "from now on lessons go through" in caplog.text
    assert session._worker.scratch.parent != disk.folder
    assert session.state().version == 2


def test_a_memory_disk_without_room_is_not_begun_with(disk, make_session, monkeypatch, caplog):
    monkeypatch.setattr(scratch, "MEMORY", disk.folder)
    session = make_session(worker="process")
    assert session._worker.scratch.parent != disk.folder
    assert f"{disk.folder} has " in caplog.text
    teach(session, "mug")
    wait_until(lambda: not list(disk.folder.iterdir()), "nothing was left in memory", 5)
