"""INNAMP as a scikit-learn estimator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from cil_nodes.learners.base import IncrementalLearner, Knowledge, Learned, Scores
from cil_nodes.learners.calibration import THRESHOLD
from cil_nodes.learners.innamp import building
from cil_nodes.learners.innamp.boundaries import BOUNDARIES, shell
from cil_nodes.learners.innamp.calibrating import BUDGETS, Settings
from cil_nodes.learners.innamp.exemplars import Exemplars
from cil_nodes.learners.innamp.experts import ExpertMaker, PerceptronMaker
from cil_nodes.learners.innamp.learning import Committee, Lesson, Outcome, teach
from cil_nodes.learners.innamp.model import Model, Predictor, Statistics, pack, unpack
from cil_nodes.learners.innamp.monitor import MONITORS
from cil_nodes.learners.innamp.scaling import SCALINGS, Scaling
from cil_nodes.learners.innamp.training import Rule
from cil_nodes.learners.ledger import Ledger
from cil_nodes.learners.phase import Phase

_CHOICES = {
    "monitor": MONITORS,
    "boundary": BOUNDARIES,
    "budget": BUDGETS,
    "scaling": SCALINGS,
}
_LEAST = {"hidden": 1, "exemplars": 0, "prototypes": 1, "steps": 1, "retrain_steps": 1}


class Innamp(IncrementalLearner):
    """Incremental artificial neural network with monitor perceptron.

    "Incremental artificial neural network with monitor perceptron" (INNAMP): one small perceptron
    a class, trained one against all, and a monitor that says "I don't know" unless exactly one of
    them claims a sample. A new class adds a network; of the old ones only those learn again that
    claim samples of it. Nothing but NumPy is needed.

    The paper's own monitor is ``monitor="hard"``. Its section 5 proposes two remedies for missed
    unknowns, a decision layer that is learned and closed boundaries: ``monitor="learned"`` and
    ``boundary``. As it comes, the learner has the monitor's continuous form and boundaries closed
    by distance.

    Growth is linear: hidden + 2 neurons a class.

    Parameters
    ----------
    hidden : int in [1, 1000]
        Hidden units of each network; the paper has 10.
    monitor : {"soft", "hard", "learned"}
        "hard" is the paper's rule on binarised outputs (Eq. 2). "soft" is the probability that
        exactly one network fires. "learned" is a small network on the strongest outputs, trained
        by leaving known classes out in turn.
    boundary : {"rbf", "open", "shell", "evm"}
        "open" is the paper's network alone. "shell" trains it on made-up negatives around each
        class. "rbf" adds the distance to the class's exemplars, "evm" the extreme-value machine's
        probability.
    exemplars : int in [0, 100000]
        Most samples kept of each class; 0 keeps all, as the paper does. Old data are needed when
        a class is added.
    prototypes : int in [1, 10000]
        Most exemplars of a class that distances are taken to, for "rbf" and "evm". An answer
        takes that many distances for each class.
    retrain_share : float in [0, 1]
        An old network learns again where it claims a larger share of the new samples; 0 means
        that one sample is enough, as the paper says.
    scaling : {"auto", "direction", "standard", "none"}
        "direction": square root, rows of length 1, centred. "standard": each attribute centred
        and divided by its deviation. "auto": direction from 128 attributes on, else standard.
    steps : int in [1, 1000000]
        Most steps of Adam for a new network, 128 samples each.
    retrain_steps : int in [1, 1000000]
        Most steps for one that learns again, from where it was.
    budget : {"rate", "monitor"}
        How many known samples may be called unknown: the share ``false_unknown_rate``, or
        ("monitor") as many as leave no fewer right answers than the hard monitor gives.
    false_unknown_rate : float in [0, 0.5]
        At most this share of known samples, held out in turn, may be called unknown.
    expert : estimator
        Any binary scikit-learn classifier in the place of the perceptrons; from Python only, and
        such a learner cannot be saved.
    random_state : int
        Seed of every draw.

    Attributes
    ----------
    classes_, class_index_, unknown_threshold_, unknown_calibrated_, lessons_
        As in `IncrementalLearner`.
    neurons_ : int
        Neurons of the whole network: hidden + 2 a class, the monitor, and the one for "unknown".
    """

    method = "innamp"

    def __init__(
        self,
        hidden: int = 10,
        monitor: str = "soft",
        boundary: str = "rbf",
        exemplars: int = 200,
        prototypes: int = 40,
        retrain_share: float = 0.0,
        scaling: str = "auto",
        steps: int = 600,
        retrain_steps: int = 200,
        budget: str = "rate",
        false_unknown_rate: float = 0.03,
        expert: Any = None,
        random_state: Any = 0,
    ) -> None:
        self.hidden = hidden
        self.monitor = monitor
        self.boundary = boundary
        self.exemplars = exemplars
        self.prototypes = prototypes
        self.retrain_share = retrain_share
        self.scaling = scaling
        self.steps = steps
        self.retrain_steps = retrain_steps
        self.budget = budget
        self.false_unknown_rate = false_unknown_rate
        self.expert = expert
        self.random_state = random_state

    @classmethod
    def paper(cls, **changes: Any) -> Innamp:
        """Make the paper's own configuration: hard monitor, open boundaries, all data kept."""
        settings: dict[str, Any] = {"monitor": "hard", "boundary": "open", "exemplars": 0}
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
        rng = np.random.default_rng(ledger.seeds())
        before: Model = known.model if known else self._nothing(X.shape[1])
        scaling, statistics = before.predictor.scaling, before.learnable()
        levelled = scaling.levelled(X)
        grown = statistics.exemplars.joined(levelled, positions, len(ledger.classes), rng)
        main = Committee(before.predictor.networks, np.ones(len(before.predictor.networks), bool))
        scaling, committees = self._moved((main, *statistics.shadows), scaling, grown)
        rows = scaling.centred(grown.rows)
        fresh = np.arange(len(rows)) >= len(statistics.exemplars)
        lesson = Lesson(rows, grown.owners, fresh, len(ledger.classes))
        taught, outcome = self._taught(committees, lesson, grown, ledger, rng, phase.part(0, 0.9))
        kept = Statistics(grown.bounded(int(self.exemplars)), taught[1:])
        learned = self._built(taught[0].networks, kept, scaling, ledger, phase.part(0.9, 1.0))
        notes: dict[str, float | str] = {
            "neurons": float(self._neurons(len(ledger.classes))),
            "old_networks": float(outcome.old),
            "retrained_networks": float(outcome.retrained),
        }
        return replace(learned, losses=tuple(outcome.losses.tolist()), notes=notes)

    def _moved(
        self, committees: tuple[Committee, ...], scaling: Scaling, grown: Exemplars
    ) -> tuple[Scaling, tuple[Committee, ...]]:
        """Fit the scaling to all exemplars; rewrite networks so that they compute the same."""
        if self.expert is not None and len(committees[0].present):
            return scaling, committees
        fitted = scaling.fitted(grown.rows, grown.balance())
        if self.expert is not None:
            return fitted, committees
        moved = tuple(
            replace(
                committee,
                networks=replace(
                    committee.networks, hidden=fitted.moved(committee.networks.hidden, scaling)
                ),
            )
            for committee in committees
        )
        return fitted, moved

    def _taught(
        self,
        committees: tuple[Committee, ...],
        lesson: Lesson,
        grown: Exemplars,
        ledger: Ledger,
        rng: np.random.Generator,
        phase: Phase,
    ) -> tuple[tuple[Committee, ...], Outcome]:
        """Teach the committee that answers, and its shadows; the outcome is the first one's."""
        maker, plan = self._maker(lesson.rows.shape[1]), self._plan()
        whole = np.ones(len(grown), bool)
        seen = [building.usable(grown, n, plan, ledger.indices) for n in range(plan.shadows)]
        around = np.zeros((0, lesson.rows.shape[1]), np.float32)
        if self.boundary == "shell":
            around = shell(lesson.rows, grown, rng)
        taught, outcomes = [], []
        for number, part in enumerate([whole, *seen]):

            def seeds(column: int, number: int = number) -> np.random.SeedSequence:
                name = int(ledger.indices[column]) + 1 if column >= 0 else 0
                return np.random.SeedSequence([ledger.seed, ledger.lessons, number, name])

            committee, outcome = teach(
                committees[number],
                lesson.part(part).surrounded(around),
                maker,
                float(self.retrain_share),
                seeds,
                phase.part(number / (len(seen) + 1), (number + 1) / (len(seen) + 1)),
            )
            taught.append(committee)
            outcomes.append(outcome)
        return tuple(taught), outcomes[0]

    def _built(
        self, networks: Any, statistics: Statistics, scaling: Scaling, ledger: Ledger, phase: Phase
    ) -> Learned:
        """Add what answers."""
        # A stream of its own, so that building again after `forget` draws the same.
        rng = np.random.default_rng([ledger.seed, ledger.lessons, 1])
        predictor = building.build(
            networks, statistics, scaling, self._plan(), ledger.indices, rng, phase
        )
        calibrated = predictor.calibration.calibrated
        return Learned(Model(predictor, statistics), THRESHOLD, calibrated)

    def _forget(
        self, known: Knowledge, ledger: Ledger, position: int, X: np.ndarray | None
    ) -> Learned:
        model: Model = known.model
        statistics = model.learnable()
        shadows = tuple(shadow.without(position) for shadow in statistics.shadows)
        left = Statistics(statistics.exemplars.without(position), shadows)
        networks = model.predictor.networks.chosen(np.arange(len(known.ledger.classes)) != position)
        return self._built(networks, left, model.predictor.scaling, ledger, Phase())

    def _nothing(self, width: int) -> Model:
        """Return the model before the first sample."""
        maker, plan = self._maker(width), self._plan()
        nobody = Committee(maker.none(), np.zeros(0, bool))
        statistics = Statistics(Exemplars.empty(width), (nobody,) * plan.shadows)
        scaling = Scaling.start(self.scaling, width)
        unit = building.NoUnit(0)
        predictor = Predictor(
            scaling, nobody.networks, unit, building.prior(unit), self.monitor == "hard"
        )
        return Model(predictor, statistics)

    def _maker(self, width: int) -> PerceptronMaker | ExpertMaker:
        if self.expert is not None:
            return ExpertMaker(self.expert)
        rule = Rule(steps=int(self.steps), retrain_steps=int(self.retrain_steps))
        return PerceptronMaker(width, int(self.hidden), rule)

    def _plan(self) -> building.Plan:
        settings = Settings(self.monitor, self.budget, float(self.false_unknown_rate))
        return building.Plan(self.boundary, int(self.prototypes), settings)

    def _check_parameters(self) -> None:
        """Refuse values that are not allowed, by name."""
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                listed = ", ".join(repr(c) for c in choices)
                raise ValueError(f"{name} must be one of {listed}; got {getattr(self, name)!r}.")
        for name, low in _LEAST.items():
            if int(getattr(self, name)) < low:
                raise ValueError(f"{name} must be {low} or larger; got {getattr(self, name)!r}.")
        for name in ("retrain_share", "false_unknown_rate"):
            if not 0 <= float(getattr(self, name)) <= 1:
                raise ValueError(f"{name} must lie in 0 to 1; got {getattr(self, name)!r}.")

    # ---- answering ---------------------------------------------------------------------------

    def _score(self, known: Knowledge, X: np.ndarray) -> Scores:
        return Scores(*known.model.predictor(X, known.ledger.classes))

    def fires(self, X: Any) -> np.ndarray:
        """Return the networks' binarised outputs (n, C), for features X (n, d) (Figure 5)."""
        predictor: Predictor = self._state("fires").model.predictor
        return predictor.fires(np.asarray(X))

    @property
    def neurons_(self) -> int:
        """Neurons of the whole network."""
        return self._neurons(len(self._state("neurons_").ledger.classes)) + 2

    def _neurons(self, classes: int) -> int:
        """Hidden units, output, and output-layer neuron of every class."""
        return (int(self.hidden) + 2) * classes

    def rebuilt(self, **changes: Any) -> Innamp:
        """Return a learner with the same networks that answers in another way.

        Parameters
        ----------
        **changes
            New values of ``monitor``, ``boundary`` (not from or to "shell"), ``budget``,
            ``prototypes`` or ``false_unknown_rate``; "learned" needs shadows of its own kind.
        """
        from sklearn.base import clone

        known = self._learning_state()
        twin = clone(self).set_params(**changes)
        twin._check_parameters()
        same = twin._plan().shadows == self._plan().shadows
        if not (same or twin._plan().shadows == 0) or "shell" in {self.boundary, twin.boundary}:
            raise ValueError(
                f"Networks taught with monitor={self.monitor!r} and boundary={self.boundary!r} "
                f"cannot answer with {changes}: teach a learner of that kind."
            )
        twin._adopt(self)
        model: Model = known.model
        before = model.learnable()
        statistics = Statistics(before.exemplars, before.shadows[: twin._plan().shadows])
        learned = twin._built(
            model.predictor.networks, statistics, model.predictor.scaling, known.ledger, Phase()
        )
        twin.state_ = replace(known, model=learned.model, calibrated=learned.calibrated)
        return twin

    # ---- files -------------------------------------------------------------------------------

    def _pack(self, model: Model, statistics: bool) -> tuple[dict[str, Any], dict[str, Any]]:
        return pack(model, statistics)

    def _unpack(
        self, tensors: dict[str, np.ndarray], values: dict[str, Any], ledger: Ledger
    ) -> Model:
        return unpack(tensors, values)
