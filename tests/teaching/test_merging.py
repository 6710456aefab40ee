"""Merging other sessions' models: a version of its own, exact, undone, rebuilt, or refused."""

from __future__ import annotations

import numpy as np
import pytest

from cil_nodes.learners import Oracil, load
from cil_nodes.teaching import errors
from cil_nodes.teaching.records import Cause
from tests.teaching.conftest import make_sample, make_samples, teach

SETTINGS = {"method": "oracil", "parameters": {"M": 16, "router": "lda"}}


@pytest.fixture
def fleet(make_session, tmp_path):
    """Make the session of one robot by its name."""
    return lambda name, **changes: make_session(folder=tmp_path / name, **{**SETTINGS, **changes})


def saved(session, tmp_path, name):
    return session.save_model(tmp_path / f"{name}.cil")


def counts(session):
    return {entry.label: entry.samples for entry in session.state().classes}


def labels_of(session, *things):
    predictions = session.predict_batch([make_sample("", 77, thing=thing) for thing in things])
    return [max(p.top_k, key=lambda item: item[1])[0] for p in predictions]


@pytest.mark.parametrize("worker", ["inline", "process"])
def test_a_merge_makes_a_version_that_knows_what_both_know(fleet, tmp_path, worker):
    a, b = fleet("a", worker=worker), fleet("b")
    teach(a, "mug", "cup", "hat")
    teach(b, "boot", "coat", "Mug")
    version, new = a.merge_model(saved(b, tmp_path, "b"))
    assert (version, set(new)) == (2, {"boot", "coat"})
    assert counts(a) == {"mug": 20, "cup": 10, "hat": 10, "boot": 10, "coat": 10}
    things = ("mug", "cup", "hat", "boot", "coat")
    assert labels_of(a, *things) == list(things)
    newest = a.list_versions()[0]
    assert (newest.cause, newest.samples) == (Cause.MERGE, 30)
    assert set(newest.labels) == {"boot", "coat", "mug"}


def test_the_merged_model_equals_one_that_was_taught_everything(fleet, tmp_path):
    fixed = {"M": 16, "router": "lda", "ridge": 0.3}  # a searched strength has a history
    a, b, both = (fleet(name, parameters=fixed) for name in ("a", "b", "both"))
    teach(a, "mug", "cup", "hat")
    teach(b, "boot", "coat", "vase")
    a.merge_model(saved(b, tmp_path, "b"))
    teach(both, "mug", "cup", "hat")
    teach(both, "boot", "coat", "vase")
    one, two = (load(saved(s, tmp_path, "x")).state_ for s in (a, both))
    order = [one.ledger.classes.tolist().index(c) for c in two.ledger.classes.tolist()]
    heads = [side.model.statistics.weights() for side in (one, two)]
    assert heads[0][:, order] == pytest.approx(heads[1], abs=1e-6)
    means = [side.model.statistics.sums.means for side in (one, two)]
    assert np.allclose(means[0][order], means[1], atol=1e-9)


def test_merging_again_replaces_and_what_is_known_makes_no_version(fleet, tmp_path):
    a, b = fleet("a"), fleet("b")
    teach(a, "mug", "cup", "hat")
    teach(b, "boot")
    assert a.merge_model(saved(b, tmp_path, "b"))[0] == 2
    assert a.merge_model(saved(b, tmp_path, "b")) == (2, ())
    teach(b, "boot", start=10)
    assert a.merge_model(saved(b, tmp_path, "b")) == (3, ())
    assert counts(a)["boot"] == 20
    assert b.merge_model(saved(a, tmp_path, "a"))[0] == 3
    assert counts(b) == counts(a)
    assert a.merge_model(saved(b, tmp_path, "b")) == (3, ())
    assert len(list((a.folder / "models").iterdir())) == 2


def test_a_merge_is_undone_redone_and_learned_on_also_after_a_restart(fleet, tmp_path):
    a, b = fleet("a"), fleet("b")
    teach(a, "mug", "cup", "hat")
    teach(b, "boot")
    a.merge_model(saved(b, tmp_path, "b"))
    assert a.undo()[1] == 3
    assert "boot" not in counts(a)
    a.roll_back(2)
    teach(a, "vase")
    before = a.predict_batch([make_sample("", 5, thing=t) for t in ("boot", "vase", "mug")])
    a.close()
    again = fleet("a")
    assert again.predict_batch([make_sample("", 5, thing=t) for t in ("boot", "vase", "mug")]) == (
        before
    )
    teach(again, "lamp")  # replays both lessons with the merge between them
    assert labels_of(again, "boot", "vase", "lamp") == ["boot", "vase", "lamp"]
    assert counts(again)["boot"] == 10


