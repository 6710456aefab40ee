"""The session as its callers see it."""

import numpy as np
import pytest

from cil_nodes.learners import load
from cil_nodes.learners.base import Reason
from cil_nodes.teaching import Cause, errors
from tests.teaching.conftest import DIMENSION, ENCODER, make_sample, make_samples, teach
from tests.teaching.tiny import INEXACT


def labels_of(session, *things, number=1000):
    return [session.predict(make_sample("", number, thing=thing)).label for thing in things]


def test_before_the_first_lesson_everything_is_unknown_and_the_state_says_why(session):
    answer = session.predict(make_sample("", 0, thing="mug"))
    assert (answer.label, answer.is_unknown, answer.score) == ("unknown", True, 0.0)
    assert answer.reason.code is Reason.NO_CLASSES
    assert (answer.version, answer.top_k) == (0, ())
    assert session.state().message == "nothing has been taught yet"


def test_a_lesson_makes_known_and_leaves_the_rest_unknown(session):
    receipt = session.add_samples(make_samples("mug", 10), "teach")
    assert (receipt.accepted, receipt.relabelled, receipt.pending) == (10, 0, 10)
    assert session.state().phase == "collecting"
    assert teach(session, "cup", "hat") == 1
    assert labels_of(session, "mug", "cup", "hat", "boot") == ["mug", "cup", "hat", "unknown"]
    boot = session.predict(make_sample("", 0, thing="boot"))
    assert boot.reason.code is Reason.NOVELTY
    assert boot.unknown_score > boot.threshold
    assert {label for label, _ in boot.top_k} == {"mug", "cup", "hat"}
    assert session.state().phase == "idle"


def test_the_result_tells_old_from_new_on_samples_held_out(session):
    session.add_samples(make_samples("mug", 10))
    first = session.train()
    assert np.isnan([first.accuracy_before, first.accuracy_after]).all()
    assert first.new_class_accuracy == 1.0
    session.add_samples(make_samples("cup", 5))
    second = session.train()
    assert (second.accuracy_before, second.accuracy_after) == (1.0, 1.0)
    assert (second.new_labels, second.samples, second.version) == (("cup",), 5, 2)
    assert second.snapshot
    recall = {entry.label: entry.recall for entry in session.state().classes}
    assert recall == {"mug": 1.0, "cup": 1.0}


def test_progress_names_the_stages_in_order_and_never_falls(session):
    session.add_samples(make_samples("mug", 10))
    seen = []
    session.train(progress=lambda *what: seen.append(what))
    stages = list(dict.fromkeys(stage for stage, _, _ in seen))
    assert stages == ["preparing", "fitting", "validating", "swapping"]
    fractions = [fraction for _, fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)


def test_what_answers_has_learned_the_held_out_samples_too(session, make_session, tmp_path):
    session.add_samples(make_samples("mug", 10))
    session.train()
    exact = load(session.folder / "snapshots" / session.state().snapshot)
    assert exact.class_count_.tolist() == [10]
    other = make_session(folder=tmp_path / "other", method=INEXACT)
    other.add_samples(make_samples("mug", 10))
    other.train()
    inexact = load(other.folder / "snapshots" / other.state().snapshot)
    assert inexact.class_count_.tolist() == [8]


def test_only_the_labels_asked_for_are_learned(session):
    session.add_samples([*make_samples("mug", 5), *make_samples("cup", 5)])
    result = session.train(labels=["MUG"])
    assert (result.new_labels, result.samples) == (("mug",), 5)
    assert session.state().pending == 5
    with pytest.raises(errors.NothingPendingError, match="hat"):
        session.train(labels=["hat"])


def test_the_same_label_again_changes_nothing_and_another_replaces_it(session):
    session.add_samples(make_samples("mug", 6))
    again = session.add_samples(make_samples("MUG", 6, thing="mug"))
    assert (again.accepted, again.relabelled, again.pending) == (6, 0, 6)
    other = session.add_samples([make_sample("cup", 0, thing="mug")])
    assert (other.relabelled, other.pending) == (1, 6)
    session.train()
    counts = {entry.label: entry.samples for entry in session.state().classes}
    assert counts == {"mug": 5, "cup": 1}


