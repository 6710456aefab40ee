"""The contract itself, on the smallest learner there is."""

from __future__ import annotations

import numpy as np
import pytest

from cil_nodes.learners import CannotLearnError, PhaseStopped, TornFileError, load, registry
from tests.learners.nearest_mean_example import NearestMean


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setitem(registry._registered, "nearest_mean", NearestMean)


@pytest.fixture
def taught():
    learner = NearestMean()
    learner.partial_fit([[0.0, 0.0], [4.0, 4.0]], ["mug", "cup"])
    learner.partial_fit([[9.0, 0.0]], ["banana"])
    return learner


def test_classes_stand_in_order_of_arrival_and_are_sorted_within_a_phase(taught):
    assert taught.classes_.tolist() == ["cup", "mug", "banana"]
    assert taught.class_index_ == {"cup": 0, "mug": 1, "banana": 2}
    assert taught.lessons_ == 2


def test_a_number_is_never_used_twice(taught):
    taught.forget("mug")
    taught.partial_fit([[0.0, 0.0]], ["mug"])
    assert taught.class_index_ == {"cup": 0, "banana": 2, "mug": 3}


def test_stop_leaves_the_learner_as_it_was(taught):
    state = taught.state_
    with pytest.raises(PhaseStopped):
        taught.learn_phase([[1.0, 1.0]], ["fork"], should_stop=lambda: True)
    assert taught.state_ is state


def test_stop_in_the_first_phase_leaves_an_untaught_learner():
    learner = NearestMean()
    with pytest.raises(PhaseStopped):
        learner.learn_phase([[1.0, 1.0]], ["fork"], should_stop=lambda: True)
    assert not hasattr(learner, "classes_")
    assert not hasattr(learner, "n_features_in_")


def test_classes_argument_is_only_checked(taught):
    with pytest.raises(ValueError, match="fork"):
        taught.partial_fit([[1.0, 1.0]], ["fork"], classes=["mug", "cup"])


def test_labels_of_two_kinds_are_refused(taught):
    with pytest.raises(ValueError, match="texts were taught so far, this phase brings whole"):
        taught.partial_fit([[1.0, 1.0]], [7])


def test_forgetting_what_was_never_taught_names_what_was(taught):
    with pytest.raises(ValueError, match=r"Cannot forget 'fork'.*'cup', 'mug', 'banana'"):
        taught.forget("fork")


def test_answers_say_everything_from_one_state(taught):
    answers = taught.answer([[0.1, 0.0]])
    assert answers.labels.tolist() == ["mug"]
    assert answers.top(2)[0][0] == ("mug", pytest.approx(1.0, abs=1e-3))
    assert answers.is_unknown.tolist() == [False]
    assert len(answers.reasons()) == 1


def test_a_loaded_learner_answers_identically(taught, tmp_path):
    path = taught.save(tmp_path / "model.cil")
    again = load(path)
    X = np.random.default_rng(0).normal(size=(20, 2))
    assert np.array_equal(again.predict_proba(X), taught.predict_proba(X))
    assert again.class_index_ == taught.class_index_
    assert again.classes_.dtype == taught.classes_.dtype
    again.partial_fit([[5.0, 5.0]], ["fork"])
    assert again.classes_.tolist()[-1] == "fork"


def test_without_statistics_it_answers_but_does_not_learn(taught, tmp_path):
    again = load(taught.save(tmp_path / "small.cil", statistics=False))
    assert not again.can_learn
    assert again.predict([[0.0, 0.0]]).tolist() == ["mug"]
    with pytest.raises(CannotLearnError, match="statistics=True"):
        again.partial_fit([[0.0, 0.0]], ["mug"])


@pytest.mark.parametrize("cut", [0, 4, 60, -1])
def test_a_file_cut_short_is_refused_by_name(taught, tmp_path, cut):
    path = taught.save(tmp_path / "model.cil")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(TornFileError, match=r"model\.cil is not a whole learner file.*rebuild"):
        load(path)


def test_a_flipped_bit_is_noticed(taught, tmp_path):
    path = taught.save(tmp_path / "model.cil")
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(TornFileError, match="checksum"):
        load(path)


def test_a_failed_save_leaves_the_old_file(taught, tmp_path):
    path = taught.save(tmp_path / "model.cil")
    old = path.read_bytes()
    taught.set_params(random_state=np.random.RandomState(0))
    with pytest.raises(TypeError, match="Pass an int as random_state"):
        taught.save(path)
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["model.cil"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing_here"):
        load(tmp_path / "nothing_here")


def test_unknown_names_come_with_close_matches():
    with pytest.raises(ValueError, match="Did you mean 'nearest_mean'"):
        registry.create("nearest_meen")
    with pytest.raises(ValueError, match=r"no parameter 'sharpnes'\. Did you mean 'sharpness'"):
        registry.create("nearest_mean", sharpnes=2)
    with pytest.raises(ValueError, match=r"sharpness is -1, but must lie between 0.0 and 100.0"):
        registry.create("nearest_mean", sharpness=-1)


def test_describe_tells_type_range_and_words():
    info = registry.describe("nearest_mean")[0]
    assert (info.name, info.type, info.default, info.low, info.high) == (
        "sharpness",
        "float",
        1.0,
        0.0,
        100.0,
    )
    assert info.description == "How fast probability falls with distance."
