"""What was learned, as plain arrays.

Weights, gates, class means and calibration; and, for learning on, the optimiser's state and the
importance of weights.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from cil_nodes.learners.calibration import ScoreMap

Arrays = dict[str, np.ndarray]

BY_ROW = ("modes.mean", "modes.logvar")
"""Weights with one row a class."""
BY_COLUMN = ("head.w", "head.b")
"""Weights whose last axis has one entry a class."""


@dataclass(frozen=True)
class Scaling:
    """How features are scaled; fixed by the first phase, for the network is built on it.

    Attributes
    ----------
    centre : (d,) float32 array
        Subtracted.
    scale : float
        Divided by: one number, so that all features keep their weight among each other.
    """

    centre: np.ndarray
    scale: float

    @classmethod
    def of(cls, X: np.ndarray, classes: int) -> Scaling:
        """Return the scaling for a first phase ``X`` (n, d) of so many classes.

        The mean of a single class would hide what sets it apart from those to come, so with one
        class nothing is subtracted.
        """
        centre = X.mean(axis=0) if classes > 1 else np.zeros(X.shape[1])
        size = float(np.sqrt(np.mean(np.square(X - centre))))
        return cls(centre.astype(np.float32), size if size > 0 else 1.0)

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Return scaled features (n, d), float64."""
        return (np.asarray(X, dtype=np.float64) - self.centre) / self.scale


@dataclass(frozen=True)
class Training:
    """What only learning on needs.

    Attributes
    ----------
    first, second : dict of str to array
        Adam's running moments of each weight.
    steps : int
        Steps that Adam took, over all phases.
    importance : dict of str to array
        Omega of synaptic intelligence, of encoder and classifier.
    anchor : dict of str to array
        The same weights as they were at the end of the last phase.
    """

    first: Arrays
    second: Arrays
    steps: int
    importance: Arrays
    anchor: Arrays


@dataclass(frozen=True)
class Model:
    """The model of `RepulsionReplay`.

    Attributes
    ----------
    scaling : Scaling
    weights : dict of str to float32 array
        ``e1``, ``e2`` the encoder (d, h), (h, h); ``c1``, ``c2`` the classifier's own where it does
        not share the encoder; ``head`` (h, C); ``zm``, ``zv`` (h, k) mean and log-variance of z;
        ``d1``, ``d2``, ``d3`` the decoder (k, h), (h, h), (h, d); each ``.w`` and ``.b``.
        ``modes.mean``, ``modes.logvar`` (C, k): the prior of each class, where it has one.
    gates : (C, 2, h) uint8 array
        1 where a unit of a hidden layer of the decoder is on for the class.
    means : (C, d) float32 array
        Mean of all samples of each class, scaled: x-hat of Eq. 4 and 5.
    held : (C, Q) float32 array
        Quantiles of each class's novelty, out of sample; see `calibrating`.
    measured : (C,) bool array
        Whether those come from held-back samples; else from a prior.
    score_map : ScoreMap
        From novelty to the unknown score.
    kl_divisor : float
        What the Kullback-Leibler term is divided by beside a reconstruction error averaged over
        features.
    training : Training or None
        None in a model that only answers.
    """

    scaling: Scaling
    weights: Arrays
    gates: np.ndarray
    means: np.ndarray
    held: np.ndarray
    measured: np.ndarray
    score_map: ScoreMap
    kl_divisor: float
    training: Training | None

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.gates)

    @cached_property
    def doubles(self) -> Arrays:
        """The weights in float64, so that a row answers the same alone and among others."""
        return {name: w.astype(np.float64) for name, w in self.weights.items()}


def without(model: Model, position: int) -> Model:
    """Return the model without one class: its column, mode, gate, mean and calibration."""
    training = model.training
    if training is not None:
        parts = (_dropped(getattr(training, name), position) for name in _PARTS)
        first, second, importance, anchor = parts
        training = Training(first, second, training.steps, importance, anchor)
    return replace(
        model,
        weights=_dropped(model.weights, position),
        gates=np.delete(model.gates, position, axis=0),
        means=np.delete(model.means, position, axis=0),
        held=np.delete(model.held, position, axis=0),
        measured=np.delete(model.measured, position),
        training=training,
    )


def _dropped(weights: Arrays, position: int) -> Arrays:
    """Return weights without the entries of one class."""
    axes = {**dict.fromkeys(BY_ROW, 0), **dict.fromkeys(BY_COLUMN, -1)}
    return {
        name: np.delete(w, position, axis=axes[name]) if name in axes else w
        for name, w in weights.items()
    }


_PARTS = ("first", "second", "importance", "anchor")


def pack(model: Model, statistics: bool) -> tuple[Arrays, dict[str, Any]]:
    """Take a model apart into named arrays and JSON values."""
    tensors = {
        "centre": model.scaling.centre,
        "gates": model.gates,
        "means": model.means,
        "held": model.held,
        "measured": model.measured.astype(np.uint8),
        **{f"weights/{name}": w for name, w in model.weights.items()},
    }
    values: dict[str, Any] = {
        "scale": model.scaling.scale,
        "map": [model.score_map.centre, model.score_map.width],
        "kl_divisor": model.kl_divisor,
    }
    if statistics and model.training is not None:
        values["steps"] = model.training.steps
        for part in _PARTS:
            for name, w in getattr(model.training, part).items():
                tensors[f"{part}/{name}"] = w
    return tensors, values


def unpack(tensors: Arrays, values: dict[str, Any]) -> Model:
    """Put together what `pack` took apart; KeyError names what is missing."""

    def group(prefix: str) -> Arrays:
        start = f"{prefix}/"
        return {k[len(start) :]: np.array(w) for k, w in tensors.items() if k.startswith(start)}

    training = None
    if "steps" in values:
        first, second, importance, anchor = map(group, _PARTS)
        training = Training(first, second, int(values["steps"]), importance, anchor)
    weights = group("weights")
    weights["head.w"]  # The one that no model lacks: KeyError says that the file is another's.
    return Model(
        Scaling(np.array(tensors["centre"]), float(values["scale"])),
        weights,
        np.array(tensors["gates"]),
        np.array(tensors["means"]),
        np.array(tensors["held"]),
        np.array(tensors["measured"]).astype(bool),
        ScoreMap(*map(float, values["map"])),
        float(values["kl_divisor"]),
        training,
    )
