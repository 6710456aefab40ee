"""Teaching one object from start to end: watch, learn, check, and say how it went."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from cil_nodes.teaching.errors import LessonStoppedError, TeachingError
from cil_nodes.teaching.feed import Feed
from cil_nodes.teaching.labels import is_background, normalise_label
from cil_nodes.teaching.records import LessonResult, Receipt
from cil_nodes.teaching.samples import Sample
from cil_nodes.teaching.watching import Check, ViewCollector, looks_like, summary

Region = tuple[int, int, int, int]
WHOLE: Region = (0, 0, 0, 0)

SAME_REGION = 0.5
"""Least share of the common area in that of both for two regions to be one."""

_PATIENCE = 0.05  # seconds between two looks at whether to stop
_ANSWER_SECONDS = 1.0  # how long the answers to the last views may take


class NoImagesError(TeachingError):
    """Nothing was seen where the object was to be."""

    code = "NO_IMAGES"


class TooFewViewsError(TeachingError):
    """Time ran out before enough different views were seen."""

    code = "TOO_FEW_VIEWS"


class LooksLikeKnownError(TeachingError):
    """The views look like a class that is known under another label."""

    code = "LOOKS_LIKE_KNOWN"


class TrainingFailedError(TeachingError):
    """The views are kept, but the lesson failed."""

    code = "TRAINING_FAILED"


class AlreadyTeachingError(TeachingError):
    """Another object is being taught."""

    code = "ALREADY_TEACHING"


class Pupil(Protocol):
    """Who keeps samples and learns them."""

    def add_samples(self, samples: Sequence[Sample], source: str) -> Receipt:
        """Keep labelled samples; on disk when it returns."""

    def train(
        self, labels: Sequence[str], should_stop: Callable[[], bool], tell: Callable[[float], None]
    ) -> LessonResult:
        """Learn what is pending of ``labels``; ``tell(fraction)`` on the way."""


@dataclass(frozen=True)
class Plan:
    """What is to be taught and how long to look; seconds and counts.

    ``min_diversity`` is a cosine distance. With ``check_views`` 0 nothing is checked.
    """

    label: str
    views: int = 20
    min_diversity: float = 0.05
    roi: Region = WHOLE
    timeout: float = 30.0
    train: bool = True
    min_views: int = 3
    check_views: int = 10
    check_timeout: float = 3.0


@dataclass(frozen=True)
class Step:
    """Where it stands: stage watching, training or checking; progress in [0, 1], never falls."""

    stage: str
    progress: float
    captured: int
    diversity: float
    hint: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of it; ``lesson`` is None when nothing was learned now."""

    captured: int
    lesson: LessonResult | None
    check: Check
    summary: str


