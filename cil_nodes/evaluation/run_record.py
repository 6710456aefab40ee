"""What one run leaves behind, as plain data: every answer, and how it came about.

The demo, the benchmarks and the evaluation of bags all fill a :class:`RunRecord`; summary, run
folder and report read nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

Setting = str | int | float | bool | None


@dataclass(frozen=True)
class PredictionRow:
    """One answer to one picture.

    Attributes
    ----------
    phase : int
        Phases that the answering model had learned: 0 before the first lesson.
    truth : str
        What was shown.
    label : str
        The class answered; empty where nothing had been taught.
    score : float
        Probability of that class, in [0, 1].
    is_unknown : bool
        Whether it was called unknown.
    unknown_score : float
        In [0, 1], larger is less known.
    taught : bool
        Whether the class of ``truth`` had been taught when the picture was shown.
    latency_ms : float
        Milliseconds from camera stamp to answer; NaN where not measured.
    training : bool
        Whether a phase was being trained meanwhile.
    test : bool
        True for pictures shown to measure; False for those shown to teach, which count in the
        latencies alone.
    picture : bytes or None
        The picture, encoded as JPEG, PNG or WebP.
    """

    phase: int
    truth: str
    label: str
    score: float
    is_unknown: bool
    unknown_score: float
    taught: bool
    latency_ms: float = math.nan
    training: bool = False
    test: bool = True
    picture: bytes | None = None

    @property
    def correct(self) -> bool:
        """Whether the class answered is the one shown (unknown or not)."""
        return self.taught and self.label == self.truth


@dataclass(frozen=True)
class RunRecord:
    """One run of one learner over phases.

    Attributes
    ----------
    title : str
        A short headline for the report.
    method : str
        Name of the learning method.
    seed : int
        Seed of the run.
    phases : tuple of tuple of str
        New classes of each phase, in the order taught.
    predictions : tuple of PredictionRow
        Every answer, in the order given.
    unknown_threshold : float
        Threshold on the unknown score after the last phase; NaN where there is none.
    unknown_calibrated : bool
        Whether that threshold was calibrated on what was learned.
    configuration : mapping
        Everything needed to repeat the run, by name.
    references : mapping of str to float
        Final accuracies to compare with, as fractions, by name.
    goals : mapping of str to str
        Goals by figure, in percent: ``{"final_accuracy": ">= 97 %"}``.
    dropped : mapping of str to int
        Frames dropped, by node.
    notes : tuple of str
        Sentences a reader must know to read the figures rightly.
    command : str
        The command that repeats the run.
    """

    title: str
    method: str
    seed: int
    phases: tuple[tuple[str, ...], ...]
    predictions: tuple[PredictionRow, ...]
    unknown_threshold: float = math.nan
    unknown_calibrated: bool = False
    configuration: Mapping[str, Setting] = field(default_factory=dict)
    references: Mapping[str, float] = field(default_factory=dict)
    goals: Mapping[str, str] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    command: str = ""

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for number, labels in enumerate(self.phases, start=1):
            twice = seen.intersection(labels)
            if twice:
                raise ValueError(f"Phase {number} teaches {sorted(twice)} a second time.")
            seen.update(labels)

    @property
    def phase_of(self) -> dict[str, int]:
        """Number of the phase (from 1) that teaches a class."""
        return {label: n for n, labels in enumerate(self.phases, start=1) for label in labels}

    @property
    def last_phase(self) -> int:
        """The highest number of phases learned when a test picture was answered."""
        return max((row.phase for row in self.predictions if row.test), default=0)

    def test_rows(self, phase: int | None = None) -> list[PredictionRow]:
        """Answers to test pictures after ``phase`` phases (default: the last)."""
        wanted = self.last_phase if phase is None else phase
        return [row for row in self.predictions if row.test and row.phase == wanted]
