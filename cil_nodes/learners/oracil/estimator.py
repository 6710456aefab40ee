"""ORACIL as a scikit-learn estimator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from sklearn.base import clone

from cil_nodes.learners.base import IncrementalLearner, Knowledge, Learned, Scores
from cil_nodes.learners.calibration import THRESHOLD
from cil_nodes.learners.ledger import Ledger
from cil_nodes.learners.oracil import fitting, grouping, learning, merging
from cil_nodes.learners.oracil.features import (
    NORMALIZATIONS,
    AnalyticMap,
    automatic_width,
)
from cil_nodes.learners.oracil.fleet import Mergeable
from cil_nodes.learners.oracil.fusion import FUSIONS
from cil_nodes.learners.oracil.heads import PrintedHead
from cil_nodes.learners.oracil.model import Model, Origins, Statistics, fingerprint, pack, unpack
from cil_nodes.learners.oracil.predictor import Predictor
from cil_nodes.learners.oracil.projection import PROJECTIONS
from cil_nodes.learners.phase import Phase, ProgressCallback, StopRequest

PRIOR_RIDGE = 0.3
"""Strength until the first search, for h of length about 1; by Grocery's validation split."""

_CHOICES = {
    "projection": PROJECTIONS,
    "normalize": NORMALIZATIONS,
    "gram": ("shared", "group"),
    "solver": ("auto", "cholesky", "woodbury"),
    "router": ("rda", "lda", "ensemble", "none"),
    "fusion": FUSIONS,
    "similarity": grouping.METRICS,
    "threshold": grouping.THRESHOLDS,
}


