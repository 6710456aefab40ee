"""The figures of one run, worked out of its answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation import metrics
from cil_nodes.evaluation.goals import Goal
from cil_nodes.evaluation.run_record import PredictionRow, RunRecord

UNKNOWN = "unknown"
NEVER_TAUGHT = "never taught"


@dataclass(frozen=True)
class UnknownFigures:
    """Figures of "I don't know" after one phase; fractions, NaN where they do not exist."""

    auroc: float
    fpr95: float
    oscr: float
    rates: metrics.UnknownRates


@dataclass(frozen=True)
class RunSummary:
    """Figures of a run; accuracies and rates are fractions.

    Attributes
    ----------
    matrix : metrics.AccuracyMatrix
        Accuracy after each phase on the classes of each phase.
    seen_accuracy : ndarray of shape (N,)
        After each phase, over all test pictures of classes taught so far.
    final_accuracy : float
        The last of these: the share of pictures whose class was answered rightly.
    accepted_accuracy : float
        As ``final_accuracy``, but a picture called unknown counts as wrong.
    average_accuracy, forgetting, backward_transfer : float
        A_N, F_N and BWT of :mod:`cil_nodes.evaluation.metrics`; NaN while a phase lacks pictures.
    macro_f1 : float
        After the last phase, over classes taught.
    unknown : tuple of UnknownFigures
        After each phase, from the first.
    before_teaching : metrics.UnknownRates
        Before anything was taught.
    idle, training : metrics.LatencySummary
        Latency while nothing and while a phase was trained.
    """

    matrix: metrics.AccuracyMatrix
    seen_accuracy: NDArray[np.float64]
    final_accuracy: float
    accepted_accuracy: float
    average_accuracy: float
    forgetting: float
    backward_transfer: float
    macro_f1: float
    unknown: tuple[UnknownFigures, ...]
    before_teaching: metrics.UnknownRates
    idle: metrics.LatencySummary
    training: metrics.LatencySummary

    @property
    def final_unknown(self) -> UnknownFigures:
        """Unknown figures after the last phase."""
        return self.unknown[-1] if self.unknown else unknown_figures([])


def unknown_figures(rows: Sequence[PredictionRow]) -> UnknownFigures:
    """Compare unknown scores of taught and untaught pictures.

    Parameters
    ----------
    rows : sequence of PredictionRow
        Answers of one model.
    """
    rates = metrics.unknown_rates([row.taught for row in rows], [row.is_unknown for row in rows])
    if not rates.known or not rates.unknown:
        return UnknownFigures(math.nan, math.nan, math.nan, rates)
    known = [row.unknown_score for row in rows if row.taught]
    unknown = [row.unknown_score for row in rows if not row.taught]
    correct = [row.correct for row in rows if row.taught]
    return UnknownFigures(
        metrics.auroc(known, unknown),
        metrics.fpr_at_tpr(known, unknown),
        metrics.oscr(known, correct, unknown),
        rates,
    )


def _over_phases(metric: str, matrix: metrics.AccuracyMatrix, learned: int) -> float:
    """Apply a metric of the accuracy matrix, or NaN where an entry it needs is missing."""
    values = matrix.values[:learned, :learned]
    if not learned or np.isnan(values[np.tril_indices(learned)]).any():
        return math.nan
    return float(getattr(metrics, metric)(values))


def _latency(rows: Sequence[PredictionRow], training: bool) -> metrics.LatencySummary:
    return metrics.latency_summary([row.latency_ms for row in rows if row.training == training])


def summarise(record: RunRecord) -> RunSummary:
    """Work out all figures of a run.

    Parameters
    ----------
    record : RunRecord
        The run.
    """
    phase_of, learned = record.phase_of, record.last_phase
    rows = [row for row in record.predictions if row.test and row.phase and row.taught]
    rows = [row for row in rows if row.truth in phase_of]
    matrix = metrics.accuracy_matrix(
        [row.phase - 1 for row in rows],
        [phase_of[row.truth] - 1 for row in rows],
        [row.correct for row in rows],
        phases=max(len(record.phases), learned),
    )
    final = [row for row in record.test_rows() if row.taught]
    seen = matrix.seen_accuracy[:learned]
    return RunSummary(
        matrix=matrix,
        seen_accuracy=seen,
        final_accuracy=float(seen[-1]) if learned else math.nan,
        accepted_accuracy=metrics.accuracy(
            [True] * len(final), [row.correct and not row.is_unknown for row in final]
        ),
        average_accuracy=_over_phases("average_accuracy", matrix, learned),
        forgetting=_over_phases("forgetting", matrix, learned),
        backward_transfer=_over_phases("backward_transfer", matrix, learned),
        macro_f1=metrics.macro_f1([row.truth for row in final], [row.label for row in final]),
        unknown=tuple(unknown_figures(record.test_rows(t)) for t in range(1, learned + 1)),
        before_teaching=unknown_figures(record.test_rows(0)).rates,
        idle=_latency(record.predictions, training=False),
        training=_latency(record.predictions, training=True),
    )


def final_confusion(record: RunRecord) -> metrics.Confusion:
    """Confusion after the last phase, classes in the order taught.

    Pictures called unknown stand in a last column of their own, and pictures of classes never
    taught in a last row, where there are any.

    Parameters
    ----------
    record : RunRecord
        The run.
    """
    rows = record.test_rows()
    classes = tuple(record.phase_of)
    truth = [row.truth if row.taught else NEVER_TAUGHT for row in rows]
    answer = [UNKNOWN if row.is_unknown or not row.label else row.label for row in rows]
    extra = tuple(sorted((set(truth) | set(answer)) - {*classes, UNKNOWN, NEVER_TAUGHT}))
    shown = (*classes, *extra)
    rows_of = (*shown, NEVER_TAUGHT) if NEVER_TAUGHT in truth else shown
    return metrics.confusion(truth, answer, rows_of, (*shown, UNKNOWN))


def percent_figures(summary: RunSummary) -> dict[str, float]:
    """Name the figures that goals may be set for, in percent."""
    final = summary.final_unknown
    return {
        "final_accuracy": 100 * summary.final_accuracy,
        "average_accuracy": 100 * summary.average_accuracy,
        "forgetting": 100 * summary.forgetting,
        "false_unknown_rate": 100 * final.rates.false_unknown_rate,
        "unknown_caught_rate": 100 * final.rates.unknown_caught_rate,
        "unknown_auroc": 100 * final.auroc,
    }


def goals_met(record: RunRecord, summary: RunSummary) -> dict[str, bool | None]:
    """Say for each goal of the run whether it was reached; None where that is undecided.

    Parameters
    ----------
    record : RunRecord
        The run, with its goals and references.
    summary : RunSummary
        Its figures.

    Raises
    ------
    ValueError
        When a goal names a figure that does not exist.
    """
    figures = percent_figures(summary)
    strangers = sorted(set(record.goals) - set(figures))
    if strangers:
        raise ValueError(f"No figure is called {strangers[0]!r}; there are {sorted(figures)}.")
    references = {name: 100 * value for name, value in record.references.items()}
    return {name: Goal(text).met(figures[name], references) for name, text in record.goals.items()}
