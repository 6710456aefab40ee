"""CLIFER as a scikit-learn estimator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import clone

from cil_nodes.learners.base import IncrementalLearner, Knowledge, Learned, Scores
from cil_nodes.learners.calibration import THRESHOLD
from cil_nodes.learners.clifer import networking
from cil_nodes.learners.clifer.answering import Prototypes, novelty, reasons, shares
from cil_nodes.learners.clifer.dual import DualMemory, Pair, Schedule
from cil_nodes.learners.clifer.heldback import HeldBack
from cil_nodes.learners.clifer.imagining import Imagination
from cil_nodes.learners.clifer.learning import Lesson
from cil_nodes.learners.clifer.model import GENERIC, Model, pack, unpack
from cil_nodes.learners.clifer.neurons import EPISODIC, SEMANTIC, Rules
from cil_nodes.learners.clifer.scaling import NORMALIZATIONS, Scaling
from cil_nodes.learners.ledger import Ledger
from cil_nodes.learners.phase import Phase

_CHOICES = {
    "memory": ("episodic", "semantic"),
    "imagination": ("residual", "caae", "none"),
    "normalize": NORMALIZATIONS,
    "ageing": ("winner", "all"),
    "start": ("samples", "random"),
    "new_subject": ("nothing", "copy"),
}
_NEIGHBOURS = 6
_AT_LEAST_ONE = ("episode", "epochs", "replay_epochs", "imagination_epochs", "imagined")


class Clifer(IncrementalLearner):
    """Continual learning with imagination: an episodic and a semantic memory that grow.

    Churamani and Gunes, "CLIFER: Continual Learning with Imagination for Facial Expression
    Recognition", FG 2020, on the growing dual memory of Parisi, Tani, Weber and Wermter, Frontiers
    in Neurorobotics 12:78, 2018. Neurons are inserted where a sample differs from all there are;
    the answer is the label of the nearest one. After each class its samples are imagined as every
    other known class and played to both memories, which keeps the old ones alive.

    Parameters
    ----------
    memory : {"episodic", "semantic"}
        Which memory answers.
    imagination : {"residual", "caae", "none"}
        How a sample is imagined as another class: its difference from its own class's mean put on
        the other's mean, the same through the dense twin of the paper's auto-encoder (needs
        torch), or not at all.
    imagined : int in [1, 100000]
        Most rows imagined after one class; drawn where there would be more.
    replay : bool
        Rehearse the neurons of the episodic memory after every mini-episode (the paper's condition
        "GDM + replay").
    normalize : {"unit", "none"}
        Rows scaled to the length of the paper's z, 4.08, or taken as they are.
    feature_power : float in [0.05, 1]
        Features are raised to it before rows are scaled, their sign kept; with "unit" only.
    context : int in [0, 8]
        K, context vectors of each neuron, for learning from sequences. The paper has 0. Answers
        are of single samples and use the weights alone.
    neurons_per_class : int in [0, 100000]
        Most neurons of one label in the episodic memory; the semantic one has half. 0 for no
        limit, as in the paper; otherwise a neuron has at most 6 edges as well.
    guarded : bool
        A sample never moves a neuron of another label, but gets one of its own. Not in the paper.
    ageing : {"winner", "all"}
        A step ages the winner's edges, or every edge, as both published codes do: then what was
        not seen for 1,000 steps is gone.
    novelty_weighted : bool
        Multiply a winner's move by (1 - activity), as CLIFER's code does and its paper does not.
    squared : bool
        Compare squared distances.
    start : {"samples", "random"}
        The first two neurons: the first two samples, or drawn from [-1, 1]^d as the paper does.
    episode : int in [1, 1000]
        Samples of a mini-episode.
    epochs : int in [1, 1000]
        Rounds over a mini-episode.
    replay_epochs : int in [1, 1000]
        Rounds over what is rehearsed.
    imagination_epochs : int in [1, 1000]
        Rounds over what is imagined.
    sharpness : float in [0.1, 100]
        Power of the activities exp(-d) whose shares are the probabilities.
    hidden : int or "auto" in [4, 4096]
        Width of the twin's layers; "auto" is between 32 and 256 by the features' number.
    iterations : int or "auto" in [1, 100000]
        Steps that the twin is trained in each phase; "auto" is 20 to 200 by the rows there are.
    device : {"auto", "cpu", "cuda"}
        Where the twin is trained.
    subject : str
        Whose memories are taught and asked. Empty: the pair without a subject, which also answers
        for people that have none of their own.
    new_subject : {"nothing", "copy"}
        What a person's memories start from: nothing, or a copy of those without a subject.
    false_unknown_rate : float in [0, 0.5]
        At most this share of known samples, scored before they were learned, may be called
        unknown.
    random_state : int
        Seed of every draw.

    Attributes
    ----------
    classes_, class_index_, unknown_threshold_, unknown_calibrated_, lessons_
        As in `IncrementalLearner`.
    subjects_ : tuple of str
        Whose memories there are.
    """

    method = "clifer"
    trains_with_torch = True

    def __init__(
        self,
        memory: str = "episodic",
        imagination: str = "residual",
        imagined: int = 128,
        replay: bool = False,
        normalize: str = "unit",
        feature_power: float = 0.5,
        context: int = 0,
        neurons_per_class: int = 32,
        guarded: bool = True,
        ageing: str = "winner",
        novelty_weighted: bool = False,
        squared: bool = False,
        start: str = "samples",
        episode: int = 5,
        epochs: int = 10,
        replay_epochs: int = 3,
        imagination_epochs: int = 5,
        sharpness: float = 8.0,
        hidden: int | str = "auto",
        iterations: int | str = "auto",
        device: str = "auto",
        subject: str = GENERIC,
        new_subject: str = "nothing",
        false_unknown_rate: float = 0.03,
        random_state: Any = 0,
    ) -> None:
        self.memory = memory
        self.imagination = imagination
        self.imagined = imagined
        self.replay = replay
        self.normalize = normalize
        self.feature_power = feature_power
        self.context = context
        self.neurons_per_class = neurons_per_class
        self.guarded = guarded
        self.ageing = ageing
        self.novelty_weighted = novelty_weighted
        self.squared = squared
        self.start = start
        self.episode = episode
        self.epochs = epochs
        self.replay_epochs = replay_epochs
        self.imagination_epochs = imagination_epochs
        self.sharpness = sharpness
        self.hidden = hidden
        self.iterations = iterations
        self.device = device
        self.subject = subject
        self.new_subject = new_subject
        self.false_unknown_rate = false_unknown_rate
        self.random_state = random_state

    @classmethod
    def paper(cls, **changes: Any) -> Clifer:
        """Make the paper's own configuration, for z of an encoder with outputs in [-1, 1].

        No limit of neurons, nothing guarded, every edge ages with every step, two random neurons to
        begin with, distances as they are. Imagination needs the paper's decoder of images, see
        `cil_nodes.learners.clifer.faces`; from features alone the dense twin stands in for it.
        """
        settings: dict[str, Any] = {
            "imagination": "caae",
            "imagined": 100000,
            "normalize": "none",
            "neurons_per_class": 0,
            "guarded": False,
            "ageing": "all",
            "start": "random",
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
        scaling = Scaling(self.normalize, float(self.feature_power))
        before: Model | None = known.model if known else None
        rows = scaling(X)
        rng = np.random.default_rng(ledger.seeds())
        held_back = before.held_back if before else HeldBack.none()
        pair = self._beginning(before, rows, len(ledger.classes), rng)
        twin, losses = networking.train(
            self, before, pair, rows, positions, ledger, phase.part(0.0, 0.6)
        )
        lesson = Lesson(
            DualMemory(pair, *self._rules(), self._schedule(), phase.check),
            held_back.with_classes(len(ledger.classes)),
            len(ledger.classes),
            self._imagination(twin, rng),
            self.memory,
        )
        pair = lesson.learn(rows, positions, phase.part(0.6, 1.0))
        score_map, calibrated = lesson.held_back.score_map(
            ledger.counts, float(self.false_unknown_rate), scaling.spread(X.shape[1])
        )
        answers = dict(before.answers) if before else {}
        answers[self.subject] = Prototypes.of(getattr(pair, self.memory))
        pairs = {**(before.pairs if before else {}), self.subject: pair}
        model = Model(scaling, answers, score_map, pairs, lesson.held_back, twin)
        notes: dict[str, float | str] = {
            "episodic neurons": float(len(pair.episodic)),
            "semantic neurons": float(len(pair.semantic)),
        }
        return Learned(model, THRESHOLD, calibrated, losses, notes)

    def _beginning(
        self, before: Model | None, rows: np.ndarray, classes: int, rng: np.random.Generator
    ) -> Pair:
        """Return the memories that the phase starts from (Algorithm 1, step 2)."""
        pairs = before.pairs if before else {}
        found = pairs.get(self.subject)
        if found is None and self.new_subject == "copy":
            found = pairs.get(GENERIC)
        if found is not None and len(found.episodic) >= 2 and len(found.semantic) >= 2:
            return found.with_labels(classes)
        first = rows[[0, min(1, len(rows) - 1)]]
        if self.start == "random":
            first = rng.uniform(-1, 1, size=first.shape)
        return Pair.begin(first, classes, self.context)

    def _rules(self) -> tuple[Rules, Rules]:
        """Return how GDM-E and GDM-S grow."""
        ours: dict[str, Any] = {
            "context": self.context,
            "squared": self.squared,
            "novelty_weighted": self.novelty_weighted,
            "ageing": self.ageing,
            "guarded": self.guarded,
            "neighbours": _NEIGHBOURS if self.neurons_per_class else 0,
        }
        most = int(self.neurons_per_class)
        half = max(1, most // 2) if most else 0
        return (
            replace(EPISODIC, limit_each=most, **ours),
            replace(SEMANTIC, limit_each=half, **ours),
        )

    def _schedule(self) -> Schedule:
        return Schedule(
            self.episode, self.epochs, self.replay_epochs, self.imagination_epochs, self.replay
        )

    def _imagination(self, twin: Any, rng: np.random.Generator) -> Imagination | None:
        if self.imagination == "none":
            return None
        return Imagination(self.imagined, rng, *([twin.carry] if twin is not None else []))

    def _forget(
        self, known: Knowledge, ledger: Ledger, position: int, X: np.ndarray | None
    ) -> Learned:
        before: Model = known.model
        held_back = before.held_back.without_class(position)
        score_map, calibrated = held_back.score_map(
            ledger.counts,
            float(self.false_unknown_rate),
            before.scaling.spread(int(self.n_features_in_)),
        )
        model = replace(
            before,
            answers={s: a.without_label(position) for s, a in before.answers.items()},
            pairs={s: p.without_label(position) for s, p in before.pairs.items()},
            score_map=score_map,
            held_back=held_back,
            twin=None,  # its weights know the class too: the next phase trains it anew
        )
        return Learned(model, THRESHOLD, calibrated)

    def _check_parameters(self) -> None:
        """Refuse what no phase can work with."""
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                listed = ", ".join(map(repr, choices))
                raise ValueError(f"{name} must be one of {listed}; got {getattr(self, name)!r}.")
        for name in _AT_LEAST_ONE:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or larger; got {getattr(self, name)!r}.")
        for name in ("context", "neurons_per_class"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or larger; got {getattr(self, name)!r}.")

    # ---- people ------------------------------------------------------------------------------

    @property
    def subjects_(self) -> tuple[str, ...]:
        """Whose memories there are; an empty name is the pair without a subject."""
        return tuple(self._state("subjects_").model.answers)

    def of_subject(self, subject: str) -> Clifer:
        """Return a learner that shares everything, and teaches and asks another's memories.

        Parameters
        ----------
        subject : str
            One of `subjects_`, or somebody new.
        """
        twin = clone(self).set_params(subject=subject)
        if self.__sklearn_is_fitted__():
            twin._adopt(self)
            twin.state_ = self.state_
        return twin

    def exported(self, subject: str) -> Clifer:
        """Return a learner with this person's memories alone, to be saved for them."""
        alone = self.of_subject(subject)
        alone.state_ = replace(self.state_, model=self._with(subject).only(subject))
        return alone

    def erase(self, subject: str) -> Clifer:
        """Remove a person's memories; classes and everybody else's stay."""
        self.state_ = replace(self._learning_state(), model=self._with(subject).without(subject))
        return self

    def _with(self, subject: str) -> Model:
        """Return the model; ValueError where it has nothing of this person."""
        model: Model = self._state("subjects_").model
        if subject not in model.answers:
            have = ", ".join(map(repr, model.answers)) or "nobody"
            raise ValueError(f"There are no memories of {subject!r}; there are of {have}.")
        return model

    # ---- answering ---------------------------------------------------------------------------

    def _score(self, known: Knowledge, X: np.ndarray) -> Scores:
        model: Model = known.model
        classes = known.ledger.classes
        there = model.prototypes(self.subject)
        if there is None:
            distances = np.full((len(X), len(classes)), np.inf)
        else:
            distances = there.by_class(model.scaling(X), len(classes))
        return Scores(
            shares(distances, float(self.sharpness)),
            model.score_map(novelty(distances)),
            lambda: reasons(distances, model.score_map, classes),
        )

    # ---- files -------------------------------------------------------------------------------

    def _pack(self, model: Model, statistics: bool) -> tuple[dict[str, Any], dict[str, Any]]:
        return pack(model, statistics)

    def _unpack(
        self, tensors: dict[str, np.ndarray], values: dict[str, Any], ledger: Ledger
    ) -> Model:
        return unpack(tensors, values, self.memory)
