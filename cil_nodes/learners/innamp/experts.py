"""Who decides for a class: a perceptron of our own, or any binary scikit-learn classifier.

The paper allows any classifier in the perceptron's place that says whether a sample is of its
class (section 3, network layer).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logit
from sklearn.base import clone

from cil_nodes.learners.innamp.networks import Networks
from cil_nodes.learners.innamp.training import Rule, train
from cil_nodes.learners.phase import Phase

_SURE = 1e-6
"""Probabilities are kept this far from 0 and 1."""


@dataclass(frozen=True)
class Experts:
    """Binary classifiers in the networks' place; the same methods as `Networks`.

    Attributes
    ----------
    models : tuple
        Fitted scikit-learn classifiers; where there was nothing to tell apart, a bool.
    """

    models: tuple[Any, ...]

    def __len__(self) -> int:
        return len(self.models)

    def joined(self, others: Experts) -> Experts:
        """Append others."""
        return Experts(self.models + others.models)

    def chosen(self, which: np.ndarray) -> Experts:
        """Return some of them, by number or by mask."""
        return Experts(tuple(self.models[i] for i in np.arange(len(self))[which]))

    def replaced(self, which: np.ndarray, by: Experts) -> Experts:
        """Return all of them, those of these numbers replaced."""
        models = list(self.models)
        for place, model in zip(which, by.models, strict=True):
            models[place] = model
        return Experts(tuple(models))

    def logits(self, X: np.ndarray) -> np.ndarray:
        """Return log-odds (n, C) that each fires for scaled rows X (n, d)."""
        columns = [_log_odds(model, X) for model in self.models]
        return np.stack(columns, axis=1) if columns else np.zeros((len(X), 0))


def _log_odds(model: Any, X: np.ndarray) -> np.ndarray:
    if isinstance(model, bool):
        return np.full(len(X), 8.0 if model else -8.0)
    if hasattr(model, "predict_proba"):
        proba = np.asarray(model.predict_proba(X))[:, 1]
        return logit(np.clip(proba, _SURE, 1 - _SURE))
    return np.asarray(model.decision_function(X), dtype=np.float64)


@dataclass(frozen=True)
class PerceptronMaker:
    """Makes and trains perceptrons.

    Attributes
    ----------
    width : int
        Attributes.
    units : int
        Hidden units of each.
    rule : Rule
    """

    width: int
    units: int
    rule: Rule

    def none(self) -> Networks:
        """Return no networks."""
        return Networks.empty(self.width, self.units)

    def drawn(self, seeds: list[np.random.SeedSequence]) -> Networks:
        """Return untrained ones."""
        return Networks.drawn(self.width, self.units, seeds)

    def train(
        self,
        networks: Networks,
        X: np.ndarray,
        own: np.ndarray,
        again: bool,
        rng: np.random.Generator,
        phase: Phase,
    ) -> tuple[Networks, np.ndarray]:
        """Train on rows X (n, d); ``own`` (n, A) says which are a network's own.

        Every row counts the same. ``again`` means fewer steps, from where the networks are.
        """
        weights = np.full(own.shape, 1.0 / max(len(X), 1), np.float32)
        steps = self.rule.retrain_steps if again else self.rule.steps
        return train(networks, X, own, weights, steps, self.rule, rng, phase)


@dataclass(frozen=True)
class ExpertMaker:
    """Makes and fits scikit-learn classifiers; each time from the start, for few can go on.

    Attributes
    ----------
    expert : estimator
        Is cloned for each class.
    """

    expert: Any

    def none(self) -> Experts:
        """Return no experts."""
        return Experts(())

    def drawn(self, seeds: list[np.random.SeedSequence]) -> Experts:
        """Return experts that claim nothing."""
        return Experts((False,) * len(seeds))

    def train(
        self,
        networks: Experts,
        X: np.ndarray,
        own: np.ndarray,
        again: bool,
        rng: np.random.Generator,
        phase: Phase,
    ) -> tuple[Experts, np.ndarray]:
        """Fit one expert a column of ``own`` (n, A) on rows X (n, d)."""
        models: list[Any] = []
        for number, mine in enumerate(own.T):
            phase.report(number / own.shape[1], "training")
            if mine.all() or not mine.any():
                models.append(bool(mine.any()))
                continue
            model = clone(self.expert)
            if "random_state" in model.get_params():
                model.set_params(random_state=int(rng.integers(2**31)))
            models.append(model.fit(X, mine))
        return Experts(tuple(models)), np.zeros(0)
