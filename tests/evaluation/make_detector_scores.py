"""Make detector_scores.json: what pytorch-ood answers on made-up input.

Needs torch and pytorch-ood (made with 2.13.0 and 0.4.0); the test that reads the file needs
neither::

    python tests/evaluation/make_detector_scores.py
"""

import json
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("detector_scores.json")


def made_up(seed=0, n=240, d=10, classes=4):
    """Return features, classes and logits of known samples, and those of others to be scored."""
    rng = np.random.RandomState(seed)
    centres = 2.0 * rng.standard_normal((classes, d))
    y = np.arange(n) % classes
    X = centres[y] + rng.standard_normal((n, d))
    W, b = centres.T / 2.0, -(centres**2).sum(axis=1) / 4.0 + 3.0
    T = np.concatenate([X[:12] + 0.3, 2.5 * rng.standard_normal((20, d))])
    return X, y, W, b, T


def main():
    """Write the file."""
    import torch
    from pytorch_ood.detector import KNN, RMD, EnergyBased, Mahalanobis, MaxSoftmax, OpenMax, ViM

    torch.set_default_dtype(torch.float64)  # Their means and covariances take the default.

    def tensor(array):
        return torch.tensor(array, dtype=torch.float64)

    X, y, W, b, T = made_up()

    def unit(array):
        return tensor(array / np.linalg.norm(array, axis=1, keepdims=True))

    Z, known = tensor(T @ W + b), torch.tensor(y)
    knn, mahalanobis, relative = KNN(None, k=5), Mahalanobis(None), RMD(None)
    knn.fit_features(unit(X), known)
    mahalanobis.fit_features(tensor(X), known)
    relative.fit_features(tensor(X), known)
    vim = ViM(lambda x: x, d=6, w=tensor(W.T), b=tensor(b))
    vim.fit([(tensor(X), known)])
    openmax = OpenMax(None, tailsize=15, alpha=3)
    logits = X @ W + b
    right = logits.argmax(axis=1) == y
    openmax.fit_logits(tensor(logits[right]), known[torch.tensor(right)])
    scores = {
        "max_softmax": MaxSoftmax.score(Z),
        "energy": EnergyBased.score(Z),
        "knn": knn.predict_features(unit(T)),
        # Theirs is half the distance, and their covariances are sums, not means.
        "mahalanobis": 2 * len(X) * mahalanobis.predict_features(tensor(T)),
        "relative_mahalanobis": len(X) * relative.predict_features(tensor(T)),
        "vim": vim.predict(tensor(T)),
        "openmax": openmax.predict_logits(Z),
    }
    plain = {name: [float(f"{v:.10g}") for v in values.tolist()] for name, values in scores.items()}
    FILE.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
