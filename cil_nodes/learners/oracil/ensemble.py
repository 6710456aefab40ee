"""The paper's router: KNN, random forest and LightGBM on distances to prototypes (Eq. 6).

Imported only where it is asked for: LightGBM and skops take a second and 100 MB to load.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from cil_nodes.learners.persistence import pack_text, unpack_text
from cil_nodes.learners.phase import Phase

SPLIT_SEED = 1993
"""Section 3.3: 80/20, stratified by group, seed 1993."""

NEIGHBOURS = 3
TREES = 100
ROUNDS = 60


@dataclass(frozen=True)
class EnsembleRouter:
    """Three classifiers of groups and their weights.

    Attributes
    ----------
    rows, labels : (n, C) and (n,) arrays
        What KNN compares with.
    knn, forest : fitted scikit-learn classifiers
    boosted : lightgbm.Booster or None
        None while there is only one group.
    weights : (3,) array
        alpha, beta, gamma of Eq. 6; they sum to 1.
    groups : int
    """

    rows: np.ndarray
    labels: np.ndarray
    knn: Any
    forest: Any
    boosted: Any
    weights: np.ndarray
    groups: int

    def experts(self, D: np.ndarray) -> list[np.ndarray]:
        """Return three distributions (n, G) for descriptors D (n, C)."""
        boosted = np.asarray(self.boosted.predict(D, num_threads=1))
        return [
            _spread(self.knn.predict_proba(D), self.knn.classes_, self.groups),
            _spread(self.forest.predict_proba(D), self.forest.classes_, self.groups),
            boosted.reshape(len(D), self.groups),
        ]

    def mixed(self, experts: list[np.ndarray]) -> np.ndarray:
        """Return p(g | x) (n, G) of Eq. 6."""
        return np.einsum("e,eng->ng", self.weights, np.stack(experts))

    def pack(self) -> dict[str, np.ndarray]:
        """Return named arrays; LightGBM as its text, the forest as skops bytes."""
        return {
            "router.rows": self.rows,
            "router.labels": self.labels,
            "router.weights": self.weights,
            "router.forest": np.frombuffer(skops.io.dumps(self.forest), dtype=np.uint8),
            "router.boosted": pack_text(self.boosted.model_to_string()),
        }

    @classmethod
    def unpack(cls, tensors: dict[str, np.ndarray], groups: int) -> EnsembleRouter:
        """Undo `pack`; only scikit-learn's and NumPy's own types are accepted."""
        rows, labels = tensors["router.rows"], tensors["router.labels"]
        return cls(
            rows,
            labels,
            _knn().fit(rows, labels),
            skops.io.loads(tensors["router.forest"].tobytes(), trusted=[]),
            lightgbm.Booster(model_str=unpack_text(tensors["router.boosted"])),
            tensors["router.weights"],
            groups,
        )


def train_router(
    D: np.ndarray, labels: np.ndarray, groups: int, seed: int, phase: Phase
) -> EnsembleRouter:
    """Train on descriptors D (n, C) and group numbers ``labels`` (n,).

    The weights are searched on a held-out fifth and everything is refitted on all rows. Where a
    group is too small to be split, the weights are equal.
    """
    weights = np.full(3, 1 / 3)
    counts = np.bincount(labels, minlength=groups)
    if counts.min() >= 2 and len(labels) >= 5 * groups:
        fit, check = train_test_split(
            np.arange(len(labels)), test_size=0.2, stratify=labels, random_state=SPLIT_SEED
        )
        trial = _fit(D[fit], labels[fit], groups, seed, weights, phase.part(0.0, 0.45))
        weights = best_weights(trial.experts(D[check]), labels[check])
    return _fit(D, labels, groups, seed, weights, phase.part(0.45, 1.0))


def best_weights(experts: list[np.ndarray], truth: np.ndarray, step: float = 0.01) -> np.ndarray:
    """Return (alpha, beta, gamma) with the most groups right; ties go to the most even.

    All 5,151 points of the grid are tried (section 3.3).
    """
    n = round(1 / step)
    a, b = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    keep = a + b <= n
    grid = np.stack([a[keep], b[keep], n - a[keep] - b[keep]], axis=1) / n
    right = np.zeros(len(grid))
    for i in range(len(truth)):
        rows = np.stack([expert[i] for expert in experts])
        right += np.argmax(grid @ rows, axis=1) == truth[i]
    evenness = -(grid**2).sum(axis=1)
    best = np.lexsort((evenness, right))[-1]
    return grid[best]


def _fit(
    D: np.ndarray, labels: np.ndarray, groups: int, seed: int, weights: np.ndarray, phase: Phase
) -> EnsembleRouter:
    """Fit the three classifiers."""
    phase.report(0.0, "router: neighbours and forest")
    forest = RandomForestClassifier(TREES, bootstrap=False, random_state=seed, n_jobs=1)
    forest.fit(D, labels)
    boosted = _boost(D, labels, groups, seed, phase)
    return EnsembleRouter(D, labels, _knn().fit(D, labels), forest, boosted, weights, groups)


def _boost(
    D: np.ndarray, labels: np.ndarray, groups: int, seed: int, phase: Phase
) -> lightgbm.Booster:
    """Fit LightGBM, asking after every round whether to stop."""

    def watch(round_: Any) -> None:
        phase.report(0.3 + 0.7 * (round_.iteration + 1) / ROUNDS, "router: boosting")

    settings = {
        "objective": "multiclass",
        "num_class": groups,
        "num_leaves": 15,
        "min_data_in_leaf": 3,
        "learning_rate": 0.1,
        "feature_fraction": 0.8,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "seed": seed,
        "verbose": -1,
    }
    data = lightgbm.Dataset(D, label=labels, free_raw_data=False)
    return lightgbm.train(settings, data, num_boost_round=ROUNDS, callbacks=[watch])


def _knn() -> KNeighborsClassifier:
    """Return the neighbour classifier; the paper names no settings, these are its ancestor's."""
    return KNeighborsClassifier(n_neighbors=NEIGHBOURS, weights="distance", n_jobs=1)


def _spread(proba: np.ndarray, classes: np.ndarray, groups: int) -> np.ndarray:
    """Put columns where they belong among all groups."""
    out = np.zeros((len(proba), groups))
    out[:, classes] = proba
    return out
