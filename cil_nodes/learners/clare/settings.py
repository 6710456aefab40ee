"""What the parameters come to: sizes that adapt to the data, and what goes with what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cil_nodes.learners.clare.inputs import LIKELIHOODS
from cil_nodes.learners.clare.network import Shape

CHOICES = {
    "generator": ("each", "shared"),
    "answer_by": ("generator", "classifier"),
    "likelihood": LIKELIHOODS,
    "prior": ("standard", "class"),
    "init": ("scratch", "warm"),
    "latent": ("direct", "heads"),
    "classify_from": ("features", "mu", "z"),
    "device": ("auto", "cpu", "cuda"),
}

LOWEST = {
    "modes": 1,
    "drawn": 0,
    "soft_targets": 0,
    "classifier_weight": 0,
    "divergence_weight": 0,
    "batch": 1,
    "threads": 1,
}


@dataclass(frozen=True)
class Settings:
    """Parameters of `Clare`, checked; see there."""

    generator: str
    answer_by: str
    likelihood: str
    prior: str
    modes: int
    init: str
    latent: str
    classify_from: str
    drawn: float
    filter_drawn: bool
    soft_targets: float
    phase_weights: bool
    hidden: int | str
    latent_size: int | str
    iterations: int | str
    batch: int
    rate: float
    classifier_weight: float
    divergence_weight: float
    device: str
    threads: int
    false_unknown_rate: float

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                listed = ", ".join(repr(c) for c in choices)
                raise ValueError(f"{name} must be one of {listed}; got {getattr(self, name)!r}.")
        for name, low in LOWEST.items():
            if not float(getattr(self, name)) >= low:
                raise ValueError(f"{name} must be {low} or larger; got {getattr(self, name)!r}.")
        for name in ("hidden", "latent_size", "iterations"):
            _check_size(name, getattr(self, name))
        if not self.rate > 0:
            raise ValueError(f"rate must be larger than 0; got {self.rate!r}.")
        if self.generator == "each" and self.answer_by == "classifier":
            raise ValueError(
                'answer_by="classifier" needs generator="shared": a network for each class has '
                'nothing to tell classes apart by but what it generates. Use answer_by="generator".'
            )

    def shape(self, inputs: int, classes: int, samples: int) -> Shape:
        """Return the shape of a network that learns so many samples."""
        hidden = automatic_hidden(samples) if self.hidden == "auto" else int(self.hidden)
        latent = automatic_latent(hidden) if self.latent_size == "auto" else int(self.latent_size)
        return Shape(
            inputs,
            hidden,
            latent,
            classes,
            self.latent == "heads",
            self.classify_from,
            self.modes if self.prior == "class" else 0,
            self.likelihood == "bernoulli",
        )

    def iterations_for(self, samples: int) -> int:
        """Return how many iterations so many samples get."""
        if self.iterations == "auto":
            return automatic_iterations(samples)
        return int(self.iterations)


def _check_size(name: str, value: int | str) -> None:
    if value == "auto":
        return
    if isinstance(value, str) or int(value) < 1:
        raise ValueError(f'{name} must be 1 or larger, or "auto"; got {value!r}.')


def automatic_hidden(samples: int) -> int:
    """Return the power of two nearest to 1.5 sqrt(samples), from 16 to 128."""
    return int(np.clip(2 ** round(np.log2(1.5 * np.sqrt(samples))), 16, 128))


def automatic_latent(hidden: int) -> int:
    """Return an eighth of the hidden width, from 2 to 16."""
    return int(np.clip(hidden // 8, 2, 16))


def automatic_iterations(samples: int) -> int:
    """Return 8 sqrt(samples), from 100 to 2,000."""
    return int(np.clip(8.0 * np.sqrt(samples), 100, 2000))
