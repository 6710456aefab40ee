"""The records of the ORACIL benchmarks, out of finished runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cil_nodes.evaluation.bench.contenders import Contender
from cil_nodes.evaluation.bench.oracil_plan import SMALL, Results
from cil_nodes.evaluation.bench.oracil_tables import order_figures
from cil_nodes.evaluation.bench.records import Record, measured, missing
from cil_nodes.evaluation.bench.run_outcome import Outcome
from cil_nodes.evaluation.bench.sources import DEALT_OUT, SIDE_BY_SIDE
from cil_nodes.evaluation.metrics import paired_gain

HOW = (
    "All test pictures after the last phase, the same cached features for all; settings chosen on "
    "validation splits alone."
)
LEAK_NOTE = (
    "LEAK, no result of ours: the router is told in which phase the true class was taught, as the "
    "parent method's public code does. It stands here to show what that does to a figure. "
    f"{SMALL} training pictures a class at most."
)


def accuracy_records(results: Results) -> list[Record]:
    """Return the figures every data set has."""
    plan = results.plan
    at = f"oracil.{plan.dataset}"
    equal = finals(results, plan.peers)
    every = equal | finals(results, plan.larger)
    best, best_of_all = max(equal, key=equal.__getitem__), max(every, key=every.__getitem__)
    alone = results.outcomes(plan.default, "joint")
    return [
        _accuracy(f"{at}.final_accuracy", results, plan.default, equal),
        _accuracy(f"{at}.accurate.final_accuracy", results, plan.accurate, every),
        Record(f"{at}.joint_ridge", equal["joint ridge"], "%"),
        Record(f"{at}.best_peer", equal[best], "%", reference=equal, note=f"{best}."),
        Record(f"{at}.best_peer_name", best, better=""),
        Record(f"{at}.accurate.best_peer", every[best_of_all], "%", note=f"{best_of_all}."),
        measured(
            f"{at}.router_none", [o.final for o in alone], unit="%", note="The default's own head."
        ),
    ]


def finals(results: Results, contenders: Sequence[Contender]) -> dict[str, float]:
    """Return accuracies after the last phase in the first order, by name, in percent."""
    first = results.plan.orders[0]
    there = filter(results.ran, contenders)
    return {c.name: round(results.outcome(c, first).final, 2) for c in there}


def _accuracy(id: str, results: Results, contender: Contender, against: dict[str, float]) -> Record:
    outcomes = results.outcomes(contender)
    if not outcomes:
        return missing(id)
    return measured(
        id,
        [o.final for o in outcomes],
        unit="%",
        goal="> every reference",
        reference=against,
        note=f"{HOW} {_verdict(results, contender, outcomes, against)}{_not_run(results)}",
    )


def _verdict(
    results: Results, contender: Contender, ours: Sequence[Outcome], against: dict[str, float]
) -> str:
    """Say in words what the intervals say: over the best peer, and over our own head."""
    plan = results.plan
    best = max(against, key=against.__getitem__)
    peer = next(c for c in (*plan.peers, *plan.larger) if c.name == best)
    theirs = results.outcome(peer, plan.orders[0])
    over_peer = paired_gain(ours[0].right, theirs.right)
    joint = results.outcomes(contender, "joint")
    over_head = paired_gain([o.right for o in ours], [o.right for o in joint])
    return f"Over {best}: {over_peer.text()}. Over its own head: {over_head.text()}."


def _not_run(results: Results) -> str:
    plan = results.plan
    left = [c.name for c in (*plan.peers, *plan.larger) if not results.ran(c)]
    return f" Not compared yet with {', '.join(left)}." if left else ""


def order_records(results: Results) -> list[Record]:
    """Return what the order of classes does, and what is forgotten."""
    plan = results.plan
    at = f"oracil.{plan.dataset}"
    ours, joint = (
        [o.forgetting for o in results.outcomes(plan.default, view)] for view in ("own", "joint")
    )
    beside = {"joint head": round(float(np.mean(joint)), 4)}
    records = [
        measured(
            f"{at}.forgetting",
            ours,
            unit="points",
            better="lower",
            goal="<= joint head",
            reference=beside,
            note="F_N (Eq. 19): also holds what any learner loses because more classes compete.",
        ),
        measured(f"{at}.joint_forgetting", joint, unit="points", better="lower"),
        *(_built(results, order) for order in (SIDE_BY_SIDE, DEALT_OUT)),
    ]
    return records + _over_orders(results)


def _built(results: Results, order: str) -> Record:
    default = results.plan.default
    id = f"oracil.{results.plan.dataset}.{order.replace(' ', '_')}.final_accuracy"
    if not results.ran(default, order):
        return missing(id)
    return Record(
        id,
        round(results.outcome(default, order).final, 4),
        "%",
        reference={"joint head": round(results.outcome(default, order, "joint").final, 4)},
        note="Look-alikes in one row, "
        + ("in phases of ten." if order == SIDE_BY_SIDE else "dealt out over the phases."),
    )


def _over_orders(results: Results) -> list[Record]:
    orders, at = len(results.plan.orders), f"oracil.{results.plan.dataset}"
    if orders < 2:
        return [missing(f"{at}.opd_last"), missing(f"{at}.regret_aopd")]
    found = order_figures(results)
    common: dict[str, Any] = {"unit": "points", "better": "lower", "runs": orders}
    beside = {k: round(found[k], 4) for k in ("aopd", "joint_aopd", "mopd", "joint_mopd")}
    return [
        Record(
            f"{at}.opd_last",
            round(found["opd_last"], 4),
            reference=beside,
            note="The joint head's is 0 to rounding.",
            **common,
        ),
        Record(
            f"{at}.regret_aopd",
            round(found["regret_aopd"], 4),
            goal="< 0.3",
            note="The joint head's A_t less ours, on the same classes: how much of it the order "
            "decides.",
            **common,
        ),
    ]


def paper_records(results: Results) -> list[Record]:
    """Return the paper's own form, honest, and the LEAK beside it."""
    plan = results.plan
    honest = [o.final for o in results.outcomes(plan.paper)]
    return [
        measured(
            f"oracil.{plan.dataset}.paper_variant",
            honest,
            unit="%",
            note="Groups with heads of their own (M = 2,000), the printed recursion, the router of "
            "three classifiers on distances to all prototypes, refitted at three phases.",
        ),
        _leak(results),
    ]


def _leak(results: Results) -> Record:
    plan = results.plan
    id, first = f"oracil.{plan.dataset}.leak", plan.orders[0]
    if not results.ran(plan.leak, each=SMALL):
        return missing(id)
    told, honest = (
        round(results.outcome(plan.leak, first, view, SMALL).final, 4) for view in ("leak", "own")
    )
    beside = {"the same learner, honest": honest}
    return Record(id, told, "%", better="", reference=beside, note=LEAK_NOTE)
