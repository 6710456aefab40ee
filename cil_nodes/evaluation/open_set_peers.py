"""Peers that say "I don't know": what INNAMP's paper compares with, and what should be compared.

Each learns scaled rows of known classes at once, and says of a row how likely each class is and
how new it looks. None knows a threshold; `threshold_of` lays it for all of them by one rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.neural_network import MLPClassifier
from sklearn.svm import OneClassSVM

from cil_nodes.learners.innamp.boundaries import centres_of
from cil_nodes.learners.innamp.exemplars import Exemplars
from cil_nodes.learners.innamp.extreme_values import ExtremeValueUnit

Rows = NDArray[np.float32]
Judge = Callable[[Rows], tuple[NDArray[np.floating], NDArray[np.floating]]]
"""Returns class scores (n, C), larger is likelier, and novelty (n,), larger is less known."""

Peer = Callable[[Rows, NDArray[np.int64], int], Judge]
"""``peer(X, y, seed)``: learns rows (n, d) of classes 0 to C - 1, and returns what judges."""

COMPONENTS = 2
_RIDGE = 0.1
"""Share of the mean variance that covariances are mixed with."""


def multilayer_perceptron(X: Rows, y: NDArray[np.int64], seed: int) -> Judge:
    """One network for all classes, retrained from the start; novelty: 1 - largest probability."""
    classes = int(y.max()) + 1
    network = MLPClassifier((10 * classes,), max_iter=100, early_stopping=False, random_state=seed)
    network.fit(X, y)

    def judge(rows: Rows) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        proba = network.predict_proba(rows)
        return proba, 1 - proba.max(axis=1)

    return judge


def _logistic(X: Rows, y: NDArray[np.int64]) -> Callable[[Rows], NDArray[np.floating]]:
    """Return the logits (n, C) of a logistic regression, a strong closed classifier."""
    model = LogisticRegression(C=0.1, max_iter=200).fit(X, y)

    def logits(rows: Rows) -> NDArray[np.floating]:
        found = np.asarray(model.decision_function(rows))
        return np.stack([-found, found], axis=1) / 2 if found.ndim == 1 else found

    return logits


def largest_logit(X: Rows, y: NDArray[np.int64], seed: int) -> Judge:
    """Logistic regression; novelty: minus the largest logit (Hendrycks et al., ICML 2022)."""
    logits = _logistic(X, y)

    def judge(rows: Rows) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        found = logits(rows)
        return found, -found.max(axis=1)

    return judge


def relative_mahalanobis(X: Rows, y: NDArray[np.int64], seed: int) -> Judge:
    """Logistic regression; novelty: distance to the nearest class less that to all data.

    Ren et al., "A Simple Fix to Mahalanobis Distance", 2021; covariances mixed with a tenth of the
    mean variance, since rows may be fewer than attributes.
    """
    logits = _logistic(X, y)
    means = _means(X, y)
    within, whole = _whitener(X - means[y]), _whitener(X - X.mean(axis=0))

    def judge(rows: Rows) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        nearest = _squares(rows @ within, means @ within).min(axis=1)
        return logits(rows), nearest - (((rows - X.mean(axis=0)) @ whole) ** 2).sum(axis=1)

    return judge


def _means(X: Rows, y: NDArray[np.int64]) -> Rows:
    return np.stack([X[y == c].mean(axis=0) for c in range(int(y.max()) + 1)])


def _whitener(X: Rows) -> NDArray[np.floating]:
    """Return the inverse Cholesky factor of a shrunken covariance, transposed."""
    covariance = X.T.astype(np.float64) @ X / len(X)
    level = float(np.trace(covariance)) / len(covariance)
    mixed = (1 - _RIDGE) * covariance + _RIDGE * level * np.eye(len(covariance))
    return np.asarray(np.linalg.inv(np.linalg.cholesky(mixed)).T)


def _squares(A: NDArray[np.floating], B: NDArray[np.floating]) -> NDArray[np.floating]:
    lengths = (A**2).sum(axis=1)[:, None] + (B**2).sum(axis=1)
    return np.maximum(lengths - 2 * A @ B.T, 0)


def nearest_mean(X: Rows, y: NDArray[np.int64], seed: int) -> Judge:
    """Nearest class mean; novelty: distance to it."""
    means = _means(X, y)

    def judge(rows: Rows) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        squares = _squares(rows, means)
        return -squares, np.sqrt(squares.min(axis=1))

    return judge


def gaussian_mixture(X: Rows, y: NDArray[np.int64], seed: int) -> Judge:
    """A mixture of two diagonal Gaussians a class; novelty: minus the largest likelihood."""
    level = float(X.var())
    mixtures, shares = [], []
    for c in range(int(y.max()) + 1):
        mine = X[y == c].astype(np.float64)
        mixture = GaussianMixture(
            min(COMPONENTS, len(mine)), covariance_type="diag", reg_covar=_RIDGE * level,
            random_state=seed,
        )  # fmt: skip
        mixtures.append(mixture.fit(mine if len(mine) > 1 else np.repeat(mine, 2, axis=0)))
        shares.append(len(mine) / len(X))

    def judge(rows: Rows) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        likelihood = np.stack([mixture.score_samples(rows) for mixture in mixtures], axis=1)
        return likelihood + np.log(shares), -likelihood.max(axis=1)

    return judge


def one_class_machines(X: Rows, y: NDArray[np.int64], seed: int) -> Judge:
    """A one-class support vector machine for each class; novelty: minus the largest margin."""
    machines = [
        OneClassSVM(kernel="rbf", gamma="scale", nu=0.1).fit(X[y == c])
        for c in range(int(y.max()) + 1)
    ]

    def judge(rows: Rows) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        margins = np.stack(
            [machine.decision_function(rows) / machine.offset_[0] for machine in machines], axis=1
        )
        return margins, -margins.max(axis=1)

    return judge


def parzen_window(X: Rows, y: NDArray[np.int64], seed: int) -> Judge:
    """Probabilistic neural network (Specht 1990): a Gaussian on every sample.

    The width is the median distance of a sample to its nearest neighbour.
    """
    squares = _squares(X, X)
    np.fill_diagonal(squares, np.inf)
    width = max(float(np.median(np.sqrt(squares.min(axis=1)))), 1e-3)

    def judge(rows: Rows) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        kernel = -_squares(rows, X) / (2 * width**2)
        by_class = [logsumexp(kernel[:, y == c], axis=1) for c in range(int(y.max()) + 1)]
        density = np.stack(by_class, axis=1)
        return density, -logsumexp(density, axis=1)

    return judge


def extreme_values(X: Rows, y: NDArray[np.int64], seed: int) -> Judge:
    """The extreme-value machine (Rudd et al., TPAMI 2018), by itself, on all samples."""
    store = Exemplars.empty(X.shape[1])
    store = store.joined(X, y, int(y.max()) + 1, np.random.default_rng(seed))
    unit = ExtremeValueUnit.of(*centres_of(X, store, len(X)), X, y)

    def judge(rows: Rows) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        blocks = [unit.log_inclusion(rows[i : i + 64]) for i in range(0, len(rows), 64)]
        logs = np.concatenate(blocks)
        return logs, -logs.max(axis=1)

    return judge


def fuzzy_artmap(X: Rows, y: NDArray[np.int64], seed: int) -> Judge:
    """Fuzzy ARTMAP, small: one pass, fast learning, match tracking (Carpenter et al., 1992).

    Rows are squeezed into [0, 1] and complement-coded; choice 0.001, baseline vigilance 0.5.
    Novelty: 1 - match of the winning category.
    """
    low, high = X.min(axis=0), X.max(axis=0)
    span = np.where(high > low, high - low, 1)

    def coded(rows: Rows) -> Rows:
        unit = np.clip((rows - low) / span, 0, 1)
        return np.concatenate([unit, 1 - unit], axis=1).astype(np.float32)

    weights, labels = _art_categories(coded(X), y, np.random.default_rng(seed))

    def judge(rows: Rows) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        scores = np.full((len(rows), int(y.max()) + 1), -np.inf)
        novelty = np.empty(len(rows))
        for place, row in enumerate(coded(rows)):
            overlap = np.minimum(weights, row).sum(axis=1)
            choice = overlap / (_CHOICE + weights.sum(axis=1))
            np.maximum.at(scores[place], labels, choice)
            novelty[place] = 1 - overlap[choice.argmax()] / row.sum()
        return scores, novelty

    return judge


_CHOICE, _VIGILANCE = 1e-3, 0.5


def _art_categories(
    rows: Rows, y: NDArray[np.int64], rng: np.random.Generator
) -> tuple[Rows, NDArray[np.int64]]:
    """Return weights (k, 2 d) and labels (k,) of the categories after one pass."""
    weights = np.empty((0, rows.shape[1]), np.float32)
    labels: list[int] = []
    for i in rng.permutation(len(rows)):
        row, vigilance = rows[i], _VIGILANCE
        overlap = np.minimum(weights, row).sum(axis=1)
        match = overlap / row.sum()
        for category in np.argsort(-overlap / (_CHOICE + weights.sum(axis=1)), kind="stable"):
            if match[category] < vigilance:
                continue
            if labels[category] == y[i]:
                weights[category] = np.minimum(weights[category], row)
                break
            vigilance = match[category] + 1e-6  # match tracking: a wrong winner raises the bar
        else:
            weights = np.concatenate([weights, row[None]])
            labels.append(int(y[i]))
    return weights, np.array(labels)


PEERS: dict[str, Peer] = {
    "MLP, retrained": multilayer_perceptron,
    "Gaussian mixture": gaussian_mixture,
    "nearest class mean": nearest_mean,
    "one-class SVM": one_class_machines,
    "fuzzy ARTMAP": fuzzy_artmap,
    "probabilistic NN": parzen_window,
    "extreme-value machine": extreme_values,
    "largest logit": largest_logit,
    "relative Mahalanobis": relative_mahalanobis,
}
"""All of them, by the name in tables."""


@dataclass(frozen=True)
class Verdicts:
    """What a judge with a threshold says of rows.

    Attributes
    ----------
    best : (n,) int array
        Likeliest class.
    novelty : (n,) array
    unknown : (n,) bool array
    """

    best: NDArray[np.int64]
    novelty: NDArray[np.floating]
    unknown: NDArray[np.bool_]


def verdicts(judge: Judge, X: Rows, threshold: float) -> Verdicts:
    """Ask a judge about rows X (n, d)."""
    scores, novelty = judge(X)
    return Verdicts(scores.argmax(axis=1), novelty, novelty > threshold)


def threshold_of(
    peer: Peer, X: Rows, y: NDArray[np.int64], held: NDArray[np.bool_], share: float, seed: int
) -> float:
    """Lay a peer's threshold on samples that it has not learned.

    Parameters
    ----------
    peer : callable
    X, y : (n, d) and (n,) arrays
        Known samples.
    held : (n,) bool array
        Those that are held out for this.
    share : float
        Least share of them that must be answered rightly and not called unknown. Where the peer
        cannot reach it, 3 % of the held-out samples are given up.
    seed : int
    """
    scores, novelty = peer(X[~held], y[~held], seed)(X[held])
    right = scores.argmax(axis=1) == y[held]
    order = np.argsort(novelty, kind="stable")
    kept = np.flatnonzero(np.cumsum(right[order]) >= share * held.sum())
    if len(kept):
        return float(novelty[order[kept[0]]])
    return float(np.quantile(novelty, 0.97))