def test_a_learned_sample_with_another_label_moves_to_the_other_class(session):
    session.add_samples([*make_samples("mug", 5), *make_samples("mug", 5, thing="cup")])
    session.train()
    assert labels_of(session, "cup") == ["unknown"]
    moved = session.add_samples(make_samples("cup", 5))
    assert (moved.relabelled, moved.pending) == (5, 5)
    assert session.train().new_labels == ("cup",)
    assert labels_of(session, "mug", "cup") == ["mug", "cup"]
    counts = {entry.label: entry.samples for entry in session.state().classes}
    assert counts == {"mug": 5, "cup": 5}


def test_taking_back_a_correction_before_it_is_learned_leaves_nothing_pending(session):
    teach(session, "mug", count=5)
    session.add_samples([make_sample("cup", 0, thing="mug")])
    back = session.add_samples([make_sample("mug", 0)])
    assert (back.relabelled, back.pending) == (1, 0)


def test_labels_differing_in_case_are_one_class_kept_as_first_written(session):
    session.add_samples([make_sample("Blue Mug", 0), make_sample("blue MUG", 1)])
    assert session.train().new_labels == ("Blue Mug",)


def test_background_is_answered_but_is_no_class(session):
    session.add_samples([*make_samples("mug", 5), *make_samples("Background", 5, thing="table")])
    session.train()
    answer = session.predict(make_sample("", 77, thing="table"))
    assert (answer.label, answer.is_unknown) == ("Background", False)
    assert [label for label, _ in answer.top_k] == ["mug"]
    assert [entry.label for entry in session.state().classes] == ["mug"]


def test_indices_are_never_reused(session):
    teach(session, "mug", count=2)
    session.roll_back()
    teach(session, "cup", count=2)
    assert [(entry.index, entry.label) for entry in session.state().classes] == [(1, "cup")]
    teach(session, "mug", count=2)
    assert {entry.label: entry.index for entry in session.state().classes} == {"mug": 0, "cup": 1}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"encoder_id": "other@0123456789ab"}, errors.WrongEncoderError),
        ({"features": np.ones(DIMENSION + 1, np.float32)}, errors.BadFeaturesError),
        ({"features": np.full(DIMENSION, np.nan, np.float32)}, errors.BadFeaturesError),
        ({"features": np.ones((2, 3), np.float32)}, errors.BadFeaturesError),
    ],
)
def test_a_sample_that_does_not_belong_is_refused_and_nothing_of_its_call_kept(
    session, changes, error
):
    session.add_samples(make_samples("mug", 3))
    bad = make_sample("mug", 50, **changes)
    with pytest.raises(error):
        session.add_samples([make_sample("mug", 49), bad])
    with pytest.raises(error):
        session.predict(bad)
    assert session.state().pending == 3
    assert session.list_samples()[0] == 3


def test_a_bad_label_refuses_the_whole_call(session):
    with pytest.raises(errors.BadLabelError):
        session.add_samples([make_sample("mug", 0), make_sample("unknown", 1, thing="mug")])
    assert session.state().pending == 0
    assert session.state().encoder_id == ""


def test_the_wrong_encoder_is_named_with_the_right_one(session):
    session.add_samples(make_samples("mug", 1))
    with pytest.raises(errors.WrongEncoderError, match=f"'new@1'.*{ENCODER}"):
        session.add_samples([make_sample("mug", 2, encoder_id="new@1")])


