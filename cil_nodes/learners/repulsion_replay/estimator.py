"""RR+RA: brain-inspired replay with reconstruction repulsion and attraction, as an estimator.

It generates: what it knows of old classes is what it can draw of them. A linear discriminant on the
same features names them more accurately; see docs/methods/repulsion-replay.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import softmax

from cil_nodes.learners.base import IncrementalLearner, Knowledge, Learned, Scores
from cil_nodes.learners.calibration import THRESHOLD
from cil_nodes.learners.ledger import Ledger
from cil_nodes.learners.networks import load_torch
from cil_nodes.learners.outcomes import Reason, UnknownReason
from cil_nodes.learners.phase import Phase
from cil_nodes.learners.repulsion_replay import answering, calibrating, rules
from cil_nodes.learners.repulsion_replay.model import Model, Scaling, pack, unpack, without

_CHOICES = {
    "repulsion": ("reciprocal", "negative", "none"),
    "answers": ("softmax", "generator"),
    "device": ("auto", "cpu", "cuda"),
}
_AUTOMATIC = ("hidden", "latent", "batch", "iterations", "kl_divisor")
_RANGES = {
    "gated": (0.0, 0.95),
    "temperature": (0.1, 100.0),
    "si_strength": (0.0, 1e12),
    "si_damping": (1e-9, 1e3),
    "repulsion_weight": (0.0, 1e6),
    "attraction_weight": (0.0, 1e6),
    "rate": (1e-7, 1.0),
    "threads": (1, 64),
    "false_unknown_rate": (0.0, 0.5),
}


class RepulsionReplay(IncrementalLearner):
    """Brain-inspired replay with reconstruction repulsion and attraction (RR+RA).

    One network classifies features and generates them: a classifier and a variational autoencoder
    on one encoder. A phase trains it on new samples and on samples that the previous network draws
    of the old classes. What it makes of those is pushed away from the mean of classes that compete
    with theirs (RR) and pulled to the mean of their own (RA). No sample is kept.

    Parameters
    ----------
    hidden : int or "auto" in [4, 10000]
        Units of each of the two fully connected layers of encoder and decoder. "auto": about a
        quarter of the features, 32 to 256. The published network has 2000.
    latent : int or "auto" in [1, 1000]
        Dimensions of z. "auto": a quarter of the units; published 100.
    feedback : bool
        Replay through feedback: classifier and generator share the encoder. False gives the
        classifier one of its own.
    conditional : bool
        Conditional replay: a Gaussian of its own for each class as prior of z. False: N(0, 1), the
        prior of the paper's Eq. 3.
    gated : float in [0, 0.95]
        Gating: share of the decoder's hidden units that is off for a class; 0 turns it off.
        Published 0.7, with synaptic intelligence 0.6.
    distillation : bool
        Replayed samples are taught what the previous network says of them; False: the class that
        they were drawn for.
    temperature : float in [0.1, 100]
        Of distillation.
    si_strength : float in [0, 1e12]
        Synaptic intelligence, c; 0 turns it off. Published 1e8.
    si_damping : float in [1e-9, 1000]
        Synaptic intelligence, the damping of small changes.
    repulsion : {"reciprocal", "negative", "none"}
        Form of the repulsion: one over the error (Eq. 4), or minus the error, up to 4.
    repulsion_weight : float in [0, 1e6]
        Weight of repulsion (lambda RR) relative to the reconstruction loss; 0 turns it off.
    attraction_weight : float in [0, 1e6]
        Weight of attraction (lambda RA, Eq. 5) relative to the reconstruction loss; 0 turns it off.
    factor : float in [0, 1e9]
        A class competes when its probability exceeds that of the label divided by it (f >= 1,
        section 3.2); 0: every other class competes.
    confidence : bool
        Repulsion is weighed by the probability of the sample's label: the paper's future work.
    answers : {"softmax", "generator"}
        What classifies: the softmax head, or the class-conditional likelihood of the generator.
    iterations : int or "auto" in [1, 1000000]
        Steps a phase. "auto": 150 to 500, by the phase's samples; published 5000.
    batch : int or "auto" in [1, 100000]
        New samples a step, and as many replayed ones. "auto": 16 to 128; the paper has 512.
    rate : float in [1e-7, 1]
        Adam's learning rate; published 0.0001.
    kl_divisor : float or "auto" in [1, 1e6]
        The regularisation loss is divided by it. "auto": the number of features; published 3072.
    device : {"auto", "cpu", "cuda"}
        Where it trains; "auto" is the GPU where there is one.
    threads : int in [1, 64]
        Threads while training; another number gives slightly other results.
    false_unknown_rate : float in [0, 0.5]
        At most this share of held-back known samples may be called unknown.
    random_state : int
        Seed of every draw.

    Attributes
    ----------
    classes_, class_index_, unknown_threshold_, unknown_calibrated_, lessons_
        As in `IncrementalLearner`.
    """

    method = "repulsion_replay"
    trains_with_torch = True

    def __init__(
        self,
        hidden: int | str = "auto",
        latent: int | str = "auto",
        feedback: bool = True,
        conditional: bool = True,
        gated: float = 0.6,
        distillation: bool = True,
        temperature: float = 2.0,
        si_strength: float = 0.0,
        si_damping: float = 0.1,
        repulsion: str = "negative",
        repulsion_weight: float = 0.5,
        attraction_weight: float = 0.5,
        factor: float = 20.0,
        confidence: bool = False,
        answers: str = "softmax",
        iterations: int | str = "auto",
        batch: int | str = "auto",
        rate: float = 1e-3,
        kl_divisor: float | str = "auto",
        device: str = "auto",
        threads: int = 1,
        false_unknown_rate: float = 0.03,
        random_state: Any = 0,
    ) -> None:
        self.hidden = hidden
        self.latent = latent
        self.feedback = feedback
        self.conditional = conditional
        self.gated = gated
        self.distillation = distillation
        self.temperature = temperature
        self.si_strength = si_strength
        self.si_damping = si_damping
        self.repulsion = repulsion
        self.repulsion_weight = repulsion_weight
        self.attraction_weight = attraction_weight
        self.factor = factor
        self.confidence = confidence
        self.answers = answers
        self.iterations = iterations
        self.batch = batch
        self.rate = rate
        self.kl_divisor = kl_divisor
        self.device = device
        self.threads = threads
        self.false_unknown_rate = false_unknown_rate
        self.random_state = random_state

    @classmethod
    def paper(cls, **changes: Any) -> RepulsionReplay:
        """Make the paper's configuration: the published network, BI-R + SI, RR+RA with f = 20.

        The published weights of RR and RA, 1e-6, are relative to a cross-entropy that internal
        features do not have; 0.1 of the reconstruction loss did best with the reciprocal form.
        """
        settings: dict[str, Any] = {
            "hidden": 2000,
            "latent": 100,
            "si_strength": 1e8,
            "repulsion": "reciprocal",
            "repulsion_weight": 0.1,
            "attraction_weight": 0.1,
            "iterations": 5000,
            "batch": 512,
            "rate": 1e-4,
            "kl_divisor": 3072.0,
        }
        return cls(**(settings | changes))

    # ---- learning ----------------------------------------------------------------------------

    def _learn(
        self,
        known: Knowledge | None,
        ledger: Ledger,
        X: np.ndarray,
        positions: np.ndarray,
        phase: Phase,
    ) -> Learned:
        self._check_parameters()
        load_torch(self.method)
        from cil_nodes.learners.repulsion_replay import learning

        old: Model | None = known.model if known and len(known.ledger.classes) else None
        scaling = old.scaling if old else Scaling.of(X, len(ledger.classes))
        x = scaling(X)
        lesson = learning.Lesson(x, positions, ledger.counts, ledger.seeds())
        out = learning.learn(old, lesson, scaling, self._settings(X.shape), phase)
        return Learned(out.model, THRESHOLD, out.calibrated, out.losses)

    def _settings(self, size: tuple[int, ...]) -> Any:
        """Return all settings for a phase of shape (n, d)."""
        from cil_nodes.learners.repulsion_replay.learning import Settings
        from cil_nodes.learners.repulsion_replay.network import Shape

        hidden = self._or(self.hidden, rules.automatic_hidden(size[1]))
        latent = self._or(self.latent, rules.automatic_latent(hidden))
        return Settings(
            Shape(size[1], hidden, latent, bool(self.feedback), bool(self.conditional)),
            self._rule(size),
            float(self.gated),
            float(self.si_strength),
            float(self.si_damping),
            float(self.false_unknown_rate),
            self.device,
            int(self.threads),
        )

    def _rule(self, size: tuple[int, ...]) -> rules.Rule:
        """Return how a phase of shape (n, d) is trained."""
        divisor = float(size[1]) if self.kl_divisor == "auto" else float(self.kl_divisor)
        return rules.Rule(
            self._or(self.batch, rules.automatic_batch(size[0])),
            self._or(self.iterations, rules.automatic_iterations(size[0])),
            float(self.rate),
            divisor,
            bool(self.conditional),
            bool(self.distillation),
            float(self.temperature),
            self.repulsion,
            float(self.repulsion_weight),
            float(self.attraction_weight),
            float(self.factor),
            bool(self.confidence),
        )

    @staticmethod
    def _or(value: int | str, automatic: int) -> int:
        """Return a size, or the automatic one."""
        return automatic if value == "auto" else int(value)

    def _check_parameters(self) -> None:
        """Refuse values that are not among the choices, by name."""
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                listed = ", ".join(repr(c) for c in choices)
                raise ValueError(f"{name} must be one of {listed}; got {getattr(self, name)!r}.")
        for name in _AUTOMATIC:
            value = getattr(self, name)
            if value != "auto" and (isinstance(value, str) or not value >= 1):
                raise ValueError(f'{name} must be "auto" or 1 or larger; got {value!r}.')
        for name, (low, high) in _RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(
                    f"{name} must lie in {low:g} to {high:g}; got {getattr(self, name)!r}."
                )
        if self.factor and not self.factor >= 1:
            raise ValueError(f"factor must be 1 or larger, or 0 for none; got {self.factor!r}.")

    def _forget(
        self, known: Knowledge, ledger: Ledger, position: int, X: np.ndarray | None
    ) -> Learned:
        """Drop all that is the class's own; weights that classes share keep traces of it."""
        left = without(known.model, position)
        if not left.classes:
            return Learned(left, THRESHOLD, False)
        map_, calibrated = calibrating.score_map(
            left.held, left.measured, ledger.counts, float(self.false_unknown_rate)
        )
        return Learned(replace(left, score_map=map_), THRESHOLD, calibrated)

    # ---- answering ---------------------------------------------------------------------------

    def _score(self, known: Knowledge, X: np.ndarray) -> Scores:
        model: Model = known.model
        x = model.scaling(X)
        generated = self.answers == "generator"
        scores = answering.generator_scores(model, x) if generated else answering.logits(model, x)
        unknown = model.score_map(calibrating.novelty(model, x))
        return Scores(
            softmax(scores, axis=1),
            unknown,
            lambda: [UnknownReason(Reason.NOVELTY, float(u)) for u in unknown],
        )

    # ---- files -------------------------------------------------------------------------------

    def _pack(self, model: Model, statistics: bool) -> tuple[dict[str, Any], dict[str, Any]]:
        return pack(model, statistics)

    def _unpack(
        self, tensors: dict[str, np.ndarray], values: dict[str, Any], ledger: Ledger
    ) -> Model:
        return unpack(tensors, values)
