"""Streams: every sample once, nothing of the test set, no border given away, drift, budgets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cil_nodes.datasets.images import ImageDataset, LazyImages
from cil_nodes.evaluation.peers import NearestClassMean
from cil_nodes.evaluation.protocols import (
    CHEAP_CAMERA,
    LAMP,
    Change,
    Labelled,
    OverBudgetError,
    blurry,
    class_phases,
    drifting,
    few_of_each,
    held_out_split,
    largest_within,
    object_after_object,
    run_stream,
    split_phases,
)

CLASSES = tuple(f"c{n}" for n in range(6))


def numbered(classes=CLASSES, each=7, start=0):
    """Pictures whose first feature is their number, so that each can be followed."""
    labels = np.tile(np.array(classes), each)
    numbers = np.arange(start, start + len(labels), dtype=np.float64)
    noise = np.random.default_rng(0).normal(size=(len(labels), 3))
    return Labelled(np.column_stack([numbers, noise]), labels)


TRAIN, TEST = numbered(), numbered(each=2, start=1000)
PHASES = split_phases(CLASSES, 3, seed=1)


def taught(stream):
    return np.concatenate([step.lesson.features[:, 0] for step in stream])


def streams(seed):
    return {
        "phases": class_phases(split_phases(CLASSES, 3, seed), TRAIN, TEST),
        "one by one": class_phases(split_phases(CLASSES, 6, seed), TRAIN, TEST),
        "object after object": object_after_object(TRAIN, TEST, size=5, seed=seed),
        "blurry": blurry(PHASES, TRAIN, TEST, strays=0.3, seed=seed),
        "blurry online": blurry(PHASES, TRAIN, TEST, strays=0.3, size=4, seed=seed),
    }


@pytest.mark.parametrize("name", streams(0))
@settings(max_examples=20)
@given(seed=st.integers(0, 1000))
def test_every_sample_is_taught_once_and_no_test_sample_ever(name, seed):
    steps = list(streams(seed)[name])
    assert sorted(taught(steps)) == TRAIN.features[:, 0].tolist()
    for step in steps:
        position = step.lesson.features[:, 0].astype(int)
        np.testing.assert_array_equal(TRAIN.labels[position], step.lesson.labels)
    again = list(streams(seed)[name])
    np.testing.assert_array_equal(taught(steps), taught(again))


@pytest.mark.parametrize("name", streams(0))
def test_a_stream_says_what_is_new_and_what_is_known(name):
    known = set()
    for step in streams(3)[name]:
        new = set(step.lesson.labels.tolist()) - known
        assert set(step.new) == new
        known |= new
        assert step.known == known
    assert known == set(CLASSES)
    assert step.shown is TEST


def test_another_seed_is_another_stream():
    for name in streams(0):
        assert taught(streams(0)[name]).tolist() != taught(streams(1)[name]).tolist(), name


def test_object_after_object_is_unshuffled_and_ignores_borders():
    steps = list(object_after_object(TRAIN, TEST, size=5, seed=None, every=3))
    assert [len(step.lesson) for step in steps] == [5] * 8 + [2]
    labels = np.concatenate([step.lesson.labels for step in steps])
    assert labels.tolist() == [name for name in CLASSES for _ in range(7)]
    for name in CLASSES:
        assert (np.diff(taught(steps)[labels == name]) > 0).all()
    assert any(len(step.lesson.classes) == 2 for step in steps)
    assert [step.shown is not None for step in steps] == [False, False, True] * 3


def test_one_class_may_have_several_objects():
    train = numbered(classes=("mug", "cup"), each=4)
    objects = ["red", "tin", "red", "glass", "blue", "tin", "blue", "glass"]
    stream = object_after_object(train, TEST, size=2, seed=None, objects=objects)
    assert [set(step.lesson.labels.tolist()) for step in stream] == [
        {"mug"},
        {"cup"},
        {"cup"},
        {"mug"},
    ]
    with pytest.raises(ValueError, match="2 objects do not fit 8 pictures"):
        object_after_object(train, TEST, objects=["red", "tin"])


def test_a_share_of_the_samples_strays():
    strayed = 0
    for step, labels in zip(blurry(PHASES, TRAIN, TEST, 0.25, seed=2), PHASES, strict=True):
        strayed += int((~np.isin(step.lesson.labels, labels)).sum())
    assert strayed == round(0.25 * len(TRAIN))
    with pytest.raises(ValueError, match="no border to blur"):
        blurry(PHASES[:1], TRAIN, TEST)
    with pytest.raises(ValueError, match=r"a share in \[0, 1\)"):
        blurry(PHASES, TRAIN, TEST, strays=1.0)


def test_few_shots_are_few_and_begin_alike():
    one, five = few_of_each(TRAIN, 1, seed=4), few_of_each(TRAIN, 5, seed=4)
    assert [int((five.labels == name).sum()) for name in CLASSES] == [5] * 6
    assert set(one.features[:, 0]) < set(five.features[:, 0])
    assert len(few_of_each(TRAIN, 50)) == len(TRAIN)
    assert few_of_each(TRAIN, 1, seed=5).features.tolist() != one.features.tolist()


def test_validation_is_held_out_of_every_class():
    fitted, held_out = held_out_split(TRAIN, 0.3, seed=1993)
    assert [int((held_out.labels == name).sum()) for name in CLASSES] == [2] * 6
    both = np.concatenate([fitted.features[:, 0], held_out.features[:, 0]])
    assert sorted(both) == TRAIN.features[:, 0].tolist()


def test_old_classes_come_back_changed():
    changed, changed_test = numbered(start=500), numbered(each=2, start=2000)
    steps = list(drifting(PHASES, TRAIN, TEST, changed, changed_test, shots=2))
    numbers = [step.lesson.features[:, 0] for step in steps]
    assert not (numbers[0] >= 500).any()
    for step, shown, count in zip(steps, numbers, (0, 4, 8), strict=True):
        back = shown >= 500
        assert back.sum() == count
        assert not set(step.lesson.labels[back].tolist()) & set(step.new)
        assert len(step.shown) == len(TEST) + len(changed_test)
    assert sorted(np.concatenate(numbers)[np.concatenate(numbers) < 500]) == list(range(42))


def test_light_and_camera_change_pictures_and_the_hash():
    picture = np.full((40, 60, 3), 128, np.uint8)
    picture[:, 30:] = 200
    pictures = LazyImages(2, lambda position: picture)
    dataset = ImageDataset(
        name="toy",
        images=pictures,
        labels=["a", "b"],
        split="train",
        data_hash="0" * 16,
        classes=("a", "b"),
    )
    lamp = LAMP.applied_to(dataset)
    red, _, blue = lamp.images[0][0, 0].astype(int)
    assert red > blue
    assert lamp.images[0].mean() < picture.mean()
    assert Change().applied(picture).tolist() == picture.tolist()
    assert 128 < Change(blur=0.05).applied(picture)[20, 29, 0] < 200
    noisy = CHEAP_CAMERA.applied_to(dataset)
    assert noisy.images[0].tolist() == noisy.images[0].tolist()
    assert noisy.images[0].tolist() != noisy.images[1].tolist()
    assert len({dataset.data_hash, lamp.data_hash, noisy.data_hash}) == 3


def test_a_run_measures_what_each_step_cost_and_what_is_held():
    fractions = []
    outcomes = run_stream(
        NearestClassMean(),
        object_after_object(TRAIN, TEST, size=21, seed=None),
        lambda fraction, words: fractions.append((fraction, words)),
    )
    assert [outcome.samples for outcome in outcomes] == [21, 21]
    assert [outcome.new for outcome in outcomes] == [CLASSES[:3], CLASSES[3:]]
    assert all(outcome.update_s > 0 and outcome.predict_s > 0 for outcome in outcomes)
    assert outcomes[1].memory_bytes > outcomes[0].memory_bytes
    assert outcomes[0].shown.taught.sum() == len(TEST) / 2
    assert outcomes[0].shown.accuracy == outcomes[0].shown.correct.sum() / (len(TEST) / 2)
    assert fractions == [(0.5, "phase 1 of 2"), (1.0, "phase 2 of 2")]


class Hoarder(NearestClassMean):
    """Holds ``size`` bytes for each class it knows."""

    def __init__(self, random_state=0, size=1):
        super().__init__(random_state=random_state)
        self.size = size

    def memory_bytes(self):
        return self.size * len(self.classes_)


def test_the_largest_learner_within_the_budget_is_taken():
    def make(size):
        return Hoarder(size=size)

    def stream():
        return class_phases(PHASES, TRAIN, TEST)

    size, outcomes = largest_within([400, 100, 10], make, stream, limit=900)
    assert size == 100
    assert [outcome.memory_bytes for outcome in outcomes] == [200, 400, 600]
    with pytest.raises(OverBudgetError, match=r"After step 2 Hoarder holds 0\.0 MB"):
        largest_within([3000, 300], make, stream, limit=900)