def test_roll_back_walks_back_and_a_number_redoes(session):
    teach(session, "mug")
    teach(session, "cup")
    assert session.roll_back() == 3
    assert labels_of(session, "mug", "cup") == ["mug", "unknown"]
    assert session.roll_back() == 4
    assert labels_of(session, "mug") == ["unknown"]
    with pytest.raises(errors.NoSuchVersionError, match="no version before"):
        session.roll_back()
    assert session.roll_back(2) == 5
    assert labels_of(session, "mug", "cup") == ["mug", "cup"]
    assert session.roll_back(0) == 6
    assert session.state().classes == ()
    with pytest.raises(errors.NoSuchVersionError, match="from 0 to 6"):
        session.roll_back(17)


def test_the_history_tells_what_happened(session):
    teach(session, "mug")
    teach(session, "cup")
    session.roll_back()
    entries = session.list_versions()
    assert [entry.version for entry in entries] == [3, 2, 1, 0]
    assert [entry.cause for entry in entries] == [
        Cause.ROLL_BACK,
        Cause.LESSON,
        Cause.LESSON,
        Cause.EMPTY,
    ]
    assert (entries[0].parent, entries[0].restored) == (2, 1)
    assert (entries[1].parent, entries[1].labels, entries[1].samples) == (1, ("cup",), 10)
    assert all(entry.available for entry in entries)
    assert len(session.list_versions(limit=2)) == 2


def test_samples_of_an_undone_lesson_wait_for_a_new_label(session):
    teach(session, "mug")
    teach(session, "cup")
    session.roll_back()
    assert session.state().pending == 0
    teach(session, "hat")
    assert labels_of(session, "mug", "cup", "hat") == ["mug", "unknown", "hat"]
    assert session.add_samples(make_samples("cup", 10)).pending == 10
    session.train()
    assert labels_of(session, "mug", "cup", "hat") == ["mug", "cup", "hat"]


def test_the_oldest_snapshots_go_and_the_history_says_so(make_session):
    session = make_session(keep_snapshots=2)
    for label in ("mug", "cup", "hat"):
        teach(session, label)
    assert [entry.available for entry in session.list_versions()] == [True, True, False, True]
    assert len(list((session.folder / "snapshots").iterdir())) == 2
    with pytest.raises(errors.SnapshotEvictedError, match="version 1"):
        session.roll_back(1)


def test_samples_can_be_browsed(session):
    session.add_samples([*make_samples("mug", 3), *make_samples("cup", 3)])
    session.train()
    total, page = session.list_samples(limit=2)
    assert (total, [sample.sample_id for sample in page]) == (6, ["cup-2", "cup-1"])
    assert page[0].picture == b"jpeg"
    assert session.list_samples(pictures=False)[1][0].picture == b""
    assert session.list_samples(label="MUG", offset=2)[1][0].sample_id == "mug-0"
    assert session.list_samples(label="boot") == (0, [])
    near = session.list_samples(nearest_to="mug-1")[1]
    assert near[0].sample_id == "mug-1"
    assert {sample.label for sample in near[:3]} == {"mug"}
    assert session.list_samples(nearest_to="nobody") == (0, [])
    only = session.list_samples(sample_ids=["cup-1", "nobody"])
    assert (only[0], only[1][0].label) == (1, "cup")


def test_pictures_are_left_out_where_they_are_not_wanted(make_session):
    session = make_session(keep_pictures=False)
    session.add_samples(make_samples("mug", 1))
    assert session.list_samples()[1][0].picture == b""


def test_a_saved_model_answers_elsewhere_and_can_be_taught_on(session, make_session, tmp_path):
    teach(session, "mug", "cup")
    path = session.save_model(tmp_path / "model.safetensors")
    assert load(path).classes_.tolist() == ["cup", "mug"]
    other = make_session(folder=tmp_path / "other")
    teach(other, "hat")
    assert other.load_model(path) == 2
    assert labels_of(other, "mug", "cup", "hat") == ["mug", "cup", "unknown"]
    assert {entry.label: entry.samples for entry in other.state().classes} == {"mug": 10, "cup": 10}
    teach(other, "boot")
    assert labels_of(other, "mug", "cup", "boot") == ["mug", "cup", "boot"]
    assert other.roll_back(1) == 4
    assert labels_of(other, "hat", "mug") == ["hat", "unknown"]
    other.close()
    again = make_session(folder=tmp_path / "other")
    again.roll_back(3)
    teach(again, "coat")
    assert labels_of(again, "mug", "boot", "coat") == ["mug", "boot", "coat"]


