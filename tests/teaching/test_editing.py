"""Rename, merge, forget, undo."""

import pytest

from cil_nodes.teaching import Cause, errors
from tests.teaching.conftest import make_sample, make_samples, teach


def label_of(session, thing):
    return session.predict(make_sample("", 1000, thing=thing)).label


def counts_of(session):
    return {entry.label: entry.samples for entry in session.state().classes}


def test_a_renamed_class_is_the_same_class(session, make_session):
    teach(session, "mug", "cup")
    index = {entry.label: entry.index for entry in session.state().classes}
    assert session.edit_class("rename", "MUG", "Tea Mug") == 2
    assert label_of(session, "mug") == "Tea Mug"
    session.add_samples(make_samples("tea mug", 5, 50, thing="mug"))
    assert session.train().new_labels == ()
    session.close()
    again = make_session()
    assert label_of(again, "mug") == "Tea Mug"
    assert counts_of(again) == {"Tea Mug": 15, "cup": 10}
    assert again.state().classes[index["mug"]].label == "Tea Mug"


def test_the_old_name_of_a_renamed_class_is_free_for_another(session):
    teach(session, "mug")
    session.edit_class("rename", "mug", "beaker")
    session.add_samples(make_samples("mug", 10, thing="hat"))
    assert session.train().new_labels == ("mug",)
    assert (label_of(session, "mug"), label_of(session, "hat")) == ("beaker", "mug")
    with pytest.raises(errors.LabelTakenError, match="'Beaker'"):
        session.edit_class("rename", "mug", "Beaker")


def test_a_rename_may_change_the_case_alone(session):
    teach(session, "mug")
    session.edit_class("rename", "mug", "MUG")
    assert label_of(session, "mug") == "MUG"


def test_a_forgotten_class_is_unknown_and_a_roll_back_brings_it_back(session, make_session):
    teach(session, "mug", "cup")
    session.add_samples(make_samples("cup", 3, 50))
    assert session.edit_class("forget", "cup") == 2
    assert session.state().pending == 0
    assert (label_of(session, "mug"), label_of(session, "cup")) == ("mug", "unknown")
    session.close()
    again = make_session()
    assert counts_of(again) == {"mug": 10}
    assert again.roll_back() == 3
    assert label_of(again, "cup") == "cup"
    assert again.list_versions()[1].cause is Cause.EDIT


def test_forgetting_the_only_class_leaves_the_empty_model(session):
    teach(session, "mug")
    session.edit_class("forget", "mug")
    assert label_of(session, "mug") == "unknown"
    teach(session, "mug")
    assert counts_of(session) == {"mug": 10}


def test_merged_classes_are_one_with_all_samples(session, make_session):
    teach(session, "mug", "cup")
    session.add_samples(make_samples("cup", 3, 50))
    session.edit_class("merge", "cup", "mug")
    assert label_of(session, "cup") in ("mug", "unknown")
    assert (counts_of(session), session.state().pending) == ({"mug": 20}, 3)
    session.train()
    session.close()
    assert counts_of(make_session()) == {"mug": 23}


def test_edits_that_cannot_be_are_refused(session):
    teach(session, "mug")
    for call in (("rename", "hat", "cap"), ("forget", "hat"), ("merge", "mug", "hat")):
        with pytest.raises(errors.NoSuchClassError, match=r"'hat'.*There are: mug"):
            session.edit_class(*call)
    with pytest.raises(errors.BadLabelError):
        session.edit_class("rename", "mug", "unknown")
    with pytest.raises(ValueError, match="paint"):
        session.edit_class("paint", "mug")
    assert session.state().version == 1


def test_undo_takes_back_waiting_labels_first_and_then_lessons(session):
    teach(session, "mug")
    teach(session, "cup")
    session.add_samples(make_samples("hat", 4))
    assert session.undo() == ("4 labels 'hat' were taken back", 2)
    assert session.undo() == ("version 1 answers again", 3)
    assert label_of(session, "cup") == "unknown"
    session.undo()
    with pytest.raises(errors.NothingToUndoError):
        session.undo()