class Oracil(Mergeable, IncrementalLearner):
    """Order-robust analytic class-incremental learning, in closed form.

    Wang, Sun, Li and Dong, "ORACIL: Conflict-Graph-Based Order-Robust Analytic Class-Incremental
    Learning", Electronics 2026, 15(13), 2941. Classes are dealt into groups of dissimilar ones,
    each group has ridge-regression outputs that are updated exactly, and a router weighs the
    groups. Nothing is trained by gradients, and no pictures are kept.

    Expects features of a frozen encoder, one direction of them meaning one look: rows are scaled
    to unit length. Where length matters, or features are raw pixels, expect little.

    Parameters
    ----------
    M : int or "auto" in [0, 32768]
        Width of the random projection (Eq. 2); 0 uses the features themselves. "auto" is the power
        of two from 3 d on, at most 4096. Memory grows with M squared. The paper does not say its
        M; its ancestor uses 10000.
    projection : {"structured", "gaussian"}
        The random projection: of signs and Hadamard matrices, with orthogonal rows, which takes a
        tenth of the time and no memory; or the paper's matrix of normal numbers.
    feature_power : float in [0.05, 1]
        Features are raised to it before rows are scaled, their sign kept; 1 leaves them.
    normalize : {"f", "h", "both"}
        What is scaled to unit length besides the features that come in: "h" as section 3.2 says,
        "f" as section 4.2.6 does.
    ridge : float or "auto" in [1e-9, 1e6]
        Strength of the regularisation (gamma in Eq. 7), for h of length about 1. "auto" starts at
        0.3 and is searched by generalised cross-validation in `consolidate`, once samples
        outnumber M and whenever they have doubled since. The paper does not say its value.
    gram : {"shared", "group"}
        One matrix over all samples, which equals joint ridge regression exactly, or the paper's
        one for each group (section 3.4).
    solver : {"auto", "cholesky", "woodbury"}
        "woodbury" is the recursion as printed (Eq. 12 to 14); "auto" takes the cheapest exact form.
    router : {"rda", "lda", "ensemble", "none"}
        How groups are recognised: by the heads and one Gaussian a class, in closed form, with a
        covariance for each class ("rda") or one for all ("lda"); by the paper's KNN, random forest
        and LightGBM (Eq. 5 and 6); or not at all, which is one joint head.
    covariance_rank : int in [1, 4096]
        Dimensions of the random subspace in which each class has a covariance, for "rda".
        A class then takes 2 r^2 bytes to learn with, and 4 r^2 to answer with.
    covariance_share : float in [0, 1]
        Weight of a class's own covariance beside the shared one, once it has many samples.
    fusion : {"log", "clipped", "product"}
        How router and heads combine: log p(g) + log softmax, p max(z, 0), or the paper's p z
        (Eq. 16).
    group_capacity : int in [1, 10000]
        Most classes in one group; the paper's ancestor has 10 on CIFAR-100.
    similarity : {"cosine", "euclidean", "mahalanobis"}
        Of prototypes, for grouping (section 3.2; Table 8).
    threshold : {"mean", "median", "fixed", "adaptive"}
        How alike is too alike for one group (Eq. 4; Table 9).
    fixed_threshold : float in [-1, 1]
        The one for ``threshold="fixed"``.
    reservoir : int in [2, 10000]
        Features kept of each class once samples outnumber M; until then all are.
    false_unknown_rate : float in [0, 0.5]
        At most this share of known samples, held out in turn, may be called unknown.
    random_state : int
        Seed of the projection and of every draw.

    Attributes
    ----------
    classes_, class_index_, unknown_threshold_, unknown_calibrated_, lessons_
        As in `IncrementalLearner`.
    groups_ : (C,) int array
        Group of each class.
    ridge_ : float
        Strength in force.
    """

    method = "oracil"
    joins_exactly = True
    implied: ClassVar = {"feature_power": 1.0, "projection": "gaussian"}

    def __init__(
        self,
        M: int | str = "auto",
        projection: str = "structured",
        feature_power: float = 0.5,
        normalize: str = "f",
        ridge: float | str = "auto",
        gram: str = "shared",
        solver: str = "auto",
        router: str | None = "rda",
        covariance_rank: int = 256,
        covariance_share: float = 0.3,
        fusion: str = "log",
        group_capacity: int = 10,
        similarity: str = "cosine",
        threshold: str = "mean",
        fixed_threshold: float = 0.8,
        reservoir: int = 16,
        false_unknown_rate: float = 0.03,
        random_state: Any = 0,
    ) -> None:
        self.M = M
        self.projection = projection
        self.feature_power = feature_power
        self.normalize = normalize
        self.ridge = ridge
        self.gram = gram
        self.solver = solver
        self.router = router
        self.covariance_rank = covariance_rank
        self.covariance_share = covariance_share
        self.fusion = fusion
        self.group_capacity = group_capacity
        self.similarity = similarity
        self.threshold = threshold
        self.fixed_threshold = fixed_threshold
        self.reservoir = reservoir
        self.false_unknown_rate = false_unknown_rate
        self.random_state = random_state

    @classmethod
    def accurate(cls, **changes: Any) -> Oracil:
        """Make the configuration for when accuracy counts more than memory and time.

        A projection twice as wide and class covariances in twice as many dimensions: each four
        times the memory.
        """
        return cls(**({"M": 8192, "covariance_rank": 512} | changes))

    @classmethod
    def paper(cls, **changes: Any) -> Oracil:
        """Make the paper's own configuration, as far as it says one.

        A matrix for each group, the printed recursion, the three-classifier router, p z fusion,
        normalised h. Width and strength are not in the paper: M = 10000 as in its ancestor's
        code, ridge 1; pass others by name.
        """
        settings: dict[str, Any] = {
            "M": 10000,
            "projection": "gaussian",
            "feature_power": 1.0,
            "normalize": "h",
            "ridge": 1.0,
            "gram": "group",
            "solver": "woodbury",
            "router": "ensemble",
            "fusion": "product",
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
        rng = np.random.default_rng(ledger.seeds())
        before = known.model.statistics if known else None
        if before is None or not len(before.groups):
            before = self._nothing(ledger, X)
        f = before.map.prepared(X)
        after = learning.learn(
            before,
            f,
            positions,
            len(ledger.classes),
            self._grouping(),
            self.solver,
            self.reservoir,
            rng,
            phase.part(0.0, 0.5),
        )
        origins = Origins(self._name(known) or fingerprint(after))
        if known and known.model.origins.shares:
            origins = merging.grown(known.model, ledger, f, positions, self._merging_rule())
        return self._built(after, ledger, origins, phase.part(0.5, 1.0))

    def _forget(
        self, known: Knowledge, ledger: Ledger, position: int, X: np.ndarray | None
    ) -> Learned:
        before: Statistics = known.model.statistics
        rows = None if X is None else before.map.prepared(X)
        origins = known.model.origins
        if not origins.shares:
            after = learning.forget(before, position, rows)
            return self._built(after, ledger, origins, Phase())
        number = int(known.ledger.indices[position])
        left = merging.forgotten(
            known.model, known.ledger, ledger, number, rows, self._merging_rule()
        )
        return self._built(left.statistics, ledger, left.origins, Phase())

    def _grouping(self) -> learning.GroupingRule:
        return learning.GroupingRule(
            self.group_capacity, self.similarity, self.threshold, self.fixed_threshold
        )

    def _built(
        self, statistics: Statistics, ledger: Ledger, origins: Origins, phase: Phase
    ) -> Learned:
        """Add the predictor to statistics."""
        if not len(statistics.groups):
            return Learned(Model(None, statistics, origins), THRESHOLD, False)
        rule = fitting.FitRule(
            self._router(),
            self.fusion,
            float(self.covariance_share),
            self.false_unknown_rate,
            ledger.seed % 2**31,
        )
        # A stream of its own, so that building again after `forget` or tuning draws the same.
        rng = np.random.default_rng([ledger.seed, ledger.lessons, 1])
        predictor, calibrated, notes = fitting.build(statistics, rule, rng, phase)
        model = Model(predictor, statistics, origins)
        return Learned(model, THRESHOLD, calibrated, notes=notes)

    def _nothing(self, ledger: Ledger, X: np.ndarray) -> Statistics:
        """Return statistics before the first sample."""
        d = X.shape[1]
        width = automatic_width(d) if self.M == "auto" else int(self.M)
        ridge = PRIOR_RIDGE if self.ridge == "auto" else float(self.ridge)
        power = float(self.feature_power)
        map_ = AnalyticMap(d, width, ledger.seed, self.normalize, power, self.projection)
        rank = int(self.covariance_rank) if self.router == "rda" else 0
        return learning.nothing_learned(map_, rank, self.gram == "group", ridge, X.dtype)

    def _router(self) -> str:
        """Return the router's name; None means none."""
        return "none" if self.router is None else self.router

    def _check_parameters(self) -> None:
        """Refuse values that are not among the choices, by name."""
        for name, choices in _CHOICES.items():
            value = self._router() if name == "router" else getattr(self, name)
            if value not in choices:
                listed = ", ".join(repr(c) for c in choices)
                raise ValueError(f"{name} must be one of {listed}; got {value!r}.")
        for name, low in (("group_capacity", 1), ("reservoir", 2), ("covariance_rank", 1)):
            if int(getattr(self, name)) < low:
                raise ValueError(f"{name} must be {low} or larger; got {getattr(self, name)!r}.")
        for name in ("M", "ridge"):
            value = getattr(self, name)
            if isinstance(value, str) and value != "auto":
                raise ValueError(f'{name} must be a number or "auto"; got {value!r}.')
        if not 0 < float(self.feature_power) <= 1:
            raise ValueError(
                f"feature_power must be above 0 and at most 1; got {self.feature_power!r}."
            )
        if not 0 <= float(self.covariance_share) <= 1:
            raise ValueError(f"covariance_share must lie in 0 to 1; got {self.covariance_share!r}.")
        if self.ridge != "auto" and not float(self.ridge) > 0:
            raise ValueError(f"ridge must be larger than 0; got {self.ridge!r}.")

    # ---- tuning ------------------------------------------------------------------------------

    def consolidate(
        self, progress: ProgressCallback | None = None, should_stop: StopRequest | None = None
    ) -> dict[str, float]:
        """Search the ridge strength by generalised cross-validation, when it is due.

        Due once samples outnumber M, and again whenever they have doubled. Six candidates, 1e-5 to
        1 times trace(A) / M; nothing but sums is read. Until then a prior holds.

        Returns
        -------
        dict
            ``ridge`` and ``tuned_at`` (samples known then); empty when nothing was due.
        """
        known = self._learning_state() if self.__sklearn_is_fitted__() else None
        s: Statistics | None = known.model.statistics if known else None
        if s is None or self.ridge != "auto" or not self._search_due(s):
            return {}
        phase = Phase(progress, should_stop)
        n = s.sums.samples
        candidates = np.geomspace(1e-5, 1, 6) * n / s.map.output
        errors = np.zeros(len(candidates))
        for i, ridge in enumerate(candidates):
            phase.report(i / len(candidates), "searching the ridge strength")
            for number, head in enumerate(s.heads):
                if not isinstance(head, PrintedHead):
                    errors[i] += head.gcv(float(ridge), len(s.members(number)))
                    phase.check()
        found = {"ridge": float(candidates[int(np.argmin(errors))]), "tuned_at": float(n)}
        self.apply_tuning(found)
        phase.report(1.0, "done")
        return found

    def _search_due(self, s: Statistics) -> bool:
        """Whether the strength should be searched now."""
        n = s.sums.samples
        printed = all(isinstance(head, PrintedHead) for head in s.heads)
        return n > s.map.output and n >= 2 * s.tuned_at and not printed

    def apply_tuning(self, values: dict[str, float]) -> None:
        """Set what `consolidate` returned, without searching again."""
        if not values:
            return
        known = self._learning_state()
        tuned = learning.with_ridge(
            known.model.statistics, values["ridge"], int(values["tuned_at"])
        )
        learned = self._built(tuned, known.ledger, known.model.origins, Phase())
        self.state_ = replace(known, model=learned.model, calibrated=learned.calibrated)

    # ---- answering ---------------------------------------------------------------------------

    def rebuilt(self, **changes: Any) -> Oracil:
        """Return a learner with the same sums that answers in another way.

        Parameters
        ----------
        **changes
            New values of parameters that do not enter the sums, such as ``router`` or ``fusion``.
        """
        known = self._learning_state()
        twin = clone(self).set_params(**changes)
        twin._check_parameters()
        twin._adopt(self)
        learned = twin._built(known.model.statistics, known.ledger, known.model.origins, Phase())
        twin.state_ = replace(known, model=learned.model, calibrated=learned.calibrated)
        return twin

    def head_outputs(self, X: Any) -> np.ndarray:
        """Return z (n, C) (Eq. 15) for features X (n, d): with one Gram matrix the joint head's."""
        predictor: Predictor = self._state("head_outputs").model.predictor
        return predictor.logits(predictor.map.prepared(np.asarray(X)))

    def route(self, X: Any) -> np.ndarray:
        """Return the router's p(g | x) (n, G) (Eq. 6) for features X (n, d)."""
        predictor: Predictor = self._state("route").model.predictor
        f = predictor.map.prepared(np.asarray(X))
        z, lda = predictor.logits(f), predictor.lda_scores(f)
        return np.exp(predictor.route(predictor.experts(f, z, lda)))

    def _score(self, known: Knowledge, X: np.ndarray) -> Scores:
        predictor: Predictor = known.model.predictor
        return Scores(*predictor(predictor.map.prepared(X)))

    @property
    def groups_(self) -> np.ndarray:
        """(C,) group of each class."""
        return self._state("groups_").model.predictor.groups

    @property
    def ridge_(self) -> float:
        """Strength in force."""
        return self._state("ridge_").model.statistics.ridge

    # ---- files -------------------------------------------------------------------------------

    def _pack(self, model: Model, statistics: bool) -> tuple[dict[str, Any], dict[str, Any]]:
        return pack(model, statistics)

    def _unpack(
        self, tensors: dict[str, np.ndarray], values: dict[str, Any], ledger: Ledger
    ) -> Model:
        return unpack(tensors, values)