def test_a_corrected_label_rebuilds_with_the_merge_in_its_place(fleet, tmp_path):
    a, b = fleet("a"), fleet("b")
    teach(a, "mug", "cup", "hat")
    teach(b, "boot")
    a.merge_model(saved(b, tmp_path, "b"))
    a.add_samples([make_sample("mug", 0, thing="cup")])
    a.train()
    assert counts(a) == {"mug": 11, "cup": 9, "hat": 10, "boot": 10}
    a.edit_class("forget", "hat")
    assert set(counts(a)) == {"mug", "cup", "boot"}
    with pytest.raises(errors.UnteachableError, match="merge that model again"):
        a.edit_class("forget", "boot")


def test_an_untaught_session_takes_over_what_another_knows(fleet, tmp_path):
    a, b = fleet("a"), fleet("b")
    teach(b, "mug", "cup", "hat")
    version, new = a.merge_model(saved(b, tmp_path, "b"))
    assert (version, set(new)) == (1, {"mug", "cup", "hat"})
    teach(a, "boot")
    assert labels_of(a, "mug", "boot") == ["mug", "boot"]


def test_robots_begun_with_one_file_count_it_once(fleet, tmp_path):
    factory, a, b = fleet("factory"), fleet("a"), fleet("b")
    teach(factory, "mug", "cup", "hat")
    common = saved(factory, tmp_path, "factory")
    for robot, thing in ((a, "boot"), (b, "coat")):
        robot.load_model(common)
        teach(robot, thing)
    a.merge_model(saved(b, tmp_path, "b"))
    assert counts(a) == dict.fromkeys(("mug", "cup", "hat", "boot", "coat"), 10)


def test_a_session_takes_nothing_of_its_own_back(fleet, tmp_path):
    a, b = fleet("a"), fleet("b")
    teach(a, "mug", "cup", "hat")
    teach(b, "boot")
    early = saved(a, tmp_path, "early")
    with pytest.raises(errors.BadModelFileError, match="saved by this session itself"):
        a.merge_model(early)
    a.merge_model(saved(b, tmp_path, "b"))
    together = saved(a, tmp_path, "together")
    teach(a, "vase")
    a.roll_back(1)
    assert a.merge_model(together) == (5, ("boot",))
    assert counts(a) == dict.fromkeys(("mug", "cup", "hat", "boot"), 10)


def test_what_does_not_fit_is_refused_and_leaves_nothing_behind(fleet, tmp_path):
    a = fleet("a")
    teach(a, "mug", "cup", "hat")
    wide = fleet("wide", parameters={"M": 32, "router": "lda"})
    teach(wide, "boot")
    other = fleet("other")
    other.add_samples([make_sample("boot", n, encoder_id="other@1") for n in range(4)])
    other.train()
    tiny = fleet("tiny", method="tests.teaching.tiny:Tiny", parameters={})
    teach(tiny, "boot")
    torn = tmp_path / "torn.cil"
    torn.write_bytes(saved(wide, tmp_path, "w").read_bytes()[:-9])
    bare = Oracil(M=16, router="lda").fit(np.eye(6), list("abcabc"))
    bare = bare.save(tmp_path / "bare", statistics=False)
    for path, error, said in (
        (saved(wide, tmp_path, "w"), errors.WrongProjectionError, "16 here and 32"),
        (saved(other, tmp_path, "o"), errors.WrongEncoderError, "other@1"),
        (saved(tiny, tmp_path, "t"), errors.WrongMethodError, "'oracil' answers"),
        (torn, errors.BadModelFileError, "not a whole learner file"),
        (tmp_path / "nowhere", errors.BadModelFileError, "nowhere"),
        (bare, errors.UnteachableError, "Save it again with its statistics"),
    ):
        with pytest.raises(error, match=said):
            a.merge_model(path)
    assert a.state().version == 1
    assert list((a.folder / "models").iterdir()) == []
    a.add_samples(make_samples("vase", 10))
    assert a.train().version == 2


def test_a_method_without_sums_says_that_it_cannot_be_merged(make_session, tmp_path):
    a, b = make_session(), make_session(folder=tmp_path / "b")
    teach(a, "mug")
    teach(b, "cup")
    with pytest.raises(errors.WrongMethodError, match="cannot be merged"):
        a.merge_model(saved(b, tmp_path, "b"))
