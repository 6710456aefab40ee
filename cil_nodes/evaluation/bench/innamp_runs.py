"""INNAMP's protocol on one fold: half the classes and one more first, the others one by one."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold

from cil_nodes.datasets.characters import read_characters
from cil_nodes.datasets.tables import Table, read_table
from cil_nodes.evaluation.metrics import auroc
from cil_nodes.evaluation.open_set_peers import PEERS, threshold_of, verdicts
from cil_nodes.evaluation.protocols import class_order
from cil_nodes.learners import Innamp
from cil_nodes.learners.innamp.scaling import Scaling

FOLDS = 10
FIRST = {"car": 3, "webkb4": 3, "cnae9": 5, "chars74k": 22}
"""Classes learned at the start; the paper's numbers, and all but 12 of Chars74K as there."""

PROTOTYPES = 200
"""Exemplars a class that distances are taken to; the learner as it comes has 40, to be quick."""

TABLE3 = {"iris": load_iris, "wine": load_wine, "breast cancer": load_breast_cancer}

VARIANTS = {
    "hard": "the paper: hard monitor, open boundaries",
    "soft": "soft monitor",
    "learned": "learned monitor",
    "closed": "soft monitor, boundaries closed by distance",
    "evm": "soft monitor, boundaries closed by extreme values",
    "shell": "soft monitor, boundaries closed by negatives in the shell",
    "as it comes": "the learner as it comes: closed by distance, 3 % of known samples given up",
}


@cache
def table(name: str) -> Table:
    """Return a table, or the characters."""
    return read_characters() if name == "chars74k" else read_table(name)


@dataclass(frozen=True)
class Fold:
    """What is taught and shown.

    Attributes
    ----------
    order : tuple of str
        Classes in the order in which they arrive.
    first : int
        How many of them come at once.
    train, test : Table
    """

    order: tuple[str, ...]
    first: int
    train: Table
    test: Table


def fold_of(name: str, order: int, fold: int) -> Fold:
    """Return one of ten folds, with the classes in an order by seed."""
    whole = table(name)
    cut = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(whole.X, whole.y)
    train, test = list(cut)[fold]
    train = np.random.default_rng([order, fold]).permutation(train)  # files are sorted
    parts = (Table(name, whole.X[rows], whole.y[rows]) for rows in (train, test))
    return Fold(tuple(class_order(whole.classes, order)), FIRST[name], *parts)


