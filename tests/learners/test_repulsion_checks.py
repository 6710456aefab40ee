"""RR+RA keeps every promise of the contract, in small, in its forms."""

from __future__ import annotations

from functools import partial

import pytest

pytest.importorskip("torch", reason="torch is not installed: this learner trains with it")

from cil_nodes.learners import checks
from cil_nodes.learners.repulsion_replay import RepulsionReplay

SMALL = {"hidden": 32, "iterations": 80, "rate": 2e-3}
FORMS = {
    "softmax": partial(RepulsionReplay, **SMALL),
    "generator": partial(RepulsionReplay, **SMALL, answers="generator"),
}
PLAIN = partial(
    RepulsionReplay,
    **SMALL,
    feedback=False,
    conditional=False,
    distillation=False,
    gated=0.0,
    si_strength=1.0,
    repulsion="negative",
    factor=0.0,
    confidence=True,
)
"""Every part of brain-inspired replay off; nothing of it may break what does not need them."""


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda c: c.__name__)
def test_promise_is_kept(check):
    check(FORMS["softmax"])


@pytest.mark.parametrize(
    "check",
    [checks.check_growth, checks.check_probabilities, checks.check_test_order_changes_nothing],
    ids=lambda c: c.__name__,
)
def test_promise_is_kept_by_the_generator(check):
    check(FORMS["generator"])


@pytest.mark.parametrize(
    "check",
    [
        checks.check_same_seed_same_result,
        checks.check_save_and_load,
        checks.check_stop_keeps_the_old_state,
        checks.check_forget_everything,
    ],
    ids=lambda c: c.__name__,
)
def test_promise_is_kept_without_the_parts(check):
    check(PLAIN)
