"""The public checks: ClaRe keeps every promise; the paper's form those it can."""

from __future__ import annotations

from functools import partial

import pytest

from cil_nodes.learners import checks
from cil_nodes.learners.clare import Clare

pytest.importorskip("torch", reason="clare learns with torch, which is not installed")

SMALL = {"hidden": 24, "latent_size": 6, "iterations": 60}

EVERY_OPTION = partial(
    Clare,
    generator="shared",
    answer_by="classifier",
    prior="class",
    modes=2,
    init="warm",
    latent="heads",
    classify_from="z",
    filter_drawn=True,
    soft_targets=2.0,
    phase_weights=True,
    **SMALL,
)
PAPER = partial(Clare.paper, likelihood="gaussian", **SMALL)


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda c: c.__name__)
def test_every_promise_is_kept(check):
    check(partial(Clare, iterations=40))


@pytest.mark.parametrize("form", [EVERY_OPTION, PAPER], ids=["every option", "paper"])
@pytest.mark.parametrize(
    "check",
    [
        checks.check_same_seed_same_result,
        checks.check_stop_keeps_the_old_state,
        checks.check_save_and_load,
        checks.check_test_order_changes_nothing,
        checks.check_no_reference_to_the_callers_arrays,
    ],
    ids=lambda c: c.__name__,
)
def test_one_network_for_all_keeps_the_promise(check, form):
    check(form)
