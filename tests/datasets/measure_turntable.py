"""How hard the simulated turntable is: run it as a script; it is no test.

For each seed: 20 teaching views and 20 fresh ones of each thing, encoded by EfficientNet-Lite0. A
ridge classifier and the nearest class mean name the fresh views; then ten draws of 16 taught and 8
untaught things tell how well the ridge's softmax separates the untaught, with the threshold where
3 % of the taught, cross-validated on the teaching views, lie above.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from cil_nodes.datasets.turntable import Turntable
from cil_nodes.encoders import open_encoder

VIEWS, TAUGHT, UNTAUGHT, SHARPNESS = 20, 16, 8, 5.0


def ridge():  # type: ignore[no-untyped-def]
    return make_pipeline(StandardScaler(), RidgeClassifier(alpha=1000.0))


def unsure(scores: NDArray) -> NDArray:
    return 1 - softmax(SHARPNESS * scores, axis=1).max(axis=1)


def flat(features: NDArray, chosen: Sequence[int] | NDArray) -> tuple[NDArray, NDArray]:
    part = features[chosen]
    return part.reshape(-1, part.shape[-1]), np.repeat(np.arange(len(part)), part.shape[1])


def closed(teach: NDArray, fresh: NDArray) -> dict[str, float]:
    everything = np.arange(len(teach))
    X, y = flat(teach, everything)
    X_fresh, y_fresh = flat(fresh, everything)
    nearest = make_pipeline(Normalizer(), NearestCentroid())
    return {
        "ridge accuracy": ridge().fit(X, y).score(X_fresh, y_fresh),
        "nearest mean accuracy": nearest.fit(X, y).score(X_fresh, y_fresh),
    }


def open_set(teach: NDArray, fresh: NDArray, rng: np.random.Generator) -> dict[str, float]:
    order = rng.permutation(len(teach))
    taught, untaught = order[:TAUGHT], order[TAUGHT : TAUGHT + UNTAUGHT]
    X, y = flat(teach, taught)
    X_known, y_known = flat(fresh, taught)
    model = ridge().fit(X, y)
    held_out = cross_val_predict(ridge(), X, y, cv=5, method="decision_function")
    threshold = np.quantile(unsure(held_out), 0.97)
    known = unsure(model.decision_function(X_known))
    unknown = unsure(model.decision_function(flat(fresh, untaught)[0]))
    truth = np.r_[np.zeros(len(known)), np.ones(len(unknown))]
    return {
        "accuracy of 16": model.score(X_known, y_known),
        "unknown AUROC": float(roc_auc_score(truth, np.r_[known, unknown])),
        "false unknown": float((known > threshold).mean()),
        "unknown caught": float((unknown > threshold).mean()),
    }


def features_of(turntable: Turntable, names: Sequence[str], seed: int) -> Callable[[str], NDArray]:
    encoder = open_encoder("efficientnet_lite0")

    def encode(split: str) -> NDArray:
        views = (turntable.views(n, VIEWS, split=split, seed=seed) for n in names)
        return np.stack([encoder.encode(list(v)) for v in views]).astype(float)

    return encode


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how hard the simulated turntable is.")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--all", action="store_true", help="all things, not the 24 distinct ones")
    chosen = parser.parse_args()
    rows: list[dict[str, float]] = []
    for seed in range(chosen.seeds):
        turntable = Turntable(seed=seed)
        names = turntable.objects if chosen.all else turntable.distinct_objects
        encode = features_of(turntable, names, seed)
        teach, fresh = encode("teach"), encode("fresh")
        draws = [open_set(teach, fresh, np.random.default_rng([seed, k])) for k in range(10)]
        mean = {key: float(np.mean([d[key] for d in draws])) for key in draws[0]}
        rows.append({**closed(teach, fresh), **mean})
        print(seed, {k: round(v, 4) for k, v in rows[-1].items()}, flush=True)
    print(f"{len(names)} things, mean over {len(rows)} seeds:")
    for key in rows[0]:
        values = [row[key] for row in rows]
        print(f"  {key}: {np.mean(values):.2%}, from {min(values):.2%} to {max(values):.2%}")


if __name__ == "__main__":
    main()
