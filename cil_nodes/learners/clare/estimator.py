"""ClaRe as a scikit-learn estimator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import softmax

from cil_nodes.learners import networks
from cil_nodes.learners.base import (
    IncrementalLearner,
    Knowledge,
    Learned,
    Reason,
    Scores,
    UnknownReason,
)
from cil_nodes.learners.calibration import THRESHOLD
from cil_nodes.learners.clare.finishing import finished
from cil_nodes.learners.clare.inputs import check_range, prepared
from cil_nodes.learners.clare.model import Model, pack, unpack
from cil_nodes.learners.clare.settings import Settings
from cil_nodes.learners.ledger import Ledger
from cil_nodes.learners.phase import Phase


class Clare(IncrementalLearner):
    """Class-incremental learning by remembering representations.

    "ClaRe: Practical Class Incremental Learning by Remembering Previous Class Representations".
    An encoder D_F, a classifier D_C on it and a conditional decoder R are trained together
    (Eq. 1 and 2); before a phase R draws samples of the old classes, which are learned again with
    the new ones. No sample is kept.

    Needs torch to learn, not to answer. The defaults leave the paper where that pays: each class
    has a small network of its own, so that nothing old is learned anew, and the class that
    explains a sample best is the answer. `paper` makes the paper's own configuration.

    Parameters
    ----------
    generator : {"each", "shared"}
        One small network for each class, which only that class's own samples change; or the
        paper's one for all, which draws every old class before each phase (section 2.3).
    answer_by : {"generator", "classifier"}
        By the class under which Eq. 2 is best, or by D_C (section 2.4), which only
        ``generator="shared"`` has.
    likelihood : {"gaussian", "bernoulli"}
        Gaussian for features: entries are levelled by their square root and rows scaled to one
        length. Bernoulli for pixels in [0, 1], as they are.
    prior : {"standard", "class"}
        What the latent is drawn to (Eq. 2): the standard Gaussian, as the text says, or a learned
        p(z | c), as the formula does.
    modes : int in [1, 32]
        Gaussians of each class's own prior.
    init : {"scratch", "warm"}
        Whether a phase of the shared network starts from first weights, as the abstract says, or
        from the last phase's.
    latent : {"direct", "heads"}
        Whether D_F's second layer is mean and log-variance itself, or has heads for them.
    classify_from : {"features", "mu", "z"}
        What D_C sees: D_F's last layer, the latent's mean, or a draw of it while training.
    drawn : float in [0, 10]
        Samples drawn of each old class, as a multiple of what the phase has of each of its own;
        1 is balanced, 0 draws none.
    filter_drawn : bool
        Leave out draws that the old D_C takes for another class.
    soft_targets : float in [0, 100]
        Temperature of the old D_C's answers that draws are taught with; 0 teaches the class they
        were drawn for.
    phase_weights : bool
        Weigh new samples by 1 / phase and drawn ones by 1 - 1 / phase.
    hidden : int or "auto" in [1, 8192]
        Width of D_F's first and R's layer; D_F's second is half of it. The paper has 512. "auto"
        is the power of two nearest to 1.5 sqrt(samples), from 16 to 128.
    latent_size : int or "auto" in [1, 4096]
        Width of the latent. The paper has 256. "auto" is an eighth of ``hidden``, from 2 to
        16.
    iterations : int or "auto" in [1, 1000000]
        Steps of the optimiser for a network and phase. "auto" is 8 sqrt(samples), from 100 to
        2000.
    batch : int in [1, 65536]
        Samples a step.
    rate : float in [1e-6, 1]
        Adam's rate at the start; it falls along a cosine.
    classifier_weight : float in [0, 10000]
        Weight of L_D in Eq. 1; the paper has 1.
    divergence_weight : float in [0, 100]
        Weight of the divergence in Eq. 2; the paper has 1.
    device : {"auto", "cpu", "cuda"}
        Where it learns; "auto" is the GPU where there is one.
    threads : int in [1, 256]
        Processor threads of torch while learning. Another number may change the last digits.
    false_unknown_rate : float in [0, 0.5]
        At most this share of held-back known samples may be called unknown.
    random_state : int
        Seed of every draw.

    Attributes
    ----------
    classes_, class_index_, unknown_threshold_, unknown_calibrated_, lessons_
        As in `IncrementalLearner`.
    """

    method = "clare"
    trains_with_torch = True

    def __init__(
        self,
        generator: str = "each",
        answer_by: str = "generator",
        likelihood: str = "gaussian",
        prior: str = "standard",
        modes: int = 1,
        init: str = "scratch",
        latent: str = "direct",
        classify_from: str = "features",
        drawn: float = 1.0,
        filter_drawn: bool = False,
        soft_targets: float = 0.0,
        phase_weights: bool = False,
        hidden: int | str = "auto",
        latent_size: int | str = "auto",
        iterations: int | str = "auto",
        batch: int = 128,
        rate: float = 0.003,
        classifier_weight: float = 1.0,
        divergence_weight: float = 1.0,
        device: str = "auto",
        threads: int = 1,
        false_unknown_rate: float = 0.03,
        random_state: Any = 0,
    ) -> None:
        self.generator = generator
        self.answer_by = answer_by
        self.likelihood = likelihood
        self.prior = prior
        self.modes = modes
        self.init = init
        self.latent = latent
        self.classify_from = classify_from
        self.drawn = drawn
        self.filter_drawn = filter_drawn
        self.soft_targets = soft_targets
        self.phase_weights = phase_weights
        self.hidden = hidden
        self.latent_size = latent_size
        self.iterations = iterations
        self.batch = batch
        self.rate = rate
        self.classifier_weight = classifier_weight
        self.divergence_weight = divergence_weight
        self.device = device
        self.threads = threads
        self.false_unknown_rate = false_unknown_rate
        self.random_state = random_state

    @classmethod
    def paper(cls, **changes: Any) -> Clare:
        """Make the paper's own configuration, as far as it says one.

        One network for all classes, 512 and 256 wide, trained from scratch in each phase on new
        and as many drawn samples, answering by D_C, pixels as Bernoulli. Optimiser, rate, batch
        and iterations are not in the paper: Adam at 0.001, 128, and 1,000; pass others by name.
        """
        settings: dict[str, Any] = {
            "generator": "shared",
            "answer_by": "classifier",
            "likelihood": "bernoulli",
            "latent": "heads",
            "hidden": 512,
            "latent_size": 256,
            "iterations": 1000,
            "rate": 0.001,
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
        settings = self._settings()
        check_range(X, self.likelihood)
        networks.load_torch(self.method)
        from cil_nodes.learners.clare import learning

        lesson = learning.Lesson(
            prepared(X, self.likelihood),
            positions,
            ledger.counts,
            ledger.lessons,
            ledger.seeds(),
        )
        old = known.model if known and known.model.networks else None
        done = learning.learn(old, lesson, settings, phase)
        return Learned(done.model, THRESHOLD, done.calibrated, done.losses, done.notes)

    def _forget(
        self, known: Knowledge, ledger: Ledger, position: int, X: np.ndarray | None
    ) -> Learned:
        model: Model = known.model
        held = model.held[:position] + model.held[position + 1 :]
        if not held:
            return Learned(Model((), ()), THRESHOLD, False)
        if self.generator == "each":
            left = model.networks[:position] + model.networks[position + 1 :]
        else:
            left = (model.networks[0].without(position),)
        rng = np.random.default_rng([ledger.seed, ledger.lessons, 1])
        smaller = replace(model, networks=left, held=held)
        after, calibrated = finished(smaller, self._settings(), rng)
        return Learned(after, THRESHOLD, calibrated)

    def _settings(self) -> Settings:
        """Return the parameters, checked."""
        values = self.get_params(deep=False)
        values.pop("random_state")
        return Settings(**values)

    # ---- answering ---------------------------------------------------------------------------

    def _score(self, known: Knowledge, X: np.ndarray) -> Scores:
        model: Model = known.model
        rows = prepared(X, self.likelihood)
        energies = model.energies(rows)
        if self.answer_by == "classifier":
            proba = softmax(model.banks[0].logits(rows), axis=1)
        else:
            proba = softmax(-energies / model.temperature, axis=1)
        unknown = model.map(model.scale.novelty(energies).min(axis=1))
        return Scores(
            proba, unknown, lambda: [UnknownReason(Reason.NOVELTY, float(u)) for u in unknown]
        )

    def generate(self, label: Any, count: int, random_state: int = 0) -> np.ndarray:
        """Draw ``count`` samples (count, d) of a known class, as the networks are given them.

        For Bernoulli inputs these are pixels in [0, 1]; for Gaussian ones they are levelled and
        scaled (`cil_nodes.learners.clare.inputs`).

        Raises
        ------
        ValueError
            For a label that is not known.
        """
        known = self._state("generate")
        position = int(known.ledger.positions(np.array([label]))[0])
        if position < 0:
            have = ", ".join(repr(c) for c in known.ledger.classes.tolist())
            raise ValueError(f"Cannot generate {label!r}: it was never taught. Known: {have}.")
        rng = np.random.default_rng([random_state, position])
        if self.generator == "each":
            return known.model.networks[position].draw(0, count, rng)
        return known.model.networks[0].draw(position, count, rng)

    # ---- files -------------------------------------------------------------------------------

    def _pack(self, model: Model, statistics: bool) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return pack(model)

    def _unpack(
        self, tensors: dict[str, np.ndarray], values: dict[str, Any], ledger: Ledger
    ) -> Model:
        return unpack(tensors, values)
