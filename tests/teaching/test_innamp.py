"""INNAMP in a session: the reason of an unknown names those that claim it, by their labels."""

from __future__ import annotations

import numpy as np

from cil_nodes.learners.base import Reason
from tests.teaching.conftest import DIMENSION, make_sample, teach


def test_what_several_claim_names_the_claimants(make_session):
    parameters = {"monitor": "hard", "boundary": "open"}
    session = make_session(method="innamp", parameters=parameters)
    assert teach(session, "mug", "cup", "hat", count=12) == 1
    assert session.predict(make_sample("", 99, thing="cup")).label == "cup"
    rng = np.random.default_rng(0)
    found = {}
    for number in range(300):
        features = (6 * rng.normal(size=DIMENSION)).astype(np.float32)
        answer = session.predict(make_sample("", number, features=features))
        assert answer.is_unknown == (answer.unknown_score > answer.threshold)
        if answer.is_unknown:
            found[answer.reason.code] = answer.reason
    assert found[Reason.NOBODY_FIRED].claimants == ()
    claimants = found[Reason.SEVERAL_FIRED].claimants
    assert len(claimants) > 1
    assert set(claimants) <= {"mug", "cup", "hat"}
