"""CLIFER as a learner: people, imagination, files, unknowns, and a session that teaches it."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from cil_nodes.learners import Oracil, PhaseStopped, load, registry
from cil_nodes.learners.checks import blobs
from cil_nodes.learners.clifer import Clifer
from cil_nodes.learners.clifer.answering import contest, novelty, shares
from cil_nodes.learners.clifer.imagining import Imagination
from cil_nodes.learners.clifer.scaling import SPREAD, Scaling
from cil_nodes.learners.networks import MissingTorchError
from tests.teaching.conftest import make_sample, make_session, teach  # noqa: F401

NAMES = ("mug", "cup", "banana", "drum", "key", "lamp")


def accuracy(learner, names=NAMES, seed=99) -> float:
    X, y = blobs(names, seed=seed)
    return float(np.mean(learner.predict(X) == y))


def one_by_one(learner, names=NAMES, n=12):
    for i, name in enumerate(names):
        learner.partial_fit(*blobs((name,), n=n, seed=i))
    return learner


def test_classes_taught_one_by_one_are_kept():
    learner = one_by_one(Clifer())
    assert accuracy(learner) > 0.95
    assert accuracy(one_by_one(Clifer(memory="semantic"))) > 0.8


def test_the_papers_configuration_learns_from_latents_of_an_encoder():
    rng = np.random.default_rng(0)
    learner = Clifer.paper(imagination="none")
    centres = rng.uniform(-1, 1, (3, 50))
    for number, centre in enumerate(centres):
        rows = np.clip(centre + 0.1 * rng.normal(size=(10, 50)), -1, 1)
        learner.partial_fit(rows, [number] * 10)
    assert learner.predict(centres).tolist() == [0, 1, 2]
    model = learner.state_.model
    assert model.scaling == Scaling("none", 0.5)
    assert len(model.pairs[""].episodic) > len(model.pairs[""].semantic)


def test_things_never_taught_look_unknown_and_known_ones_do_not():
    learner = one_by_one(Clifer())
    assert learner.unknown_calibrated_
    known, _ = blobs(NAMES, seed=98)
    strange, _ = blobs(("fork", "spoon", "plate"), seed=98)
    assert np.mean(learner.is_unknown(known)) < 0.15
    assert np.mean(learner.is_unknown(strange)) > 0.7


def test_with_few_classes_a_prior_holds_and_says_so():
    learner = Clifer().partial_fit(*blobs(("mug",)))
    assert not learner.unknown_calibrated_
    assert np.mean(learner.is_unknown(blobs(("mug",), seed=5)[0])) < 0.2
    assert np.mean(learner.is_unknown(blobs(("fork",), seed=5)[0])) > 0.8


def test_forget_leaves_no_neuron_of_the_class():
    learner = one_by_one(Clifer())
    before = len(learner.state_.model.pairs[""].episodic)
    learner.forget("banana")
    model = learner.state_.model
    pair = model.pairs[""]
    assert len(pair.episodic) < before
    assert pair.episodic.histogram.shape[1] == len(NAMES) - 1
    assert model.held_back.known.shape[0] == len(NAMES) - 1
    rest = tuple(n for n in NAMES if n != "banana")
    assert accuracy(learner, rest) > 0.95
    assert "banana" not in learner.predict(blobs(("banana",), seed=3)[0])


# ---- people ----------------------------------------------------------------------------------


def test_each_person_has_memories_of_their_own():
    X, _ = blobs(("smile", "frown"), seed=1)
    anna = Clifer(subject="anna").partial_fit(X, ["happy"] * 12 + ["sad"] * 12)
    both = anna.of_subject("ben")
    both.partial_fit(X, ["sad"] * 12 + ["happy"] * 12)
    assert both.subjects_ == ("anna", "ben")
    assert anna.subjects_ == ("anna",)
    smile = X[:1]
    assert both.predict(smile).tolist() == ["sad"]
    assert both.of_subject("anna").predict(smile).tolist() == ["happy"]


def test_a_stranger_is_answered_by_the_memory_without_subject_or_not_at_all():
    X, y = blobs(("smile", "frown"), seed=1)
    generic = Clifer().partial_fit(X, y)
    assert generic.of_subject("zoe").predict(X[:1]).tolist() == ["smile"]
    personal = Clifer(subject="anna").partial_fit(X, y).of_subject("zoe")
    assert personal.unknown_score(X[:1]) == pytest.approx([1.0])
    assert personal.unknown_reason(X[:1])[0].code.name == "NO_CLASSES"


def test_new_memories_start_from_nothing_or_from_a_copy():
    generic = Clifer().partial_fit(*blobs(("smile", "frown"), seed=1))
    lesson = blobs(("wink",), seed=2)
    from_nothing = generic.of_subject("anna").partial_fit(*lesson)
    copied = generic.of_subject("ben").set_params(new_subject="copy").partial_fit(*lesson)
    smile = blobs(("smile",), seed=1)[0]
    assert set(from_nothing.predict(smile)) == {"wink"}
    assert set(copied.predict(smile)) == {"smile"}


def test_a_persons_memories_are_exported_alone_and_erased(tmp_path):
    X, y = blobs(("smile", "frown"), seed=1)
    learner = Clifer(subject="anna").partial_fit(X, y).of_subject("ben").partial_fit(X, y)
    hers = load(learner.exported("anna").save(tmp_path / "anna.cil"))
    assert hers.subjects_ == ("anna",)
    assert np.array_equal(hers.predict(X), learner.of_subject("anna").predict(X))
    learner.erase("anna")
    assert learner.subjects_ == ("ben",)
    again = load(learner.save(tmp_path / "rest.cil"))
    assert again.subjects_ == ("ben",)
    with pytest.raises(ValueError, match=r"no memories of 'anna'; there are of 'ben'"):
        learner.erase("anna")


# ---- imagination -----------------------------------------------------------------------------


def test_what_is_imagined_stands_around_known_means_only():
    z = np.array([[1.0, 0.0], [2.0, 0.0]])
    means = {0: np.array([1.5, 0.0]), 2: np.array([0.0, 9.0])}
    rows, labels = Imagination(100, np.random.default_rng(0))(z, 0, means)
    assert labels.tolist() == [0, 0, 2, 2]
    assert rows[2:].tolist() == [[-0.5, 9.0], [0.5, 9.0]]
    few, names = Imagination(4, np.random.default_rng(0))(
        np.zeros((50, 2)), 0, {c: np.zeros(2) for c in range(30)}
    )
    assert len(few) <= 4
    assert 0 in names


def test_imagination_keeps_old_classes_alive_where_every_edge_ages():
    # With the published ageing whatever is not seen for 1,000 steps goes.
    published = {"ageing": "all", "guarded": False, "neurons_per_class": 0}
    lost = one_by_one(Clifer(**published, imagination="none"), n=60)
    kept = one_by_one(Clifer(**published), n=60)
    assert accuracy(kept) > accuracy(lost) + 0.2


def test_the_twin_learns_to_reconstruct_and_answers_without_torch(tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="torch is not installed")
    learner = Clifer(imagination="caae", iterations=200)
    report = learner.learn_phase(*blobs(NAMES, n=20))
    assert report.losses[-1] < 0.8 * report.losses[0]
    twin = learner.state_.model.twin
    z = twin.encode(np.random.default_rng(0).normal(size=(5, twin.dimension)))
    assert z.shape == (5, 50)
    assert np.abs(z).max() <= 1
    path = learner.save(tmp_path / "model.cil")
    monkeypatch.setitem(sys.modules, "torch", None)
    again = load(path)
    X, _ = blobs(NAMES, seed=5)
    assert np.array_equal(again.predict_proba(X), learner.predict_proba(X))
    with pytest.raises(MissingTorchError, match="clifer"):
        again.partial_fit(*blobs(("fork",)))
    assert accuracy(again) > 0.95


def test_the_twin_is_the_same_for_the_same_seed():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    weights = []
    for _ in range(2):
        torch.rand(3)
        learner = Clifer(imagination="caae").partial_fit(*blobs(NAMES[:3]))
        weights.append(learner.state_.model.twin.weights)
    assert all(np.array_equal(weights[0][k], weights[1][k]) for k in weights[0])


# ---- the rest of the contract ------------------------------------------------------------------


def test_stop_in_the_middle_of_imagination_leaves_the_learner_as_it_was():
    learner = one_by_one(Clifer())
    state = learner.state_
    asked = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 60

    with pytest.raises(PhaseStopped):
        learner.learn_phase(*blobs(("fork",), seed=7), should_stop=stop)
    assert learner.state_ is state


def test_another_methods_file_is_itself(tmp_path):
    path = Oracil(M=64).partial_fit(*blobs(NAMES[:3])).save(tmp_path / "oracil.cil")
    assert isinstance(load(path), Oracil)
    assert not isinstance(load(path), Clifer)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"memory": "both"}, "memory must be one of 'episodic', 'semantic'"),
        ({"episode": 0}, "episode must be 1 or larger"),
        ({"context": -1}, "context must be 0 or larger"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        Clifer(**change).partial_fit(*blobs(NAMES[:2]))


def test_every_parameter_is_described():
    for info in registry.describe("clifer"):
        assert info.description, info.name
        assert info.type in ("bool", "int", "float", "str")


def test_rows_are_as_long_as_the_papers_latent_vectors():
    rows = Scaling()(np.random.default_rng(0).gamma(1.0, size=(5, 1280)))
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.full(5, SPREAD))
    latent = np.random.default_rng(0).uniform(-1, 1, (4000, 50))
    assert np.sqrt((latent**2).sum(axis=1).mean()) == pytest.approx(SPREAD, rel=0.01)


def test_novelty_rises_with_distance_and_with_a_rival():
    distances = np.array([[1.0, 4.0], [2.0, 4.0], [2.0, 2.1], [np.inf, 2.0]])
    n = novelty(distances)
    assert n[0] < n[1] < n[2]
    assert contest(distances)[1][3] == 1.0
    p = shares(distances, 6.0)
    assert p.sum(axis=1) == pytest.approx(np.ones(4))
    assert p[3].tolist() == [0.0, 1.0]


def test_a_session_teaches_two_objects_in_its_worker(make_session):  # noqa: F811
    session = make_session(method="clifer", worker="process")
    teach(session, "mug", "cup")
    answers = [session.predict(make_sample("", 77, thing=t)).label for t in ("mug", "cup")]
    assert answers == ["mug", "cup"]
    teach(session, "hat", count=6)
    assert session.predict(make_sample("", 78, thing="hat")).label == "hat"
    assert session.predict(make_sample("", 78, thing="mug")).label == "mug"