def test_a_foreign_model_file_is_refused(session, tmp_path):
    (tmp_path / "torn").write_bytes(b"not a model")
    with pytest.raises(errors.BadModelFileError, match="torn"):
        session.load_model(tmp_path / "torn")
    with pytest.raises(errors.BadModelFileError, match="nowhere"):
        session.load_model(tmp_path / "nowhere")
    with pytest.raises(errors.LessonFailedError, match="Nothing has been taught"):
        session.save_model(tmp_path / "model")


def test_a_model_of_another_encoder_is_refused(session, make_session, tmp_path):
    teach(session, "mug")
    path = session.save_model(tmp_path / "model")
    other = make_session(folder=tmp_path / "other")
    other.add_samples([make_sample("mug", 0, encoder_id="other@1")])
    with pytest.raises(errors.WrongEncoderError, match=f"{ENCODER}.*other@1"):
        other.load_model(path)


def test_a_restart_answers_the_same_and_learns_on(session, make_session):
    teach(session, "mug", "cup")
    session.add_samples(make_samples("hat", 5))
    probe = [make_sample("", 5, thing=thing) for thing in ("mug", "cup", "hat")]
    before = session.predict_batch(probe)
    session.close()
    again = make_session()
    assert again.predict_batch(probe) == before
    assert (again.state().pending, again.state().phase) == (5, "collecting")
    again.train()
    assert labels_of(again, "mug", "cup", "hat") == ["mug", "cup", "hat"]


def test_another_method_is_not_forced_on_a_taught_folder(session, make_session, caplog):
    teach(session, "mug")
    session.close()
    again = make_session(method=INEXACT)
    assert "goes on so" in caplog.text
    assert again.state().method == "tests.teaching.tiny:Tiny"


def test_only_parameters_that_differ_are_told_of_a_taught_folder(session, make_session, caplog):
    teach(session, "mug")
    session.load_model(session.save_model(session.folder / "mine" / "model"))  # spells out all
    session.close()
    make_session().close()
    assert "goes on so" not in caplog.text, "what was asked for is what was taught"
    make_session(parameters={"trouble": "spoil"}, random_state=3)
    assert "{'trouble': 'none'}, seed 0" in caplog.text
    assert "{'trouble': 'spoil'}, seed 3" in caplog.text


def test_a_bad_method_or_parameter_is_refused_before_anything_is_made(make_session, tmp_path):
    with pytest.raises(ValueError, match="oracil"):
        make_session(method="orakil")
    with pytest.raises(ValueError, match="slow"):
        make_session(parameters={"slwo": 1})
    assert not (tmp_path / "session").exists()


def test_changes_are_told_and_a_failing_watcher_harms_nobody(session, caplog):
    phases = []

    def fail(state):
        raise RuntimeError("watcher broke")

    session.on_change(fail)
    session.on_change(lambda state: phases.append((state.phase, state.version, state.pending)))
    session.add_samples(make_samples("mug", 2))
    session.train()
    assert phases == [("collecting", 0, 2), ("training", 0, 2), ("idle", 1, 0)]
    assert "watcher broke" in caplog.text


def test_a_closed_session_says_so(session):
    session.close()
    session.close()
    with pytest.raises(errors.SessionClosedError, match="closed"):
        session.add_samples(make_samples("mug", 1))


def test_two_sessions_with_one_seed_and_one_teaching_answer_the_same(make_session, tmp_path):
    answers = []
    for name in ("a", "b"):
        session = make_session(folder=tmp_path / name)
        teach(session, "mug", "cup")
        teach(session, "hat", count=7)
        answers.append(session.predict_batch(make_samples("", 5, thing="mug")))
    assert answers[0] == answers[1]
