"""Peers: the same answers as scikit-learn's, exact joining, files, forgetting."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils.estimator_checks import check_estimator

from cil_nodes.evaluation.peers import JointRidge, NearestClassMean
from cil_nodes.evaluation.peers.joint_ridge import STRENGTHS, RidgePath
from cil_nodes.evaluation.protocols import unit_rows

PEERS = (JointRidge, NearestClassMean)


def made_up(n=120, d=20, classes=5, seed=0, noise=0.8):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(size=(classes, d))
    y = rng.integers(0, classes, n)
    X = centres[y] + rng.normal(scale=noise, size=(n, d)) + 0.5
    return X, np.array([f"k{label}" for label in y])


@pytest.mark.parametrize("shape", [(120, 20), (30, 60)])
def test_ridge_path_is_scikit_learns_ridge(shape):
    X, y = made_up(*shape)
    Y = np.eye(5)[np.searchsorted(np.unique(y), y)]
    mean, bias = X.mean(axis=0), Y.mean(axis=0)
    path = RidgePath.of(X - mean, Y - bias)
    for strength in (1e-3, 0.1, 10.0):
        expected = Ridge(alpha=strength).fit(X, Y)
        np.testing.assert_allclose(path.weights(strength), expected.coef_.T, atol=1e-7)


def test_left_out_fit_is_that_of_a_model_without_the_sample():
    X, y = made_up(40, 8)
    Y = np.eye(5)[np.searchsorted(np.unique(y), y)]
    mean, bias = X.mean(axis=0), Y.mean(axis=0)
    fits = RidgePath.of(X - mean, Y - bias).left_out(0.3) + bias
    for index in (0, 17, 39):
        others = np.arange(40) != index
        expected = Ridge(alpha=0.3).fit(X[others], Y[others]).predict(X[index : index + 1])
        np.testing.assert_allclose(fits[index : index + 1], expected, atol=1e-8)


def test_gcv_chooses_about_what_leaving_one_out_chooses():
    X, y = made_up(150, 20)
    learner = JointRidge().fit(X, y)
    Y = np.eye(5)[np.searchsorted(learner.classes_, y)]
    rows = unit_rows(X)
    chosen = RidgeCV(alphas=STRENGTHS).fit(rows, Y).alpha_
    assert abs(np.log10(learner.state_.model.strength / chosen)) <= 0.5
    fitted = RidgeCV(alphas=[learner.state_.model.strength]).fit(rows, Y).predict(rows)
    assert (learner.predict(X) == learner.classes_[fitted.argmax(axis=1)]).all()


def test_nearest_mean_is_scikit_learns_on_the_sphere():
    X, y = made_up()
    learner = NearestClassMean().fit(X, y)
    rows = unit_rows(X)
    means = np.stack([rows[y == label].mean(axis=0) for label in learner.classes_])
    nearest = KNeighborsClassifier(1).fit(unit_rows(means), learner.classes_)
    assert (learner.predict(X) == nearest.predict(rows)).all()


@pytest.mark.parametrize("peer", PEERS)
def test_phases_in_any_order_equal_one_fit(peer):
    X, y = made_up()
    joint = peer().fit(X, y)
    phased = peer()
    for start in (3, 0, 1, 2):
        phased.partial_fit(X[start::4], y[start::4])
    T, _ = made_up(seed=1)
    columns = [phased.classes_.tolist().index(label) for label in joint.classes_]
    np.testing.assert_allclose(phased.predict_proba(T)[:, columns], joint.predict_proba(T))
    np.testing.assert_allclose(phased.unknown_score(T), joint.unknown_score(T), atol=1e-9)
    if peer is JointRidge:  # The mean's threshold comes from the means of each phase's own time.
        assert phased.unknown_threshold_ == pytest.approx(joint.unknown_threshold_)


@pytest.mark.parametrize("peer", PEERS)
def test_far_away_samples_score_less_known(peer):
    X, y = made_up(noise=0.3)
    learner = peer().fit(X, y)
    assert learner.unknown_calibrated_
    known, _ = made_up(seed=1, noise=0.3)
    strange = np.random.default_rng(3).normal(size=(60, 20))
    assert np.median(learner.unknown_score(strange)) > np.median(learner.unknown_score(known))
    assert learner.is_unknown(known).mean() < 0.2


@pytest.mark.parametrize("peer", PEERS)
def test_a_saved_peer_answers_identically(peer, tmp_path):
    from cil_nodes.learners import persistence

    X, y = made_up()
    learner = peer().fit(X, y)
    header, tensors = persistence.read(learner.save(tmp_path / "peer.bin"))
    loaded = peer.from_file(tmp_path / "peer.bin", header, tensors)
    np.testing.assert_array_equal(loaded.predict_proba(X), learner.predict_proba(X))
    loaded.partial_fit(X, y)


@pytest.mark.parametrize("peer", PEERS)
def test_forgetting_a_class_equals_never_having_seen_it(peer):
    X, y = made_up()
    learner = peer().fit(X, y).forget("k2")
    fresh = peer().fit(X[y != "k2"], y[y != "k2"])
    np.testing.assert_allclose(learner.predict_proba(X), fresh.predict_proba(X), atol=1e-9)
    assert "k2" not in learner.classes_


@pytest.mark.parametrize("peer", PEERS)
def test_little_data_keeps_the_prior(peer):
    learner = peer().fit(np.eye(4), np.array(["a", "a", "b", "b"]))
    assert not learner.unknown_calibrated_
    assert learner.unknown_threshold_ == 0.5
    one = peer().fit(np.ones((1, 4)), np.array(["only"]))
    assert one.predict(np.ones((2, 4))).tolist() == ["only", "only"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("peer", PEERS)
def test_scikit_learns_own_checks_pass(peer):
    check_estimator(peer())
