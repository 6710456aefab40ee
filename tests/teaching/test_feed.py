"""The memory of the stream, and teaching one object from it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cil_nodes.teaching.errors import BadLabelError, LessonStoppedError, NothingPendingError
from cil_nodes.teaching.feed import Feed
from cil_nodes.teaching.guided import (
    GuidedLesson,
    LooksLikeKnownError,
    NoImagesError,
    Plan,
    Step,
    TooFewViewsError,
    TrainingFailedError,
    same_region,
)
from cil_nodes.teaching.records import LessonResult, Prediction, Receipt
from cil_nodes.teaching.samples import Sample
from cil_nodes.teaching.watching import Check, ViewCollector, looks_like, summary
from tests.teaching.conftest import make_sample, make_samples

PIXELS = np.zeros((4, 4, 3), np.uint8)


def make_feed(capacity: int = 100) -> Feed:
    return Feed(capacity, lambda pixels, roi: b"jpeg of %d" % roi[2])


def said(sample: Sample, label: str, version: int = 1) -> Prediction:
    unknown = label == "unknown"
    return Prediction(sample.sample_id, label, 0.9, unknown, 0.1, 0.5, (), None, "tiny", version)


class Pupil:
    """Keeps what it is given and answers fresh views with the last label."""

    def __init__(self, feed: Feed, fail: Exception | None = None) -> None:
        self.feed, self.fail = feed, fail
        self.kept: list[Sample] = []

    def add_samples(self, samples: Sequence[Sample], source: str) -> Receipt:
        assert source == "teach"
        self.kept += samples
        return Receipt(len(samples), 0, len(samples))

    def train(
        self, labels: Sequence[str], should_stop: Callable[[], bool], tell: Callable[[float], None]
    ) -> LessonResult:
        if self.fail is not None:
            raise self.fail
        tell(0.5)
        return LessonResult(2, tuple(labels), len(self.kept), 0.1, 0.9, 0.8, 1.0, "s")


class Turning:
    """Puts views into the feed until the block ends; answered by ``answer(sample)``."""

    def __init__(self, feed: Feed, answer: Callable[[Sample], Prediction]) -> None:
        self._feed, self._answer = feed, answer
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._turn, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)

    def _turn(self) -> None:
        number = 0
        while not self._stop.wait(0.002):
            sample = make_sample("", number, thing="mug")
            number += 1
            self._feed.add_sample(sample)
            self._feed.add_answer(self._answer(sample))


def test_pictures_come_before_or_after_their_samples():
    feed = make_feed()
    early, late = (make_sample("", n, thing="mug", picture=b"", stamp_ns=n) for n in (1, 2))
    feed.add_image(early.stamp_ns, early.frame_id, PIXELS)
    feed.add_sample(early)
    feed.add_sample(late)
    assert feed.pictures([early.sample_id, late.sample_id]) == [b"jpeg of 0", b""]
    feed.add_image(late.stamp_ns, late.frame_id, PIXELS)
    assert feed.pictures([late.sample_id, "gone"]) == [b"jpeg of 0", b""]


def test_an_unknown_may_come_before_its_features_and_outlives_the_ring():
    feed = make_feed(capacity=3)
    first, *others = make_samples("", 6, thing="mug")
    feed.add_unknown(first.sample_id, 0.9)
    assert feed.groups() == []
    feed.add_sample(first)
    [group] = feed.groups()
    assert group.exemplar_ids == (first.sample_id,)
    for sample in others:
        feed.add_sample(sample)
    found, missing = feed.find([first.sample_id, others[0].sample_id])
    assert [sample.sample_id for sample in found] == [first.sample_id]
    assert missing == [others[0].sample_id]
    feed.pool.remove([first.sample_id])
    assert feed.groups() == []
    assert feed.find([first.sample_id]) == ([], [first.sample_id])


def test_another_encoder_begins_afresh():
    feed = make_feed()
    old = make_sample("", 0, thing="mug")
    feed.add_sample(old)
    feed.add_unknown(old.sample_id, 0.9)
    feed.add_sample(make_sample("", 1, thing="mug", encoder_id="other@ffffffffffff"))
    assert feed.groups() == []
    assert feed.find([old.sample_id])[1] == [old.sample_id]
    assert len(feed) == 1


@given(st.lists(st.integers(0, 359), min_size=1, max_size=40), st.floats(0.01, 0.5))
def test_kept_views_differ_from_each_other(angles: list[int], least: float):
    collector = ViewCollector(wanted=100, min_diversity=least)
    for number, angle in enumerate(angles):
        direction = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))], np.float32)
        collector.offer(make_sample("", number, thing="mug", features=direction))
    kept = np.stack([sample.features for sample in collector.samples]).astype(np.float64)
    distances = 1 - kept @ kept.T
    pairs = distances[~np.eye(len(kept), dtype=bool)]
    assert (pairs >= least - 1e-6).all()
    assert collector.samples[0].sample_id == "mug-0"


def test_hints_come_when_nothing_changes():
    collector = ViewCollector(wanted=3, min_diversity=0.1)
    sample = make_sample("", 0, thing="mug")
    hints = [collector.hint() for _ in range(12) if not collector.offer(sample) or True]
    assert hints[0] == ""
    assert len({hint for hint in hints if hint}) == 2


def test_an_object_is_watched_learned_and_checked():
    feed, steps = make_feed(), list[Step]()
    pupil = Pupil(feed)
    plan = Plan("  mug ", views=5, min_diversity=0.0, check_views=4)
    with Turning(feed, lambda sample: said(sample, "mug", version=2)):
        outcome = GuidedLesson(plan, feed, pupil, steps.append).run()
    assert (outcome.captured, outcome.check.correct, outcome.check.total) == (5, 4, 4)
    assert {sample.label for sample in pupil.kept} == {"mug"}
    assert outcome.summary == "I know the mug now: I recognised it in 4 of 4 new looks."
    assert next(step.stage for step in steps if step.stage != "watching") == "training"
    progress = [step.progress for step in steps]
    assert progress == sorted(progress)
    assert progress[-1] == 1.0


def test_answers_of_an_older_model_are_no_check():
    feed = make_feed()
    plan = Plan("mug", views=2, min_diversity=0.0, check_timeout=0.2)
    with Turning(feed, lambda sample: said(sample, "mug", version=1)):
        outcome = GuidedLesson(plan, feed, Pupil(feed)).run()
    assert outcome.check.total == 0
    assert outcome.summary == "I have learned the mug from 2 views."


def test_a_known_thing_is_not_taught_by_another_name():
    feed = make_feed()
    pupil = Pupil(feed)
    plan = Plan("cup", views=4, min_diversity=0.0)
    lesson = GuidedLesson(plan, feed, pupil)
    with (
        Turning(feed, lambda sample: said(sample, "mug")),
        pytest.raises(LooksLikeKnownError, match="'mug'"),
    ):
        lesson.run()
    assert pupil.kept == []


def test_refusals_say_what_to_do():
    feed = make_feed()
    with pytest.raises(BadLabelError):
        GuidedLesson(Plan(" "), feed, Pupil(feed)).run()
    with pytest.raises(NoImagesError, match="extractor"):
        GuidedLesson(Plan("mug", timeout=0.1), feed, Pupil(feed)).run()
    elsewhere = Plan("mug", timeout=0.3, roi=(0, 0, 9, 9))
    still = Plan("mug", timeout=0.3, min_diversity=1.5)
    with Turning(feed, lambda sample: said(sample, "unknown")):
        with pytest.raises(NoImagesError, match="roi"):
            GuidedLesson(elsewhere, feed, Pupil(feed)).run()
        with pytest.raises(TooFewViewsError, match="min_diversity"):
            GuidedLesson(still, feed, Pupil(feed)).run()
        failing = Pupil(feed, NothingPendingError("nothing"))
        with pytest.raises(TrainingFailedError, match="are kept"):
            GuidedLesson(Plan("mug", views=2, min_diversity=0.0), feed, failing).run()
        with pytest.raises(LessonStoppedError):
            GuidedLesson(Plan("mug"), feed, Pupil(feed), should_stop=lambda: True).run()


def test_regions_are_one_when_they_overlap_by_half():
    assert same_region((0, 0, 0, 0), (0, 0, 0, 0))
    assert not same_region((0, 0, 0, 0), (0, 0, 10, 10))
    assert same_region((0, 0, 10, 10), (0, 0, 10, 5))
    assert not same_region((0, 0, 10, 10), (5, 5, 10, 10))


def test_words_for_how_it_went():
    check = Check("mug")
    samples = make_samples("", 4, thing="mug")
    for sample in samples[:3]:
        check.add(said(sample, "cup"))
    check.add(said(samples[3], "Mug"))
    assert check.confused_with() == [("cup", 0.75)]
    assert summary("mug", 5, True, check).endswith(
        "take it for the cup: I recognised it in 1 of 4 new looks."
    )
    assert "to be learned later" in summary("mug", 5, False, Check("mug"))
    assert looks_like("mug", [said(s, "Mug") for s in samples]) == ""
    assert looks_like("mug", [said(s, "unknown") for s in samples]) == ""