@dataclass
class GuidedLesson:
    """One object being taught.

    Parameters
    ----------
    plan : Plan
    feed : Feed
        Where views and answers come by.
    pupil : Pupil
    report : callable
        Told each `Step`.
    should_stop : callable
        Asked all the time; ends with `LessonStoppedError`, and what was seen is not kept.
    """

    plan: Plan
    feed: Feed
    pupil: Pupil
    report: Callable[[Step], None] = lambda _: None
    should_stop: Callable[[], bool] = lambda: False
    collector: ViewCollector = field(init=False)
    _progress: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.collector = ViewCollector(max(1, self.plan.views), self.plan.min_diversity)

    def run(self) -> Outcome:
        """Teach the object.

        Raises
        ------
        BadLabelError, NoImagesError, TooFewViewsError, LooksLikeKnownError, TrainingFailedError
        LessonStoppedError
            On request.
        TeachingError
            What the pupil refuses.
        """
        label = normalise_label(self.plan.label)
        self._watch()
        self._refuse_known(label)
        views = [replace(sample, label=label) for sample in self._with_pictures()]
        self.pupil.add_samples(views, "teach")
        lesson = self._learn(label) if self.plan.train else None
        check = Check(label)
        if lesson is not None:
            self._check(check, lesson.version)
        text = summary(label, len(views), lesson is not None, check)
        return Outcome(len(views), lesson, check, text)

    def _watch(self) -> None:
        """Collect views until there are enough or time is up."""
        deadline = time.monotonic() + self.plan.timeout
        elsewhere = 0
        with self.feed.watch_samples() as views:
            while not self.collector.complete and time.monotonic() < deadline:
                self._stop_if_asked()
                try:
                    sample = views.get(timeout=_PATIENCE)
                except queue.Empty:
                    continue
                if not same_region(sample.roi, self.plan.roi):
                    elsewhere += 1
                    continue
                self.collector.offer(sample)
                self._tell("watching", 0.6 * self.collector.progress, self.collector.hint())
        self._refuse_too_few(elsewhere)

    def _refuse_too_few(self, elsewhere: int) -> None:
        seen = self.collector
        if not seen.samples and not seen.skipped_in_a_row:
            where = (
                f" {elsewhere} samples were of other regions: name one of them as `roi`."
                if elsewhere
                else " Are camera and extractor active? A simulated camera shows only what it is "
                "asked for, by `show`."
            )
            raise NoImagesError(f"No view came within {self.plan.timeout:g} s.{where}")
        if len(seen.samples) < min(self.plan.min_views, self.plan.views):
            raise TooFewViewsError(
                f"Only {len(seen.samples)} different views of {self.plan.views} were seen in "
                f"{self.plan.timeout:g} s: turn the object, or lower `min_diversity` "
                f"({self.plan.min_diversity:g})."
            )

    def _refuse_known(self, label: str) -> None:
        ids = [sample.sample_id for sample in self.collector.samples]
        deadline = time.monotonic() + _ANSWER_SECONDS
        while len(answers := self.feed.answers_to(ids)) < len(ids):
            if time.monotonic() > deadline:
                break
            self._stop_if_asked()
            time.sleep(_PATIENCE / 5)
        other = looks_like(label, answers)
        if other and not is_background(other):
            raise LooksLikeKnownError(
                f"This looks like {other!r}, which is known already. Is it one of those? If not, "
                f"label the samples {label!r} one by one; that is never refused."
            )

    def _with_pictures(self) -> list[Sample]:
        """The views, with the pictures they got since."""
        ids = [sample.sample_id for sample in self.collector.samples]
        newer = {sample.sample_id: sample for sample in self.feed.find(ids)[0]}
        return [newer.get(sample.sample_id, sample) for sample in self.collector.samples]

    def _learn(self, label: str) -> LessonResult:
        self._tell("training", 0.6)
        try:
            return self.pupil.train(
                [label], self.should_stop, lambda share: self._tell("training", 0.6 + 0.3 * share)
            )
        except LessonStoppedError:
            raise
        except TeachingError as error:
            if error.code == "LEARNER_SILENT":
                raise
            raise TrainingFailedError(
                f"The {len(self.collector.samples)} views of {label!r} are kept, but were not "
                f"learned: {error}"
            ) from error

    def _check(self, check: Check, version: int) -> None:
        """Look at fresh views that the new model answered."""
        self._tell("checking", 0.9)
        with self.feed.watch_answers() as answers:
            deadline = time.monotonic() + self.plan.check_timeout
            while check.total < self.plan.check_views and time.monotonic() < deadline:
                self._stop_if_asked()
                try:
                    answer = answers.get(timeout=_PATIENCE)
                except queue.Empty:
                    continue
                found, _ = self.feed.find([answer.sample_id])
                if answer.version < version or not found:
                    continue
                if same_region(found[0].roi, self.plan.roi):
                    check.add(answer)
                    self._tell("checking", 0.9 + 0.1 * check.total / self.plan.check_views)
                    deadline = time.monotonic() + self.plan.check_timeout

    def _stop_if_asked(self) -> None:
        if self.should_stop():
            raise LessonStoppedError("Teaching was stopped on request.")

    def _tell(self, stage: str, progress: float, hint: str = "") -> None:
        self._progress = max(self._progress, min(1.0, progress))
        seen = self.collector
        self.report(Step(stage, self._progress, len(seen.samples), seen.diversity, hint))


def same_region(one: Region, other: Region) -> bool:
    """Tell whether two regions (x, y, width, height) show the same thing.

    All zeros is the whole image, which is the same as itself only; others have to overlap by half
    of the area they cover together.
    """
    if not any(one) or not any(other):
        return one == other
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    common = max(0, width) * max(0, height)
    return common >= SAME_REGION * (one[2] * one[3] + other[2] * other[3] - common)
