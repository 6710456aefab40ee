"""The public checks: every method in its forms passes each; broken learners fail the right one."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from cil_nodes.learners import Innamp, Oracil, checks
from cil_nodes.learners.clifer import Clifer
from tests.learners.nearest_mean_example import NearestMean

FORMS = {
    "default": Oracil,
    "small_M": partial(Oracil, M=32),
    "by_group": partial(Oracil, M=40, gram="group", group_capacity=2),
    "printed": partial(Oracil, M=64, gram="group", solver="woodbury", group_capacity=3),
    "joint": partial(Oracil, M=0, router="none", solver="cholesky"),
    "innamp": Innamp,
    "innamp_learned": partial(Innamp, monitor="learned", boundary="open", steps=200),
    "innamp_paper": partial(Innamp.paper, exemplars=200),
    "clifer": Clifer,
    "example": NearestMean,
}


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda c: c.__name__)
@pytest.mark.parametrize("form", FORMS)
def test_promise_is_kept(form, check):
    check(FORMS[form])


@pytest.mark.parametrize(
    "check",
    [
        checks.check_growth,
        checks.check_save_and_load,
        checks.check_stop_keeps_the_old_state,
        checks.check_forget,
        checks.check_test_order_changes_nothing,
    ],
    ids=lambda c: c.__name__,
)
def test_the_papers_router_keeps_the_promise(check):
    check(partial(Oracil.paper, M=48, group_capacity=2))


class Forgetful(NearestMean):
    def _learn(self, known, ledger, X, positions, phase):
        return super()._learn(None, ledger, X, positions, phase)


class Careless(NearestMean):
    def _learn(self, known, ledger, X, positions, phase):
        learned = super()._learn(known, ledger, X, positions, phase)
        if known is not None:
            known.model[:] += 0.1
        return learned


class Deaf(NearestMean):
    def learn_phase(self, X, y, progress=None, should_stop=None):
        if should_stop is not None:
            should_stop()
        return super().learn_phase(X, y, progress)


class Lopsided(NearestMean):
    def _score(self, known, X):
        scores = super()._score(known, X)
        scores.unknown_score[0] = 0.0
        return scores


@pytest.mark.parametrize(
    ("broken", "name"),
    [
        (Forgetful, "check_growth"),
        (Careless, "check_predict_beside_training|check_training_clone|check_stop"),
        (Deaf, "check_stop_keeps_the_old_state"),
        (Lopsided, "check_test_order_changes_nothing"),
    ],
)
def test_a_broken_learner_fails_its_check(broken, name):
    with pytest.raises(AssertionError, match=name):
        checks.check_learner(broken)


def test_a_declared_exception_is_left_out():
    class Excused(Lopsided):
        _skip_checks = {"check_test_order_changes_nothing": "made so for this test"}  # noqa: RUF012

    checks.check_learner(Excused)


def test_blobs_are_the_same_in_every_call():
    assert np.array_equal(checks.blobs(("a", "b"))[0], checks.blobs(("a", "b"))[0])
