"""A session whose learner trains a network, in the process beside it."""

import importlib.util

import pytest

from tests.teaching.conftest import make_sample, make_samples, teach

if importlib.util.find_spec("torch") is None:
    pytest.skip("torch is not installed: these learners train with it", allow_module_level=True)


@pytest.mark.parametrize("method", ["clare", "repulsion_replay"])
def test_two_objects_taught_one_after_the_other_are_told_apart(make_session, method):
    session = make_session(worker="process", method=method)
    assert teach(session, "mug") == 1
    assert teach(session, "hat") == 2
    answers = [session.predict(make_sample("", 99, thing=thing)) for thing in ("mug", "hat")]
    assert [answer.top_k[0][0] for answer in answers] == ["mug", "hat"]
    session.add_samples(make_samples("mug", 3, start=20))
    assert session.train().version == 3


def test_a_session_opened_again_answers_the_same(make_session):
    session = make_session(worker="process", method="repulsion_replay")
    teach(session, "mug", "hat", "cup")
    asked = [make_sample("", 99, thing=thing) for thing in ("mug", "hat", "boot")]
    before = session.predict_batch(asked)
    session.close()
    again = make_session(worker="process", method="repulsion_replay")
    assert again.predict_batch(asked) == before
