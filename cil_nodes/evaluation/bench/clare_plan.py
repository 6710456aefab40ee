"""Which runs the ClaRe benchmark consists of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from cil_nodes.evaluation.bench.clare_runs import OURS, digits, run_clare, run_unbalanced
from cil_nodes.evaluation.bench.context import Work

GROUPS = (1, 2, 5)
STEPS = 1000
"""Iterations a phase of the paper's form and of every peer."""

CODE = ("learners/clare", "evaluation/bench/clare_runs.py")
PEER_CODE = (*CODE, "evaluation/bench/clare_peers.py")

BUDGETS = {
    "ours": 20.0,
    "the paper's form": 40.0,
    "peers": 60.0,
    "ablation": 30.0,
    "random orders": 6.0,
    "unbalanced": 1.0,
}
"""Minutes on two cores by table."""


@dataclass(frozen=True)
class Form:
    """One form of ClaRe: what it is called, and how it is made."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    paper: bool = True


PAPER = Form("the paper's form", {"iterations": STEPS})
OUR_FORM = Form("ours", OURS, paper=False)

ABLATION = (
    Form("latent is D_F's layer itself", {"latent": "direct"}),
    Form("D_C sees the mean", {"classify_from": "mu"}),
    Form("prior of each class", {"prior": "class"}),
    Form("three modes a class", {"prior": "class", "modes": 3}),
    Form("warm start", {"init": "warm"}),
    Form("contradictions dropped", {"filter_drawn": True}),
    Form("soft targets, T = 2", {"soft_targets": 2.0}),
    Form("phase weights", {"phase_weights": True}),
    Form("L_D weighs 50", {"classifier_weight": 50.0}),
    Form(
        "warm, soft, dropped, L_D weighs 50",
        {"init": "warm", "soft_targets": 2.0, "filter_drawn": True, "classifier_weight": 50.0},
    ),
    Form("answered by the one generator", {"answer_by": "generator", "prior": "class"}),
)
"""One change each to the paper's form, but for the two last."""


@dataclass(frozen=True)
class Plan:
    """All runs.

    Attributes
    ----------
    seeds : tuple of int
        Of ours.
    paper_seeds, peer_seeds : tuple of int
        Of the paper's form and of the peers.
    peer_groups : tuple of int
        g of the peers' runs.
    ablation : tuple of Form
        One seed each, g = 1.
    left_out : tuple of str
        Tables not run.
    """

    seeds: tuple[int, ...]
    paper_seeds: tuple[int, ...]
    peer_seeds: tuple[int, ...]
    peer_groups: tuple[int, ...] = GROUPS
    peers: tuple[str, ...] = ()
    ablation: tuple[Form, ...] = ABLATION
    left_out: tuple[str, ...] = ()

    def works(self) -> list[Work]:
        """List every part, the most wanted first."""
        works = [self.taught(OUR_FORM, g, s) for s in self.seeds for g in GROUPS]
        works += [self.unbalanced(form) for form in (OUR_FORM, PAPER)]
        works += self._seeded(self.paper_seeds[:1], self.peer_seeds[:1])
        works += [self.taught(form, 1, self.seeds[0], "ablation") for form in self.ablation]
        works += self._seeded(self.paper_seeds[1:], ())
        works += [self.shuffled(OUR_FORM, s) for s in self.seeds]
        works += self._seeded((), self.peer_seeds[1:])
        return [work for work in works if work.table not in self.left_out]

    def _seeded(self, paper: Sequence[int], peer: Sequence[int]) -> list[Work]:
        works = [self.taught(PAPER, g, s) for s in paper for g in GROUPS]
        return works + [
            self.peer(p, g, s) for s in peer for g in self.peer_groups for p in self.peers
        ]

    def taught(self, form: Form, group: int, seed: int, table: str = "") -> Work:
        """Teach one form; its first seed with g = 1 keeps sheets of what it draws."""
        looks = group == 1 and seed == self.seeds[0] and not table
        return self._work(form, group, seed, table or form.name, natural=True, looks=looks)

    def shuffled(self, form: Form, seed: int) -> Work:
        """Teach one form with the digits in another order."""
        return self._work(form, 1, seed, "random orders", natural=False, looks=False)

    def _work(
        self, form: Form, group: int, seed: int, table: str, natural: bool, looks: bool
    ) -> Work:
        how: dict[str, Any] = {"group": group, "seed": seed, "natural": natural, "looks": looks}
        parameters = dict(PAPER.parameters if form.paper else {}) | dict(form.parameters)
        key = {"parameters": parameters, "paper": form.paper, **how}
        return Work(key, partial(run_clare, parameters, paper=form.paper, **how), table, CODE)

    def unbalanced(self, form: Form) -> Work:
        """Teach a tenth digit with five pictures."""
        key = {"unbalanced": dict(form.parameters), "paper": form.paper}
        work = partial(run_unbalanced, form.parameters, self.seeds[0], form.paper)
        return Work(key, work, "unbalanced", CODE)

    def peer(self, peer: str, group: int, seed: int) -> Work:
        """Teach a peer."""
        key = {"peer": peer, "group": group, "seed": seed, "steps": STEPS}
        return Work(key, partial(_run_peer, peer, group, seed), "peers", PEER_CODE)


def _run_peer(peer: str, group: int, seed: int) -> dict[str, Any]:
    from cil_nodes.evaluation.bench.clare_peers import run_peer

    return run_peer(peer, group, seed, STEPS)


def data_is_there() -> None:
    """Fail with the reader's own words where MNIST is missing."""
    digits("test")


def first(values: Sequence[int], count: int) -> tuple[int, ...]:
    """Return at most so many of the seeds."""
    return tuple(values[:count])
