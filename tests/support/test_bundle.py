"""`cil support-bundle`: what is inside, what is not, and where something is broken."""

from __future__ import annotations

import dataclasses
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from cil_nodes.cli import main
from cil_nodes.places import without_user
from cil_nodes.support import bundle, journal_extract
from cil_nodes.teaching.samples import Sample
from cil_nodes.teaching.session import Session
from tests.nodes.canned import DIMENSION, ENCODER, METHOD, vector

PICTURE = b"\xff\xd8 a private picture \xff\xd9"


def teach(folder: Path) -> None:
    """A journal with one lesson and one label that waits."""
    with Session(folder, method=METHOD, worker="inline") as session:
        samples = [
            Sample(
                f"s-{label}-{number}",
                number,
                "camera",
                (0, 0, 0, 0),
                ENCODER,
                vector(label, number),
                label=label,
                picture=PICTURE,
            )
            for label in ("mug", "duck")
            for number in range(5)
        ]
        session.add_samples(samples)
        session.train()
        session.add_samples([dataclasses.replace(samples[0], sample_id="late")])


def read(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        found = {}
        for member in archive.getmembers():
            file = archive.extractfile(member)
            assert file is not None
            found[member.name.partition("/")[2]] = file.read()
        return found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with logs, in the name of somebody."""
    home = tmp_path / "home" / "grace"
    logs = home / ".ros" / "log" / "run"
    logs.mkdir(parents=True)
    for name in ("HOME", "ROS_HOME", "ROS_LOG_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    said = f"[WARN] [1.2] [cil.extractor]: No image; see {home}/notes and /home/ada/notes\n"
    (logs / "python_1.log").write_text("x" * 600_000 + "\n" + said)
    (logs / "other_2.log").write_text("[INFO] [1.2] [somebody.else]: private matters\n")
    return home


def test_the_bundle_holds_what_helps_and_nothing_private_unasked(
    home: Path, tmp_path: Path, own_domain: int, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = home / ".ros" / "cil"
    teach(folder)
    output = tmp_path / "bundle.tar.gz"
    assert main(["support-bundle", "--output", str(output)]) == 0
    out = capsys.readouterr().out
    inside = read(output)
    for name in (
        *("README.txt", "versions.txt", "packages.txt", "doctor.txt", "status.txt", "status.json"),
        *("logs/python_1.log", "journal/journal.json", "config/cil.yaml", "config/fastdds.xml"),
    ):
        assert name in inside
        assert name in out  # listed before it was written
    assert "logs/other_2.log" not in inside
    assert "labels that were taught, which may be private" in out
    assert out.index("README.txt") < out.index("Written: ")
    assert output.stat().st_mode & 0o077 == 0

    assert not [name for name in inside if name.startswith("pictures/")]
    whole = b"".join(inside.values())
    features = vector("mug", 0).astype("<f4").tobytes()
    for private in (PICTURE, features, b"grace", b"ada/notes"):
        assert private not in whole
    assert b"see ~/notes and ~/notes" in inside["logs/python_1.log"]
    assert len(inside["logs/python_1.log"]) <= bundle.LOG_BYTES

    journal = json.loads(inside["journal/journal.json"])
    assert journal["events"][-1]["kind"] == "lesson"
    assert {"label": "mug", "state": "taught", "count": 5} in journal["labels"]
    assert {"label": "mug", "state": "pending", "count": 1} in journal["labels"]
    assert journal["samples"] == 11
    assert main(["support-bundle", "--output", str(output)]) == 1  # nothing is overwritten
    assert "bundle.tar.gz exists already; name another" in capsys.readouterr().err


def test_pictures_come_only_when_asked_for(home: Path, machine) -> None:
    teach(machine.folder)
    entries = bundle._pictures(machine)
    assert len(entries) == 11
    assert entries[0].content == PICTURE
    assert "the last pictures" in bundle.privacy(pictures=True)
    assert "no pictures" in bundle.privacy(pictures=False)


def test_a_dry_run_writes_nothing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bundle, "gather", lambda machine, pictures: [bundle.Entry("a", b"1", "b")])
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert main(["support-bundle", "--dry-run"]) == 0
    assert sorted(tmp_path.iterdir()) == before
    assert "Written" not in capsys.readouterr().out
    assert main(["support-bundle"]) == 0
    (made,) = set(tmp_path.iterdir()) - set(before)
    assert made.name.startswith("cil-support-cil-")


def test_a_torn_journal_and_no_journal_leave_a_remark(machine) -> None:
    (entry,) = bundle._gathered(bundle._journal, machine)
    assert b"There is no" in entry.content
    machine.folder.mkdir(parents=True)
    (machine.folder / "journal.sqlite").write_bytes(b"torn" * 1000)
    (entry,) = bundle._gathered(bundle._journal, machine)
    assert entry.path == "journal/missing.txt"
    assert b"DatabaseError" in entry.content


def test_a_journal_in_use_is_read_beside_its_learner(tmp_path: Path) -> None:
    with Session(tmp_path / "learner", method=METHOD, worker="inline") as session:
        sample = Sample("s", 1, "c", (0, 0, 0, 0), ENCODER, np.ones(DIMENSION, np.float32), "mug")
        session.add_samples([sample])
        found = journal_extract.extract(tmp_path / "learner" / "journal.sqlite")
        assert found["samples"] == 1
        assert session.state().pending == 1


def test_parameters_of_live_nodes_are_taken(probe, tmp_path: Path, machine) -> None:
    from cil_nodes.nodes.learner import Learner
    from tests.ros_support import NodeThread

    words = ("-p", f"folder:={tmp_path / 'learner'}", "-p", f"method:={METHOD}")
    with NodeThread(Learner, *words):
        probe.wait_active("learner")
        found = {entry.path: entry.content.decode() for entry in bundle._graph(machine)}
    text = found["parameters/learner.yaml"]
    assert "/**/learner:" in text
    assert f'    method: "{METHOD}"' in text
    assert "    queue_size: 64" in text
    assert "learner" in found["status.txt"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/ada/x and /home/bob", "~/x and ~"),
        ("/Users/ada/x", "~/x"),
        ("/opt/ros/jazzy", "/opt/ros/jazzy"),
    ],
)
def test_names_of_users_in_paths_become_a_tilde(text: str, shown: str) -> None:
    assert without_user(text) == shown
