"""What the ORACIL benchmarks compare: contenders, class orders and tables of a data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from cil_nodes.evaluation import peers
from cil_nodes.evaluation.bench.contenders import (
    Contender,
    leak_beside,
    ours,
    paper_form,
    peer,
    thrown_away,
)
from cil_nodes.evaluation.bench.context import Context, Work
from cil_nodes.evaluation.bench.phase_runs import Arrays, Stream, unpacked
from cil_nodes.evaluation.bench.run_outcome import Outcome
from cil_nodes.evaluation.bench.sources import DEALT_OUT, SIDE_BY_SIDE, Source
from cil_nodes.learners.oracil import Oracil

WIDTH = 4096
"""M of the default; peers with random features get the same."""

SMALL = 100
"""Training pictures of each class for the paper's options (Tables 8 and 9) and for the LEAK."""

METRICS = ("cosine", "euclidean", "mahalanobis")
THRESHOLDS: tuple[dict[str, Any], ...] = (
    {"threshold": "mean"},
    {"threshold": "median"},
    {"threshold": "fixed", "fixed_threshold": 0.8},
    {"threshold": "adaptive"},
)
CAPACITIES = (5, 10, 20)


@dataclass(frozen=True)
class Plan:
    """The runs of one data set.

    Attributes
    ----------
    dataset : str
    phases : int
        Lessons.
    at : tuple of int
        Phases, from 1, at which costly contenders are shown pictures.
    orders : tuple of int
        Seeds of class orders.
    left_out : tuple of str
        Tables and contenders that are not run.
    """

    dataset: str
    phases: int
    at: tuple[int, ...]
    orders: tuple[int, ...]
    left_out: tuple[str, ...] = ()

    def source(self, order: int | str, each: int = 0) -> Source:
        """Return the data set in an order."""
        return Source(self.dataset, self.phases, order, each)

    @cached_property
    def default(self) -> Contender:
        """ORACIL as it comes."""
        return ours("ORACIL")

    @cached_property
    def accurate(self) -> Contender:
        """The preset `accurate`."""
        return replace(ours("ORACIL, accurate"), kind=Oracil.accurate)

    @cached_property
    def paper(self) -> Contender:
        """The paper's own form."""
        return paper_form(self.at)

    @cached_property
    def leak(self) -> Contender:
        """The paper's form beside itself evaluated as its ancestor's code does. LEAK."""
        return replace(paper_form((self.phases,)), name="LEAK", view=leak_beside)

    @cached_property
    def head_only(self) -> Contender:
        """The ablation's first row: every phase starts from nothing."""
        return Contender("head only", Oracil, {"router": "none"}, self.at, before=thrown_away)

    @cached_property
    def peers(self) -> tuple[Contender, ...]:
        """Peers of at most the default's M; class covariances of their own count as larger."""
        return (
            peer("nearest class mean", peers.NearestClassMean),
            peer("streaming LDA", peers.StreamingLDA),
            peer("joint ridge", peers.JointRidge, self.at),
            peer("recursive ridge (ACIL)", peers.RecursiveRidge, self.at, width=WIDTH),
            peer("random-feature ridge (RanPAC)", peers.RandomFeatureRidge, self.at, width=WIDTH),
            peer("KLDA", peers.KernelLDA, self.at, width=WIDTH),
            peer("FeTrIL", peers.FeTrIL, (self.phases,)),
            peer("AnaCP's projection", peers.AnaCP, (self.phases,), width=WIDTH),
            peer("exemplar replay, 2,000 kept", peers.ExemplarReplay, self.at),
            peer("fine-tuned head", peers.FineTunedHead, self.at),
        )

    @cached_property
    def larger(self) -> tuple[Contender, ...]:
        """Peers that take more than the default does."""
        last = (self.phases,)
        return (
            peer("FeCAM", peers.FeCAM, last),
            peer("RanPAC, M = 10,000", peers.RandomFeatureRidge, last, width=10_000),
        )

    @cached_property
    def options(self) -> tuple[Contender, ...]:
        """The paper's form under other similarity metrics, thresholds and capacities."""
        last = (self.phases,)
        settings = [
            *({"similarity": metric} for metric in METRICS[1:]),
            *THRESHOLDS,
            *({"group_capacity": capacity} for capacity in CAPACITIES if capacity != 10),
        ]
        return tuple(paper_form(last, **each) for each in settings)

    def runs(self) -> list[tuple[str, Contender, Source]]:
        """Return table, contender and source of every run; several tables may print one."""
        out = set(self.left_out)
        return [run for run in self._all_runs() if not out & {run[0], run[1].name}]

    def _all_runs(self) -> Iterator[tuple[str, Contender, Source]]:
        first = self.source(self.orders[0])
        for order in self.orders:
            yield "ORACIL", self.default, self.source(order)
        for contender in (*self.peers, *self.larger):
            yield "peers", contender, first
        for built in (SIDE_BY_SIDE, DEALT_OUT):
            yield "built orders", self.default, self.source(built)
        yield "ablation", self.head_only, first
        yield "LEAK", self.leak, self.source(self.orders[0], SMALL)
        for order in self.orders:
            yield "the paper's form", self.paper, self.source(order)
        yield "ORACIL, accurate", self.accurate, first
        for contender in self.options:
            yield "metrics, thresholds, capacities", contender, self.source(self.orders[0], SMALL)

    def works(self) -> list[Work]:
        """Return every run as a part of a benchmark."""
        return [contender.work(source, table) for table, contender, source in self.runs()]


class Results:
    """Finished runs, found by contender and order.

    Parameters
    ----------
    plan : Plan
        What was run.
    context : Context
        Runs what is missing.
    """

    def __init__(self, plan: Plan, context: Context) -> None:
        self.plan = plan
        runs = plan.runs()
        found = context.parts(plan.works(), "runs")
        self._kept = {
            (id(contender), source): unpacked(kept)  # type: ignore[arg-type]
            for (_, contender, source), kept in zip(runs, found, strict=True)
        }
        self._streams: dict[Source, Stream] = {}

    def ran(self, contender: Contender, order: int | str | None = None, each: int = 0) -> bool:
        """Say whether a run was made, by default in the first order."""
        first = self.plan.orders[0]
        return (id(contender), self.plan.source(order or first, each)) in self._kept

    def run(self, contender: Contender, order: int | str, each: int = 0) -> Arrays:
        """Return one run."""
        return self._kept[id(contender), self.plan.source(order, each)]

    def outcome(
        self, contender: Contender, order: int | str, view: str = "own", each: int = 0
    ) -> Outcome:
        """Return what a run's answers under a view come to."""
        source = self.plan.source(order, each)
        if source not in self._streams:
            self._streams[source] = source.stream()
        return Outcome.of(self.run(contender, order, each), self._streams[source], view)

    def outcomes(self, contender: Contender, view: str = "own") -> Sequence[Outcome]:
        """Return the outcomes of a contender in all seeded orders that it was run in."""
        orders = [order for order in self.plan.orders if self.ran(contender, order)]
        return [self.outcome(contender, order, view) for order in orders]
