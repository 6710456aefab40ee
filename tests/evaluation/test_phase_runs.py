"""Runs that are kept as answers: what is shown when, what comes back, what the figures are."""

from dataclasses import replace

import numpy as np
import pytest

from cil_nodes.evaluation.bench import contenders, phase_runs
from cil_nodes.evaluation.bench.phase_runs import FIGURES, NOT_SHOWN, Stream, teach
from cil_nodes.evaluation.bench.run_outcome import Outcome
from cil_nodes.evaluation.peers import NearestClassMean
from cil_nodes.evaluation.protocols import Labelled
from cil_nodes.learners.oracil import Oracil

CLASSES = tuple("abcdefgh")


def pictures(rng, each):
    """Clouds around one direction a class, near enough that some are mistaken."""
    centres = np.random.default_rng(5).normal(size=(len(CLASSES), 24))
    labels = np.repeat(CLASSES, each)
    features = np.repeat(centres, each, axis=0) + 0.8 * rng.normal(size=(len(labels), 24))
    return Labelled(features.astype(np.float32), labels)


@pytest.fixture(name="stream")
def make_stream():
    rng = np.random.default_rng(0)
    phases = (("c", "a"), ("h", "b", "d"), ("e", "g", "f"))
    return Stream(phases, pictures(rng, 12), pictures(rng, 6))


def test_only_pictures_of_classes_taught_so_far_are_shown(stream):
    answers = teach(NearestClassMean, stream)["answers.own"]
    shown = answers != NOT_SHOWN
    assert shown.sum(axis=1).tolist() == [12, 30, 48]
    assert set(stream.test.labels[shown[0]]) == {"a", "c"}
    assert set(np.unique(answers[0][shown[0]]).tolist()) <= {0, 2}


def test_a_run_survives_its_text_form(stream):
    run = teach(NearestClassMean, stream)
    again = phase_runs.unpacked(phase_runs.packed(run))
    assert sorted(again) == sorted(run)
    for name in run:
        np.testing.assert_array_equal(again[name], run[name])


def test_joining_phases_changes_no_answer_of_a_learner_that_joins_exactly(stream):
    each = teach(NearestClassMean, stream, at=(1, 3))
    joined = teach(NearestClassMean, stream, at=(1, 3), joined=True)
    np.testing.assert_array_equal(each["answers.own"], joined["answers.own"])
    assert np.isnan(joined["update_s"]).tolist() == [False, True, False]
    assert (each["answers.own"][1] == NOT_SHOWN).all()


def test_figures_count_what_was_answered():
    truth, taught_in = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1])
    answers = np.array([[0, 0, -1, -1], [0, 1, 1, 1]], np.int16)
    outcome = Outcome(answers, truth.astype(np.int16), taught_in)
    assert outcome.final == 75.0
    assert outcome.averages.tolist() == [100.0, 75.0]
    assert outcome.forgetting == 50.0


def test_forgetting_is_not_made_up_where_phases_were_not_shown(stream):
    run = teach(NearestClassMean, stream, at=(1, 3))
    assert np.isnan(Outcome.of(run, stream).forgetting)


def test_the_joint_heads_answers_are_those_of_a_learner_without_router(stream):
    make = lambda **more: Oracil(M=64, ridge=0.1, **more)  # noqa: E731
    run = teach(make, stream, contenders.head_and_router)
    alone = teach(lambda: make(router="none"), stream)
    np.testing.assert_array_equal(run["answers.joint"], alone["answers.own"])
    assert (run[FIGURES + "groups"] >= 1).all()


def test_knowing_the_group_never_makes_the_router_worse(stream):
    run = teach(lambda: Oracil(M=64), stream, contenders.head_and_router)
    own, told = (Outcome.of(run, stream, view).final for view in ("own", "told"))
    assert told >= own


def test_a_head_that_is_thrown_away_knows_the_last_phase_alone(stream):
    run = teach(lambda: Oracil(M=64, router="none"), stream, before=contenders.thrown_away)
    answered = {CLASSES[i] for i in np.unique(run["answers.own"][-1])}
    assert answered <= {"e", "f", "g"}


def test_the_papers_router_is_refitted_at_the_phases_named(stream):
    contender = contenders.paper_form((3,), M=64, reservoir=8, group_capacity=3)
    run = phase_runs.unpacked(contender._teach(Whole(stream)))
    assert np.isfinite(run[FIGURES + "groups"]).tolist() == [False, False, True]
    assert run[FIGURES + "router_weights"][-1].sum() == pytest.approx(1)


class Whole:
    """A source that is already at hand."""

    def __init__(self, stream):
        self._stream = stream

    def stream(self):
        return self._stream


def test_rebuilding_with_the_same_settings_changes_nothing(stream):
    learner = Oracil(M=64)
    for _, lesson in stream.lessons([1, 2, 3]):
        learner.learn_phase(lesson.features, lesson.labels)
    twin = learner.rebuilt()
    np.testing.assert_array_equal(
        twin.predict_proba(stream.test.features), learner.predict_proba(stream.test.features)
    )
    other = learner.rebuilt(router="none")
    assert other.router == "none"
    assert learner.router == Oracil().router


def test_the_leak_is_announced_and_lies_beside_the_honest_answers(stream, capsys):
    contender = contenders.paper_form((3,), M=64, reservoir=8, group_capacity=3)
    told = replace(contender, view=contenders.leak_beside)
    run = phase_runs.unpacked(told._teach(Whole(stream)))
    assert "LEAK" in capsys.readouterr().err
    assert {"answers.own", "answers.leak"} <= set(run)
