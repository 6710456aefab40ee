"""ClaRe behind a session: taught in the process beside it."""

import pytest

from tests.teaching.conftest import make_sample, teach

pytest.importorskip("torch", reason="clare learns with torch, which is not installed")


def test_two_things_are_taught_in_the_process_and_told_apart(make_session):
    session = make_session(method="clare", worker="process", parameters={"device": "cpu"})
    assert teach(session, "mug") == 1
    assert teach(session, "cup") == 2
    told = [session.predict(make_sample("", 50, thing=thing)) for thing in ("mug", "cup")]
    assert [answer.top_k[0][0] for answer in told] == ["mug", "cup"]
    assert {label for label, _ in told[0].top_k} == {"mug", "cup"}
    session.roll_back(1)
    assert session.predict(make_sample("", 50, thing="cup")).top_k[0][0] == "mug"
