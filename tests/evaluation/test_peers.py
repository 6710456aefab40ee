"""Peers: the promises of the contract, exact joining, scikit-learn's answers where it has one."""

from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.covariance import EmpiricalCovariance
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils.estimator_checks import check_estimator

from cil_nodes.evaluation.peers import (
    AnaCP,
    ExemplarReplay,
    FeCAM,
    FeTrIL,
    FineTunedHead,
    JointRidge,
    KernelLDA,
    NearestClassMean,
    RandomFeatureRidge,
    RecursiveRidge,
    StreamingLDA,
)
from cil_nodes.evaluation.peers.anacp import spread_means
from cil_nodes.evaluation.peers.class_gaussian import ClassGaussian, shrunk_form
from cil_nodes.evaluation.peers.fetril import translated
from cil_nodes.evaluation.peers.gaussian_head import discriminant, left_out_distances
from cil_nodes.evaluation.peers.joint_ridge import STRENGTHS, RidgePath
from cil_nodes.evaluation.peers.random_features import fourier_features, relu_features
from cil_nodes.evaluation.peers.ridge_head import RIDGES, factorised, hold_out_ridge, solved
from cil_nodes.evaluation.peers.softmax_head import prepared
from cil_nodes.evaluation.peers.threshold import calibrate, tally
from cil_nodes.evaluation.peers.trained_heads import herded
from cil_nodes.evaluation.protocols import unit_rows
from cil_nodes.learners import registry
from cil_nodes.learners.checks import check_learner

SMALL = {
    "acil": partial(RecursiveRidge, width=64),
    "anacp": partial(AnaCP, width=64, heads=2, drawn=30, ridge=1.0),
    "exemplar_replay": partial(ExemplarReplay, capacity=60, epochs=12),
    "fecam": FeCAM,
    "fetril": partial(FeTrIL, epochs=12),
    "fine_tuned": partial(FineTunedHead, epochs=12),
    "joint_ridge": JointRidge,
    "klda": partial(KernelLDA, width=64),
    "nearest_class_mean": NearestClassMean,
    "ranpac": partial(RandomFeatureRidge, width=64),
    "slda": StreamingLDA,
}
"""All peers, small enough for a test."""

EXACT = ("acil", "fecam", "joint_ridge", "klda", "nearest_class_mean", "slda")
"""Those whose phases add up to one fit."""


def made_up(n=120, d=20, classes=5, seed=0, noise=0.8):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(size=(classes, d))
    y = rng.integers(0, classes, n)
    X = centres[y] + rng.normal(scale=noise, size=(n, d)) + 0.5
    return X, np.array([f"k{label}" for label in y])


def numbered(y):
    return np.searchsorted(np.unique(y), y)


# ---- all peers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
def test_every_promise_of_the_contract_is_kept(name):
    check_learner(SMALL[name])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SMALL)
def test_scikit_learns_own_checks_pass(name):
    check_estimator(SMALL[name]())


@pytest.mark.parametrize("name", SMALL)
def test_the_registry_knows_it_and_every_parameter_is_described(name):
    assert name in registry.available()
    cls = registry.learner_class(name)
    assert cls.method == name
    for info in registry.describe(name):
        assert info.description, f"{name}.{info.name} has no description"
        assert info.type != "str" or isinstance(info.default, str) or info.default is None


