"""Merging what other learners were taught, over real DDS: by file, and from another graph."""

from __future__ import annotations

from pathlib import Path

import pytest
from cil_msgs.srv import GetModelChunk, MergeModel

from cil_nodes import cli
from cil_nodes.client import Teacher, TeacherError
from cil_nodes.learners import load
from cil_nodes.nodes.learner import Learner
from cil_nodes.ros import model_peers
from cil_nodes.teaching import Sample, Session, sharing
from tests.nodes.canned import DIMENSION, ENCODER, vector
from tests.ros_support import NAMESPACE, NodeThread, RosProbe

SETTINGS = {"M": 16, "router": "lda"}
PEER = "/robot2/cil"


def taught(folder: Path, *labels: str, encoder: str = ENCODER, width: int = 16) -> Path:
    """Leave a taught session in a folder."""
    settings = {**SETTINGS, "M": width}
    with Session(folder, worker="inline", parameters=settings) as session:
        for label in labels:
            session.add_samples(
                [
                    Sample(
                        f"{label}-{n}", n + 1, "", (0, 0, 0, 0), encoder, vector(label, n), label
                    )
                    for n in range(6)
                ]
            )
            session.train()
    return folder


def saved(folder: Path, path: Path) -> Path:
    with Session(folder, worker="inline", parameters=SETTINGS) as session:
        return session.save_model(path)


def learner(folder: Path, namespace: str = NAMESPACE) -> NodeThread:
    settings = {"folder": str(folder), "oracil.M": '"16"', "oracil.router": "lda"}
    flags = [flag for name, value in settings.items() for flag in ("-p", f"{name}:={value}")]
    return NodeThread(Learner, *flags, namespace=namespace)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return taught(tmp_path / "one", "mug", "duck", "hat")


def test_a_file_is_merged_and_the_merge_undone(probe: RosProbe, tmp_path: Path, folder: Path):
    other = saved(taught(tmp_path / "two", "boot", "mug"), tmp_path / "two.cil")
    with learner(folder), Teacher(timeout=20.0) as teacher:
        assert teacher.merge(other) == (4, ("boot",))
        state = teacher.wait_for_state(lambda s: s.version == 4)
        assert {one.label: one.samples for one in state.classes} == {
            "mug": 12, "duck": 6, "hat": 6, "boot": 6,
        }  # fmt: skip
        assert teacher.merge(other) == (4, ())
        assert teacher.roll_back() == 5
        state = teacher.wait_for_state(lambda s: s.version == 5)
        assert "boot" not in {one.label for one in state.classes}


def test_another_graphs_model_is_fetched_in_pieces(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sharing, "CHUNK", 4096)
    two = taught(tmp_path / "two", "boot", "coat")
    with learner(folder), learner(two, PEER), Teacher(timeout=20.0) as teacher:
        version, new = teacher.merge(peer=PEER)
        assert (version, set(new)) == (4, {"boot", "coat"})
        assert teacher.merge(peer=PEER) == (4, ())
    kept = list((two / "shared").iterdir())
    assert len(kept) in (1, 2)
    assert kept[0].stat().st_size > 2 * 4096
    assert not [path for path in folder.iterdir() if path.name.startswith("tmp")]


def test_a_model_is_handed_out_whole_and_by_its_name(probe: RosProbe, tmp_path: Path, folder: Path):
    with learner(folder):
        first = probe.call_service(GetModelChunk, "get_model_chunk", snapshot="", offset=0)
        assert first.error_code == GetModelChunk.Response.OK, first.message
        assert len(first.data) == first.total_bytes
        end = probe.call_service(
            GetModelChunk, "get_model_chunk", snapshot=first.snapshot, offset=first.total_bytes
        )
        assert (end.error_code, len(end.data)) == (GetModelChunk.Response.OK, 0)
        for name in ("gone", "../journal.sqlite"):
            gone = probe.call_service(GetModelChunk, "get_model_chunk", snapshot=name, offset=0)
            assert gone.error_code == GetModelChunk.Response.NO_SUCH_SNAPSHOT
            assert name in gone.message
    (tmp_path / "whole.cil").write_bytes(bytes(first.data))
    assert set(load(tmp_path / "whole.cil").classes_) == {"mug", "duck", "hat"}


def test_what_cannot_be_merged_is_refused_by_its_code(
    probe: RosProbe, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(model_peers, "NEXT_ANSWER", 0.3)
    wide = saved(taught(tmp_path / "wide", "boot", width=32), tmp_path / "wide.cil")
    other = saved(taught(tmp_path / "other", "boot", encoder="other@1"), tmp_path / "other.cil")
    torn = tmp_path / "torn.cil"
    torn.write_bytes(wide.read_bytes()[:-7])
    codes = MergeModel.Response
    with learner(folder):
        for request, code, said in (
            ({"uri": wide.as_uri()}, codes.WRONG_PROJECTION, "16 here and 32"),
            ({"uri": other.as_uri()}, codes.WRONG_ENCODER, "other@1"),
            ({"uri": torn.as_uri()}, codes.BAD_FILE, "not a whole learner file"),
            ({"uri": "http://somewhere/x"}, codes.BAD_FILE, "file://"),
            ({}, codes.BAD_FILE, "either a file"),
            ({"peer": "no namespace"}, codes.BAD_FILE, "such as /robot2/cil"),
            ({"peer": "/nobody"}, codes.PEER_SILENT, "/nobody/get_model_chunk"),
        ):
            answer = probe.call_service(MergeModel, "merge_model", **request)
            assert answer.error_code == code, answer.message
            assert said in answer.message


def test_a_peer_that_was_taught_nothing_says_so(tmp_path: Path, folder: Path):
    two = tmp_path / "two"
    with learner(folder), learner(two, PEER), Teacher(timeout=20.0) as teacher:
        with pytest.raises(TeacherError, match="Nothing has been taught yet"):
            teacher.merge(peer=PEER)
        with pytest.raises(ValueError, match="either path"):
            teacher.merge()


def test_cil_merge_writes_one_file_or_asks_a_graph(tmp_path: Path, folder: Path, capsys):
    one = saved(folder, tmp_path / "one.cil")
    two = saved(taught(tmp_path / "two", "boot", "mug"), tmp_path / "two.cil")
    out = tmp_path / "fleet.cil"
    assert cli.main(["merge", str(one), str(two), "-o", str(out)]) == 0
    assert "4 classes, 30 samples" in capsys.readouterr().out
    assert load(out).predict(vector("boot", 9)[None]).tolist() == ["boot"]
    other = saved(taught(tmp_path / "other", "boot", encoder="other@1"), tmp_path / "other.cil")
    assert cli.main(["merge", str(one), str(other), "-o", str(tmp_path / "none.cil")]) == 1
    assert "other@1" in capsys.readouterr().err
    assert not (tmp_path / "none.cil").exists()
    assert cli.main(["merge", str(one), "-o", str(out)]) == 1
    assert "two models" in capsys.readouterr().err
    with learner(folder):
        assert cli.main(["merge", str(out), "--into", NAMESPACE]) == 0
        assert "new: boot" in capsys.readouterr().out
        assert cli.main(["merge", "nowhere.cil", "--into", NAMESPACE]) == 1
        assert "nowhere.cil" in capsys.readouterr().err
    assert load(out).n_features_in_ == DIMENSION
