"""Print what CLIFER's settings come to on Grocery's validation split.

Not a test: ``PYTHONPATH=. python tests/learners/measure_clifer.py`` needs the data set in
``CIL_DATA``, and takes about two minutes.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from cil_nodes.evaluation.bench.features import features_of
from cil_nodes.learners.clifer import Clifer

CLASSES, PHASES = 30, 6
SETTINGS = {
    'imagination="none"': {"imagination": "none"},
    "default": {},
    'imagination="caae"': {"imagination": "caae"},
    'memory="semantic"': {"memory": "semantic"},
    "nothing imagined, no limit": {"imagination": "none", "neurons_per_class": 0},
    "and nothing guarded": {"imagination": "none", "neurons_per_class": 0, "guarded": False},
    "and every edge ages": {
        "imagination": "none",
        "neurons_per_class": 0,
        "guarded": False,
        "ageing": "all",
    },
}


def auroc(known: np.ndarray, strange: np.ndarray) -> float:
    """Return how often a strange score lies above a known one."""
    ranks = rankdata(np.concatenate([known, strange]))[len(known) :]
    least = len(strange) * (len(strange) + 1) / 2
    return float((ranks.sum() - least) / (len(known) * len(strange)))


def main() -> None:
    """Teach 30 classes in six phases under each setting; show the validation split."""
    train, _ = features_of("grocery", "train")
    shown, _ = features_of("grocery", "val")
    there = set(shown.labels.tolist())
    classes = [c for c in dict.fromkeys(train.labels.tolist()) if c in there]
    np.random.default_rng(0).shuffle(classes)
    groups = np.array_split(np.array(classes[:CLASSES]), PHASES)
    known = np.isin(shown.labels, np.concatenate(groups))
    first = np.isin(shown.labels, groups[0])
    print(f"{'setting':<28} accuracy  first five  AUROC  MB")
    for name, changes in SETTINGS.items():
        learner = Clifer(**changes)
        for group in groups:
            rows = np.isin(train.labels, group)
            learner.partial_fit(train.features[rows], train.labels[rows])
        answers = learner.answer(shown.features)
        right = 100 * (answers.labels == shown.labels)
        told = auroc(answers.unknown_score[known], answers.unknown_score[~known])
        memory = learner.memory_bytes() / 2**20
        print(
            f"{name:<28} {right[known].mean():8.1f}  {right[first].mean():10.1f}  "
            f"{told:5.3f} {memory:4.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