def test_naming_peers_imports_none_of_them():
    import subprocess
    import sys

    code = (
        "import sys; from cil_nodes.learners import registry; registry.available();"
        "assert not [m for m in sys.modules if m.startswith('cil_nodes.evaluation')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("name", SMALL)
def test_far_away_samples_score_less_known(name):
    X, y = made_up(n=300, noise=0.3)
    learner = SMALL[name]().fit(X, y)
    assert learner.unknown_calibrated_
    known, _ = made_up(seed=1, noise=0.3)
    strange = np.random.default_rng(3).normal(size=(60, 20))
    assert np.median(learner.unknown_score(strange)) > np.median(learner.unknown_score(known))
    assert learner.is_unknown(known).mean() < 0.2


@pytest.mark.parametrize("name", SMALL)
def test_little_data_keeps_the_prior(name):
    learner = SMALL[name]().fit(np.eye(4), np.array(["a", "a", "b", "b"]))
    assert not learner.unknown_calibrated_
    assert learner.unknown_threshold_ == 0.5
    one = SMALL[name]().fit(np.ones((1, 4)), np.array(["only"]))
    assert one.predict(np.ones((2, 4))).tolist() == ["only", "only"]


@pytest.mark.parametrize("name", sorted({*SMALL} - {"fine_tuned"}))
def test_phases_of_new_classes_keep_the_old_ones(name):
    X, y = made_up(n=400, noise=0.4)
    learner = SMALL[name]()
    for labels in (("k3", "k1"), ("k0",), ("k2", "k4")):
        of = np.isin(y, labels)
        learner.partial_fit(X[of], y[of])
    T, truth = made_up(seed=1, noise=0.4)
    assert np.mean(learner.predict(T) == truth) > 0.9


def test_fine_tuning_is_the_floor():
    X, y = made_up(n=400, noise=0.4)
    learner = SMALL["fine_tuned"]()
    for labels in (("k0", "k1", "k2"), ("k3", "k4")):
        learner.partial_fit(X[np.isin(y, labels)], y[np.isin(y, labels)])
    T, truth = made_up(seed=1, noise=0.4)
    old = np.isin(truth, ("k0", "k1", "k2"))
    right = learner.predict(T) == truth
    assert right[~old].mean() > 0.9
    assert right[old].mean() < 0.5


# ---- exact joining -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXACT)
def test_phases_in_any_order_equal_one_fit(name):
    X, y = made_up()
    joint, phased = SMALL[name]().fit(X, y), SMALL[name]()
    if name == "klda":  # "auto" takes its gamma from the first phase.
        joint.set_params(gamma=0.05).fit(X, y)
        phased.set_params(gamma=0.05)
    for start in (3, 0, 1, 2):
        phased.partial_fit(X[start::4], y[start::4])
    T, _ = made_up(seed=1)
    columns = [phased.classes_.tolist().index(label) for label in joint.classes_]
    proba = phased.predict_proba(T)[:, columns]
    np.testing.assert_allclose(proba, joint.predict_proba(T), atol=2e-5)
    np.testing.assert_allclose(phased.unknown_score(T), joint.unknown_score(T), atol=1e-5)


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(
    cuts=st.lists(st.integers(1, 59), max_size=6, unique=True),
    scale=st.sampled_from([1e-2, 1.0, 30.0]),
    order=st.randoms(use_true_random=False),
)
def test_recursion_equals_the_joint_ridge_over_splits_orders_and_scales(cuts, scale, order):
    X, y = made_up(60, 8, 3)
    X = scale * X
    rows = list(range(60))
    order.shuffle(rows)
    learner = RecursiveRidge(width=40, gamma=0.1)
    for part in np.split(np.array(rows), sorted(cuts)):
        learner.partial_fit(X[part], y[part])
    H = relu_features(X, 0, 40)
    expected = Ridge(alpha=0.1, fit_intercept=False, solver="cholesky")
    expected.fit(H, np.eye(3)[numbered(y)])
    columns = [learner.classes_.tolist().index(label) for label in np.unique(y)]
    outputs = H @ learner.state_.model.weights[:, columns]
    np.testing.assert_allclose(outputs, expected.predict(H), atol=1e-6)


@pytest.mark.parametrize("name", ["acil", "fecam", "joint_ridge", "klda", "slda"])
def test_forgetting_with_its_samples_equals_never_having_seen_them(name):
    X, y = made_up()
    make = SMALL[name]
    if name == "klda":
        make = partial(KernelLDA, width=64, gamma=0.05)
    learner = make().fit(X, y).forget("k2", X[y == "k2"])
    fresh = make().fit(X[y != "k2"], y[y != "k2"])
    np.testing.assert_allclose(learner.predict_proba(X), fresh.predict_proba(X), atol=1e-5)
    assert "k2" not in learner.classes_


# ---- thresholds ----------------------------------------------------------------------------------


def test_threshold_leaves_the_wanted_share_above_and_memory_alone():
    doubts = np.random.default_rng(0).beta(2, 5, 2000)
    counts = tally(doubts[:700], tally(doubts[700:]))
    threshold, calibrated = calibrate(counts, 10)
    assert calibrated
    assert 0.0 <= 0.03 - np.mean(doubts > threshold) < 0.003
    assert tally(np.ones(3)).shape == counts.shape


# ---- joint ridge and the nearest mean ------------------------------------------------------------


@pytest.mark.parametrize("shape", [(120, 20), (30, 60)])
def test_ridge_path_is_scikit_learns_ridge(shape):
    X, y = made_up(*shape)
    Y = np.eye(5)[numbered(y)]
    mean, bias = X.mean(axis=0), Y.mean(axis=0)
    path = RidgePath.of(X - mean, Y - bias)
    for strength in (1e-3, 0.1, 10.0):
        expected = Ridge(alpha=strength).fit(X, Y)
        np.testing.assert_allclose(path.weights(strength), expected.coef_.T, atol=1e-7)


def test_left_out_fit_is_that_of_a_model_without_the_sample():
    X, y = made_up(40, 8)
    Y = np.eye(5)[numbered(y)]
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


# ---- Gaussian peers ------------------------------------------------------------------------------


def test_streaming_lda_is_scikit_learns_lda():
    X, y = made_up(300, 20)
    learner = StreamingLDA(shrinkage=1e-9)
    for start in range(3):
        learner.partial_fit(X[start::3], y[start::3])
    equal = np.full(5, 0.2)
    expected = LinearDiscriminantAnalysis(solver="lsqr", priors=equal).fit(X, y)
    columns = [learner.classes_.tolist().index(label) for label in expected.classes_]
    T, _ = made_up(seed=1)
    # scikit-learn's covariance is that of class covariances weighed by the priors.
    within = sum(np.cov(X[y == label].T, bias=True) * np.mean(y == label) for label in np.unique(y))
    expected.covariance_ = within
    expected.coef_ = np.linalg.solve(within, expected.means_.T).T
    expected.intercept_ = -0.5 * np.einsum("cd,cd->c", expected.means_, expected.coef_)
    proba = learner.predict_proba(T)[:, columns]
    np.testing.assert_allclose(proba, expected.predict_proba(T), atol=1e-6)


def test_left_out_distances_are_those_without_the_sample():
    X, y = made_up(60, 6, 3)
    y = numbered(y)

    def fitted(rows, labels):
        means = np.stack([rows[labels == c].mean(axis=0) for c in range(3)])
        centred = rows - means[labels]
        return means, centred.T @ centred

    means, scatter = fitted(X, y)
    head = discriminant(means, scatter / 60, np.float64)
    found = left_out_distances(head, X, y, means, np.bincount(y))
    for index in range(60):
        others = np.arange(60) != index
        less, smaller = fitted(X[others], y[others])
        gaps = X[index] - less
        # The divisor stays that of all samples.
        expected = np.einsum("cd,cd->c", gaps, np.linalg.solve(smaller / 60, gaps.T).T)
        assert found[index] == pytest.approx(expected.min())


def test_fourier_features_approach_the_kernel():
    X, _ = made_up(30, 8)
    Z = fourier_features(X, 0, 20_000, 0.05)
    squares = ((X[:, None] - X[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(Z @ Z.T, np.exp(-0.05 * squares), atol=0.05)


# ---- FeCAM ---------------------------------------------------------------------------------------


def literal_fecam_distance(Z, covariance, alpha1, alpha2):
    """Equations 7 and 8 as printed."""
    d = len(covariance)
    off = (covariance.sum() - np.trace(covariance)) / (d * (d - 1))
    shrunk = covariance + alpha1 * np.trace(covariance) / d * np.eye(d)
    shrunk = shrunk + alpha2 * off * (1 - np.eye(d))
    roots = np.sqrt(np.diag(shrunk))
    normalised = shrunk / np.outer(roots, roots)
    return np.einsum("nd,dk,nk->n", Z, np.linalg.inv(normalised), Z)


@pytest.mark.parametrize("n", [5, 12, 40])
@pytest.mark.parametrize("alphas", [(1.0, 1.0), (1.0, 0.0), (0.8, 0.3)])
def test_class_distance_is_the_literal_one(n, alphas):
    rng = np.random.default_rng(n)
    rows = rng.normal(size=(n, 12)) @ rng.normal(size=(12, 12)) + rng.normal(size=12)
    gaussian = ClassGaussian.empty(12).learn(rows[:3]).learn(rows[3:])
    covariance = EmpiricalCovariance().fit(rows).covariance_ * n / (n - 1)
    Z = rng.normal(size=(7, 12))
    np.testing.assert_allclose(
        shrunk_form(gaussian, *alphas)(Z),
        literal_fecam_distance(Z, covariance, *alphas),
        rtol=1e-4,
    )


def test_a_class_is_kept_no_larger_than_its_rank():
    gaussian = ClassGaussian.empty(10)
    rng = np.random.default_rng(0)
    for _ in range(6):
        gaussian = gaussian.learn(rng.normal(size=(4, 10)))
    assert gaussian.count == 24
    assert gaussian.axes.shape == (10, 10)
    assert ClassGaussian.empty(10).learn(rng.normal(size=(4, 10))).axes.shape == (3, 10)


# ---- ridge on random features --------------------------------------------------------------------


def test_random_feature_ridge_is_scikit_learns_ridge_on_the_same_features():
    X, y = made_up(200, 12)
    learner = RandomFeatureRidge(width=60, ridge=10.0)
    for start in range(3):
        learner.partial_fit(X[start::3], y[start::3])
    H = relu_features(X, 0, 60)
    Y = np.eye(5)[np.searchsorted(learner.classes_, y)]
    expected = Ridge(alpha=10.0, fit_intercept=False, solver="cholesky").fit(H, Y).predict(H)
    assert learner.classes_.tolist() == sorted(learner.classes_)
    np.testing.assert_allclose(H @ learner.state_.model.weights, expected, atol=1e-8)


@pytest.mark.parametrize("width", [20, 150])
def test_the_ridge_chosen_is_the_best_on_the_rows_held_out(width):
    X, y = made_up(100, 12)
    H, Y = relu_features(X, 0, width), np.eye(5)[numbered(y)]

    def loss(ridge):
        model = Ridge(alpha=ridge, fit_intercept=False, solver="cholesky").fit(H[:80], Y[:80])
        return np.mean((model.predict(H[80:]) - Y[80:]) ** 2)

    ridges = [r for r in RIDGES if r >= 1e-4]
    assert hold_out_ridge(H, Y, ridges, 80) == min(ridges, key=loss)


def test_a_singular_sum_in_single_precision_is_still_solved():
    H = np.ones((50, 8), np.float32) * 1e3
    weights = solved(factorised(H.T @ H, 1e-8), H.T @ np.ones((50, 1), np.float32))
    np.testing.assert_allclose(H[:1] @ weights, 1.0, atol=1e-2)


# ---- AnaCP, FeTrIL, replay -----------------------------------------------------------------------


def test_targets_lie_further_apart_than_the_means():
    rng = np.random.default_rng(0)
    means = unit_rows(1.0 + 0.2 * rng.normal(size=(6, 12)))
    scatter = rng.normal(size=(12, 12))
    targets = spread_means(means, 1e-2 * scatter @ scatter.T + 1e-3 * np.eye(12))
    np.testing.assert_allclose(np.linalg.norm(targets, axis=1), 1.0)
    off = ~np.eye(6, dtype=bool)
    assert (targets @ targets.T)[off].mean() < (means @ means.T)[off].mean()


def test_samples_are_moved_from_the_most_similar_new_class_onto_the_old_mean():
    X, y = made_up(90, 10, 3)
    y = numbered(y)
    means = np.vstack([X[y == c].mean(axis=0) for c in range(3)] + [2.0 * X[y == 1].mean(axis=0)])
    samples = translated(X, y, means)
    chosen = np.flatnonzero(samples.positions == 3)
    rows, positions = samples.rows(chosen)
    assert (positions == 3).all()
    assert (y[samples.sources[chosen]] == 1).all()
    np.testing.assert_allclose(rows, prepared(X[y == 1] + means[1]), atol=1e-4)
    own = np.flatnonzero(samples.positions == 0)
    np.testing.assert_allclose(samples.rows(own)[0], prepared(X[y == 0]), atol=1e-4)


def test_herding_picks_what_brings_the_mean_nearest():
    X = np.random.default_rng(0).normal(size=(40, 6))
    picked = herded(X, 8)
    assert len(set(picked.tolist())) == 8
    for k in range(8):
        free = np.setdiff1d(np.arange(40), picked[:k])
        sums = X[picked[:k]].sum(axis=0) + X[free]
        gaps = np.linalg.norm(X.mean(axis=0) - sums / (k + 1), axis=1)
        assert picked[k] == free[gaps.argmin()]


def test_the_store_of_replay_is_bounded_and_even():
    X, y = made_up(600, 10)
    learner = ExemplarReplay(capacity=40, epochs=2)
    for labels in (("k0", "k1"), ("k2", "k3", "k4")):
        learner.partial_fit(X[np.isin(y, labels)], y[np.isin(y, labels)])
        kept = np.bincount(learner.state_.model.positions)
        assert kept.sum() <= 40
        assert kept.max() == kept.min() == 40 // len(learner.classes_)