def rows_of(part: Table, classes: Sequence[str]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the rows of some classes."""
    mine = np.isin(part.y, list(classes))
    return part.X[mine], part.y[mine]


def ours(name: str, order: int, fold: int) -> dict[str, Any]:
    """Run every variant on one fold; figures in percent.

    Returns
    -------
    dict
        For each variant ``known``, ``unseen``, ``auroc`` after the first classes, ``overall`` after
        all, and the ``curve`` of accuracy over classes.
    """
    here = fold_of(name, order, fold)
    whole: dict[str, Any] = {"exemplars": 0, "budget": "monitor", "random_state": order}
    found = _taught(Innamp(boundary="open", **whole), here, _ways(whole))
    learned = Innamp(boundary="open", monitor="learned", **whole)
    found |= _taught(learned, here, {"learned": {}})
    return found | _taught(Innamp(boundary="shell", **whole), here, {"shell": {}})


def _ways(whole: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the same networks can answer with."""
    return {
        "hard": {"monitor": "hard"},
        "soft": {},
        "closed": {"boundary": "rbf", "prototypes": PROTOTYPES},
        "evm": {"boundary": "evm", "prototypes": PROTOTYPES},
        "as it comes": {"boundary": "rbf", "budget": "rate"},
    }


def _taught(learner: Innamp, here: Fold, ways: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Teach one learner, and have it answer in several ways after each phase."""
    learner.partial_fit(*rows_of(here.train, here.order[: here.first]))
    found: dict[str, Any] = {}
    for way, changes in ways.items():
        found[way] = _first_moment(learner.rebuilt(**changes) if changes else learner, here)
        found[way]["curve"] = [[here.first, found[way]["known"]]]
    claims: list[float] = []
    retrained: list[float] = []
    for count in range(here.first + 1, len(here.order) + 1):
        new = rows_of(here.train, here.order[count - 1 : count])
        if "closed" in ways:
            fires = learner.rebuilt(**ways["closed"]).fires(new[0])
            claims.append(100 * float(fires.any(axis=0).mean()))
        notes = learner.learn_phase(*new).notes
        retrained.append(100 * float(notes["retrained_networks"]) / float(notes["old_networks"]))
        for way, changes in ways.items():
            if count < len(here.order) and way not in ("hard", "closed"):
                continue  # the curve of two is enough
            answering = learner.rebuilt(**changes) if changes else learner
            right = _right(answering, *rows_of(here.test, here.order[:count]))
            found[way]["curve"].append([count, right])
    for way in ways:
        found[way]["overall"] = found[way]["curve"][-1][1]
        found[way]["retrained"] = float(np.mean(retrained))
    if "closed" in ways:
        found["closed"]["would_claim"] = float(np.mean(claims))
    return found


def _right(learner: Innamp, X: NDArray[Any], y: NDArray[Any]) -> float:
    answers = learner.answer(X)
    return 100 * float(np.mean((answers.labels == y) & ~answers.is_unknown))


def _first_moment(learner: Innamp, here: Fold) -> dict[str, Any]:
    """Return figures after the first classes."""
    X, y = rows_of(here.test, here.order[: here.first])
    strangers, _ = rows_of(here.test, here.order[here.first :])
    known, unseen = learner.answer(X), learner.answer(strangers)
    return {
        "known": _right(learner, X, y),
        "unseen": 100 * float(np.mean(unseen.is_unknown)),
        "auroc": 100 * auroc(known.unknown_score, unseen.unknown_score),
        "argmax": 100 * float(np.mean(known.labels == y)),
    }


def peer(name: str, order: int, fold: int, who: str) -> dict[str, float]:
    """Run one peer on one fold: the same rows, scaled alike, learned at once at both moments."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # the perceptron's passes are limited
    here = fold_of(name, order, fold)
    first = _judged(who, here, here.order[: here.first], order)
    whole = _judged(who, here, here.order, order)
    return {**first, "overall": whole["known"]}


def _judged(who: str, here: Fold, classes: Sequence[str], seed: int) -> dict[str, float]:
    X, labels = rows_of(here.train, classes)
    y = _positions(labels, classes)
    scaling = Scaling.start("auto", X.shape[1])
    levelled = scaling.levelled(X)
    scaling = scaling.fitted(levelled, np.full(len(X), 1 / len(X)))
    rows = scaling.centred(levelled)
    held = _held(y, seed)
    share = _hard_share(X, labels, held, seed)
    threshold = threshold_of(PEERS[who], rows, y, held, share, seed)
    judge = PEERS[who](rows, y, seed)
    known, known_labels = rows_of(here.test, classes)
    said = verdicts(judge, scaling(known), threshold)
    right = (said.best == _positions(known_labels, classes)) & ~said.unknown
    figures = {"known": 100 * float(np.mean(right))}
    strangers = here.test.X[~np.isin(here.test.y, list(classes))]
    if len(strangers):
        told = verdicts(judge, scaling(strangers), threshold)
        figures["unseen"] = 100 * float(np.mean(told.unknown))
        figures["auroc"] = 100 * auroc(said.novelty, told.novelty)
    return figures


def _positions(labels: NDArray[Any], classes: Sequence[str]) -> NDArray[np.int64]:
    place = {label: i for i, label in enumerate(classes)}
    return np.array([place[label] for label in labels.tolist()], dtype=np.int64)


def _held(y: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    """Return a fifth of every class."""
    folds = StratifiedKFold(5, shuffle=True, random_state=seed).split(y, y)
    held = np.zeros(len(y), bool)
    held[next(folds)[1]] = True
    return held


def _hard_share(X: NDArray[Any], y: NDArray[Any], held: NDArray[np.bool_], seed: int) -> float:
    """Return the share of held-out samples that the hard monitor answers rightly."""
    learner = Innamp.paper(random_state=seed).fit(X[~held], y[~held])
    return _right(learner, X[held], y[held]) / 100


def at_once(name: str) -> dict[str, list[float]]:
    """Table 3: few classes, all learned at once; accuracy in percent, a fold an entry."""
    X, y = TABLE3[name](return_X_y=True)
    found: dict[str, list[float]] = {"hard": [], "as it comes": [], "MLP, retrained": []}
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(X, y):
        for way, learner in (("hard", Innamp.paper()), ("as it comes", Innamp())):
            found[way].append(_right(learner.fit(X[train], y[train]), X[test], y[test]))
        here = Fold(
            tuple(map(str, np.unique(y))), 0, *(_as_table(X[p], y[p]) for p in (train, test))
        )
        figures = _judged("MLP, retrained", here, here.order, 0)
        found["MLP, retrained"].append(figures["known"])
    return found


def _as_table(X: NDArray[Any], y: NDArray[Any]) -> Table:
    return Table("", X.astype(np.float32), y.astype(str))


def add_class(repeats: int) -> dict[str, Any]:
    """Teach 100 classes of CIFAR-100, then the 101st, of Grocery; 20 samples each, seconds.

    Every repeat adds another class to the same 100.
    """
    from cil_nodes.evaluation.bench.features import features_of

    learner, first = Innamp(), _twenty("cifar100", 100)
    learner.partial_fit(np.concatenate([X for X, _ in first]), np.repeat(range(100), 20))
    state, seconds, again = learner.state_, [], []
    for X, _ in _twenty("grocery", repeats):
        learner.state_ = state
        start = time.perf_counter()
        report = learner.learn_phase(X, np.full(len(X), 100))
        seconds.append(time.perf_counter() - start)
        again.append(float(report.notes["retrained_networks"]))
    return {
        "seconds": seconds,
        "retrained": again,
        "width": features_of("grocery", "train")[0].features.shape[1],
    }


def _twenty(dataset: str, classes: int) -> list[tuple[NDArray[Any], str]]:
    """Return twenty samples of each of so many classes that have them."""
    from cil_nodes.evaluation.bench.features import features_of

    train, _ = features_of(dataset, "train")
    names, counts = np.unique(train.labels, return_counts=True)
    chosen = names[counts >= 20][:classes]
    return [(train.features[np.flatnonzero(train.labels == name)[:20]], name) for name in chosen]
