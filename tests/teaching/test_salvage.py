"""Looking a journal over, and keeping what can be read of a torn one."""

import contextlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys

import pytest

from cil_nodes.teaching import errors
from cil_nodes.teaching.checking import check
from cil_nodes.teaching.salvage import repair
from cil_nodes.teaching.sqlite_pages import TornFile
from tests.small_disk import small_disk
from tests.teaching.conftest import make_sample, make_samples, teach

PROBE = [make_sample("", 99, thing=thing) for thing in ("mug", "cup", "hat")]
PICTURE = bytes(range(256)) * 30  # several pages, so that rows flow over
PAGE = 4096


@pytest.fixture
def taught(make_session):
    """A folder in which three lessons were learned and two labels wait."""
    session = make_session()
    for label in ("mug", "cup", "hat"):
        session.add_samples(make_samples(label, 20, picture=PICTURE))
        session.train()
    session.add_samples(make_samples("boot", 2))
    session.close()
    return session.folder


def sql(path, *statements):
    database = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        database.execute(statement)
    database.close()


def pages_of(path, *tables):
    """Return the numbers of the top pages of tables."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        marks = ",".join("?" * len(tables))
        query = f"SELECT rootpage FROM sqlite_master WHERE name IN ({marks})"
        return [row[0] for row in database.execute(query, tables)]


def spoil(path, page, size=PAGE):
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(b"\xa5" * size)


def messages(health):
    return " | ".join(f"{one.file}: {one.what} {one.remedy}" for one in health.findings)


# -- looking


def test_a_whole_folder_is_sound_and_counted(taught):
    before = (taught / "journal.sqlite").read_bytes()
    health = check(taught)
    assert health.sound
    assert health.counts == {
        "samples": 62,
        "labels": 62,
        "classes": 4,
        "events": 3,
        "pending": 2,
        "version": 3,
    }
    assert health.bytes_used["journal"] >= 60 * len(PICTURE)
    assert (taught / "journal.sqlite").read_bytes() == before


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE samples SET features = x'00' WHERE id < 9", "another length.* and 5 more"),
        (
            "UPDATE samples SET features ="
            " CAST(x'0000c07f' || substr(features, 5) AS BLOB) WHERE id = 3",
            "NaN or infinite: sample mug-2 ",
        ),
        ("DELETE FROM samples WHERE id = 3", "1 labels belong to samples"),
        ("UPDATE classes SET label = 'unknown' WHERE id = 1", "class 1: 'unknown' is reserved"),
        ("UPDATE labels SET state = 7 WHERE id = 2", "1 labels are neither"),
        ("DELETE FROM events WHERE version = 3", "20 labels were learned in lessons of which"),
        ("UPDATE events SET parent = 9 WHERE version = 3", "events do not fit together"),
        ("DELETE FROM meta", "which encoder"),
        ("PRAGMA user_version = 99", "version 99, made by a newer release"),
        ("PRAGMA application_id = 7", "another program"),
    ],
)
def test_what_is_wrong_with_the_rows_is_named_with_a_remedy(taught, statement, words):
    sql(taught / "journal.sqlite", statement)
    health = check(taught)
    assert not health.sound
    assert re.search(words, messages(health)), messages(health)
    assert "cil journal repair" in messages(health)


def test_torn_snapshots_and_lost_ones_are_named(taught):
    first, second = (
        taught / "snapshots" / "v000001.safetensors",
        taught / "snapshots" / "v000002.safetensors",
    )
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1])
    text = messages(check(taught))
    assert f"{first} is missing" in text
    assert f"{second} is not what was written" in text
    assert "made again from the journal" in text


def test_a_journal_behind_its_snapshots_is_named_and_can_be_gone_on_with(taught, make_session):
    old = taught.parent / "old.sqlite"
    shutil.copy(taught / "journal.sqlite", old)
    sql(
        old,
        "DELETE FROM events WHERE version > 1",
        "UPDATE labels SET state = 0, version = NULL WHERE version > 1",
    )
    shutil.copy(old, taught / "journal.sqlite")
    assert "holds version 3, but the journal ends at 1" in messages(check(taught))
    with pytest.raises(errors.JournalDamagedError, match="cil journal repair"):
        make_session(folder=taught)
    outcome = repair(taught)
    assert outcome.aside == (str(taught / "snapshots.torn-1"),)
    assert sorted(os.listdir(taught / "snapshots.torn-1")) == [
        "v000002.safetensors",
        "v000003.safetensors",
    ]
    session = make_session(folder=taught)
    assert (session.state().version, session.state().pending) == (1, 42)


def test_a_folder_in_use_or_missing_is_refused(session, tmp_path):
    for look in (check, repair):
        with pytest.raises(errors.FolderInUseError, match=f"process {os.getpid()}"):
            look(session.folder)
        with pytest.raises(errors.StorageError, match=r"There is no folder .*nowhere"):
            look(tmp_path / "nowhere")


# -- rescuing


def test_a_whole_journal_is_left_alone(taught):
    before = {path: path.read_bytes() for path in taught.rglob("*") if path.is_file()}
    assert not repair(taught).repaired
    assert {path: path.read_bytes() for path in taught.rglob("*") if path.is_file()} == before


def answers(session):
    return [(answer.label, answer.version) for answer in session.predict_batch(PROBE)]


@pytest.mark.parametrize(
    "table", ["samples", "labels", "classes", "events", "meta", "sqlite_sequence", "sqlite_master"]
)
def test_whichever_page_is_torn_the_rest_is_kept(taught, make_session, table):
    path = taught / "journal.sqlite"
    page = 1 if table == "sqlite_master" else pages_of(path, table)[0]
    spoil(path, page)
    torn = path.read_bytes()
    with pytest.raises(errors.JournalDamagedError, match="cil journal repair"):
        make_session(folder=taught)
    assert not check(taught).sound
    outcome = repair(taught)
    assert outcome.repaired
    assert (taught / "journal.torn-1").read_bytes() == torn
    assert outcome.aside[0] == str(taught / "journal.torn-1")
    # The top pages of samples and labels hold no rows: all of them are found without.
    assert outcome.kept["samples"] == 62
    if table not in ("labels", "events"):
        assert outcome.kept["labels"] == 62
    session = make_session(folder=taught)
    assert session.list_samples()[0] == 62
    if table != "events":
        assert session.state().version == 3
    session.add_samples(make_samples("coat", 5))
    session.train()
    session.close()
    assert check(taught).sound, messages(check(taught))


def test_lost_rows_are_counted_and_the_rest_learned(taught, make_session):
    path = taught / "journal.sqlite"
    leaf = path.read_bytes().index(make_sample("cup", 3).features.tobytes()) // PAGE + 1
    spoil(path, leaf)
    outcome = repair(taught)
    assert outcome.lost["samples"] >= 1
    assert outcome.kept["samples"] + outcome.lost["samples"] == 62
    session = make_session(folder=taught)
    assert answers(session) == [("mug", 3), ("cup", 3), ("hat", 3)]
    session.train()
    assert session.state().version == 4


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_journal_cut_short_keeps_its_beginning(taught, make_session, share):
    path = taught / "journal.sqlite"
    size = path.stat().st_size
    os.truncate(path, int(size * share))
    with pytest.raises(errors.JournalDamagedError):
        make_session(folder=taught)
    outcome = repair(taught)
    assert outcome.kept["samples"] >= int(62 * share) - 8
    session = make_session(folder=taught)
    teach(session, "coat")
    session.close()
    assert check(taught).sound, messages(check(taught))


def test_lessons_whose_events_are_lost_wait_to_be_learned_again(taught, make_session):
    sql(taught / "journal.sqlite", "UPDATE events SET detail = '{' WHERE version = 2")
    outcome = repair(taught)
    assert (outcome.kept["events"], outcome.lost["events"]) == (1, 2)
    assert "waits to be learned again" in " ".join(outcome.remarks)
    session = make_session(folder=taught)
    assert (session.state().version, session.state().pending) == (1, 42)
    session.train()
    assert answers(session) == [("mug", 2), ("cup", 2), ("hat", 2)]


def test_the_last_word_on_a_sample_counts_after_a_repair(taught, make_session):
    session = make_session(folder=taught)
    session.add_samples([make_sample("cup", 0, thing="mug")])
    session.train()
    session.close()
    sql(taught / "journal.sqlite", "UPDATE events SET detail = '{'")
    repair(taught)
    session = make_session(folder=taught)
    assert session.list_samples(sample_ids=["mug-0"])[1][0].label == "cup"
    session.train()
    session.close()
    session = make_session(folder=taught)
    assert session.state().pending == 0
    assert session.list_samples(sample_ids=["mug-0"])[1][0].label == "cup"


def test_what_is_still_in_the_log_is_kept_too(make_session, tmp_path):
    session = make_session()
    teach(session, "mug")
    session.add_samples(make_samples("cup", 30, picture=PICTURE))
    # A copy as a power cut leaves it: the log not yet taken into the file.
    folder = tmp_path / "cut"
    shutil.copytree(session.folder, folder)
    session.close()
    assert (folder / "journal.sqlite-wal").stat().st_size > 30 * len(PICTURE)
    path = folder / "journal.sqlite"
    rows = [row.values for row in TornFile(path).rows() if len(row.values) == 10]
    assert {row[1] for row in rows} >= {f"cup-{number}" for number in range(30)}
    assert {row[-1] for row in rows} == {b"jpeg", PICTURE}
    path.write_bytes(b"")  # SQLite would delete the log beside an empty file
    with pytest.raises(errors.JournalDamagedError, match="it is empty, but the folder was used"):
        make_session(folder=folder)
    outcome = repair(folder)
    assert outcome.kept["samples"] == 40
    assert (folder / "journal.torn-1-wal").exists()
    again = make_session(folder=folder)
    assert again.state().pending == 30
    assert again.list_samples(label="cup", limit=1)[1][0].picture == PICTURE


def test_a_foreign_or_newer_file_is_not_repaired(taught):
    path = taught / "journal.sqlite"
    sql(path, "PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(errors.JournalDamagedError, match="newer release"):
        repair(taught)
    sql(path, "PRAGMA application_id = 7")
    with pytest.raises(errors.JournalDamagedError, match="another program"):
        repair(taught)
    assert path.stat().st_size == len(before)
    assert not list(taught.glob("*torn*"))


def test_a_lost_journal_begins_anew_only_when_told(taught, make_session):
    (taught / "journal.sqlite").unlink()
    assert "there is no journal" in messages(check(taught))
    outcome = repair(taught)
    assert outcome.kept["samples"] == 0
    session = make_session(folder=taught)
    assert session.state().version == 0
    assert (taught / "snapshots.torn-1" / "v000003.safetensors").exists()


def test_without_room_nothing_is_changed(tmp_path, make_session):
    with small_disk(tmp_path / "disk") as disk:
        session = make_session(folder=disk.folder / "session")
        session.add_samples(make_samples("mug", 20, picture=PICTURE))
        session.close()
        path = session.folder / "journal.sqlite"
        spoil(path, pages_of(path, "samples")[0])
        torn = path.read_bytes()
        disk.fill()
        with pytest.raises(errors.StorageError, match=r"Make room.*then repair again"):
            repair(session.folder)
        assert path.read_bytes() == torn
        assert sorted(os.listdir(session.folder)) == [
            "journal.sqlite",
            "lock",
            "models",
            "snapshots",
        ]
        disk.free()
        assert repair(session.folder).kept["samples"] == 20


# -- the command


def cil(*arguments):
    command = [sys.executable, "-m", "cil_nodes", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_tells_repairs_and_says_so_by_its_exit_code(taught):
    whole = cil("journal", "check", taught)
    assert (whole.returncode, whole.stdout.splitlines()[-1]) == (0, "Everything is whole.")
    spoil(taught / "journal.sqlite", pages_of(taught / "journal.sqlite", "labels")[0])
    found = cil("journal", "check", taught)
    assert found.returncode == 1
    assert (
        f"remedy   Put a backup in its place, or run `cil journal repair {taught}`." in found.stdout
    )
    assert json.loads(cil("journal", "check", taught, "--json").stdout)["findings"]
    told = cil("journal", "repair", taught)
    assert told.returncode == 0
    assert "kept     4 classes, 62 samples" in told.stdout
    assert f"aside    {taught}/journal.torn-1" in told.stdout
    assert cil("journal", "check", taught).returncode == 0
    again = cil("journal", "repair", taught)
    assert "Nothing to repair" in again.stdout
    missing = cil("journal", "check", taught / "nowhere")
    assert missing.returncode == 1
    assert missing.stderr.startswith("cil: error: There is no folder")
