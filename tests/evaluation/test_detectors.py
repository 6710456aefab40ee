"""Detectors of unknowns: pytorch-ood's answers on the same input, and what each promises."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import weibull_min
from sklearn.neighbors import NearestNeighbors

from cil_nodes.evaluation.detectors import (
    DETECTORS,
    Energy,
    KNearest,
    Mahalanobis,
    MaxSoftmax,
    OpenMax,
    RelativeMahalanobis,
    VirtualLogit,
)
from cil_nodes.evaluation.detectors.openmax import TRANSLATION, Tail
from cil_nodes.evaluation.detectors.virtual_logit import origin, principal_dimension
from cil_nodes.evaluation.metrics import auroc
from tests.evaluation.make_detector_scores import FILE, made_up

AS_THERE = {
    "max_softmax": MaxSoftmax(),
    "energy": Energy(),
    "knn": KNearest(k=5),
    "mahalanobis": Mahalanobis(shrinkage=0.0),
    "relative_mahalanobis": RelativeMahalanobis(shrinkage=0.0),
    "vim": VirtualLogit(dimension=6),
    "openmax": OpenMax(tail=15, alpha=3),
}


@pytest.mark.parametrize("name", AS_THERE)
def test_scores_are_those_of_pytorch_ood(name):
    X, y, W, b, T = made_up()
    expected = json.loads(FILE.read_text(encoding="utf-8"))[name]
    found = AS_THERE[name].fit(X, y, X @ W + b).score(T, T @ W + b)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", DETECTORS)
def test_unknowns_score_higher_in_any_order_and_one_at_a_time(name):
    X, y, W, b, _ = made_up()
    known, truth, *_ = made_up(seed=0)
    strange = 2.0 * np.random.default_rng(5).normal(size=(60, 10)) + 1.5
    detector = DETECTORS[name]().fit(X, y, X @ W + b)
    both = np.concatenate([known, strange])
    scores = detector.score(both, both @ W + b)
    assert scores.shape == (len(both),)
    assert auroc(scores[: len(known)], scores[len(known) :]) > 0.7
    order = np.random.default_rng(0).permutation(len(both))
    shuffled = detector.score(both[order], both[order] @ W + b)
    np.testing.assert_allclose(shuffled, scores[order], rtol=1e-5, atol=1e-6)
    alone = detector.score(both[7:8], both[7:8] @ W + b)
    np.testing.assert_allclose(alone, scores[7:8], rtol=1e-5, atol=1e-6)
    assert truth.shape == y.shape


@pytest.mark.parametrize("name", DETECTORS)
def test_more_dimensions_than_samples_and_single_samples_are_no_trouble(name):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(9, 30)), np.array([0, 1, 2, 3, 4, 4, 4, 4, 4])
    scores = DETECTORS[name]().fit(X, y, np.eye(5)[y]).score(X, np.eye(5)[y])
    assert np.isfinite(scores).all()


@pytest.mark.parametrize(
    ("features", "positions", "logits", "said"),
    [
        (np.ones((3, 2)), [0, 1, 0], np.ones((2, 2)), "do not belong together"),
        (np.ones((3, 2)), ["a", "b", "a"], np.ones((3, 2)), "column of each sample's class"),
        (np.ones((3, 2)), [0, 0, 0], np.ones((3, 2)), r"leave out \[1\]"),
        (np.full((3, 2), np.nan), [0, 1, 0], np.ones((3, 2)), "features must be finite"),
    ],
)
def test_input_that_does_not_fit_is_refused_in_words(features, positions, logits, said):
    with pytest.raises(ValueError, match=said):
        MaxSoftmax().fit(features, positions, logits)


def test_scoring_other_shapes_or_too_early_is_refused_in_words():
    with pytest.raises(ValueError, match="Energy was not fitted"):
        Energy().score(np.ones((1, 2)), np.ones((1, 2)))
    fitted = Energy().fit(np.eye(2), [0, 1], np.eye(2))
    with pytest.raises(ValueError, match="fitted on 2 features and 2 logits, and is asked about 3"):
        fitted.score(np.ones((1, 3)), np.ones((1, 2)))


def test_distances_are_scikit_learns():
    X, y, W, b, T = made_up()
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    rows = T / np.linalg.norm(T, axis=1, keepdims=True)
    expected = NearestNeighbors(n_neighbors=7).fit(unit).kneighbors(rows)[0][:, -1]
    found = KNearest(k=7).fit(X, y, X @ W + b).score(T, T @ W + b)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_origin_of_a_linear_classifier_is_found_from_its_logits():
    X, _, W, b, _ = made_up()
    np.testing.assert_allclose(origin(X, X @ W + b), -np.linalg.pinv(W.T) @ b, atol=1e-8)


def test_the_principal_space_has_the_papers_dimension():
    assert [principal_dimension(d) for d in (2048, 1280, 768, 100)] == [1000, 512, 512, 50]


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), spread=st.floats(1e-3, 1e3))
def test_no_other_weibull_fits_a_tail_better(seed, spread):
    distances = spread * np.random.default_rng(seed).weibull(1.5, 80)
    tail = Tail.of(distances, 20)
    moved = np.sort(distances)[-20:] - tail.start + TRANSLATION

    def likelihood(shape, scale):
        return weibull_min.logpdf(moved, shape, scale=scale).sum()

    best = likelihood(tail.shape, tail.scale)
    for shape in (0.98, 1.02):
        for scale in (1 - 2e-3 / tail.shape, 1 + 2e-3 / tail.shape):
            assert likelihood(shape * tail.shape, scale * tail.scale) < best
