"""From statistics to a predictor: weights, LDA, router, and what out-of-fold scores decide."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cil_nodes.learners.calibration import LEAST_SAMPLES, ScoreMap, enough, fit_score_map
from cil_nodes.learners.oracil import fusion
from cil_nodes.learners.oracil.descriptors import descriptors
from cil_nodes.learners.oracil.gaussian import Gaussians
from cil_nodes.learners.oracil.heads import DualHead, held_out_scores, one_hot
from cil_nodes.learners.oracil.memory import folds
from cil_nodes.learners.oracil.model import Statistics
from cil_nodes.learners.oracil.predictor import Evidence, Predictor
from cil_nodes.learners.oracil.second_order import LEAST_VIEWS, ClassGaussians, shortlist
from cil_nodes.learners.phase import Phase

FOLDS = 5
"""Stretches that each class is cut into."""

MOST_ROWS = 400
"""Rows scored out of fold in one lesson; bounds its time."""

MOST_LEFT_OUT = 200
"""Rows of classes that are left out whole, in one lesson."""

DISTANCE_SHARE = 0.3
"""Weight of the relative distance beside the largest logit, by measurement on turntable views."""

PUSH = 0.55
"""How far the threshold moves towards the classes left out, see `fit_score_map`."""

UNTAUGHT = ScoreMap(-0.5, 0.1)
"""The prior while there are not even a few samples: unknown where no logit reaches 0.5."""

ROOM = 0.5
"""With fewer than three classes: how far the threshold lies beyond the limit of held-out samples,
in units of that limit's distance from their median."""


Block = tuple[int, np.ndarray]
"""A class and row numbers of the memory that are held out together."""


@dataclass(frozen=True)
class FitRule:
    """Parameters that matter here."""

    router: str
    fusion: str
    covariance_share: float
    false_unknown_rate: float
    seed: int


@dataclass(frozen=True)
class OutOfFold:
    """Scores of samples by a model that never saw them.

    Attributes
    ----------
    truth : (n,) int array
    z, lda : (n, C) arrays
    distance : (n,) array
    own : (n, C) array or None
        Scores of class covariances, where there are some.
    """

    truth: np.ndarray
    z: np.ndarray
    lda: np.ndarray
    distance: np.ndarray
    own: np.ndarray | None = None


def build(
    s: Statistics, rule: FitRule, rng: np.random.Generator, phase: Phase
) -> tuple[Predictor, bool, dict[str, float | str]]:
    """Make the predictor.

    Returns
    -------
    predictor : Predictor
    calibrated : bool
        Whether the threshold for unknowns was set from what was learned.
    notes : dict
        Figures for the report.
    """
    phase.report(0.0, "weights")
    W = s.weights()
    phase.report(0.2, "covariances")
    gaussians = Gaussians.of(s.sums)
    predictor = _bare(s, W, gaussians, rule)
    if rule.router == "rda" and s.second.rank and s.sums.counts.mean() >= LEAST_VIEWS:
        own = ClassGaussians.of(s.second, s.sums, rule.covariance_share, phase)
        predictor = replace(predictor, gaussians=own)
    notes: dict[str, float | str] = {"ridge": s.ridge, "groups": float(s.groups.max() + 1)}
    phase.report(0.4, "router")
    predictor = _with_ensemble(predictor, s, rule, phase.part(0.4, 0.7))
    calibrated = enough(s.sums.counts)
    if calibrated:
        phase.report(0.7, "calibrating")
        stretches, classes = folds(s.memory, FOLDS, MOST_ROWS, rng), _whole_classes(s, rng)
        kept = Kept.of(s, W, gaussians, stretches + classes)
        seen = out_of_fold(s, kept, gaussians, stretches, phase)
        left_out = out_of_fold(s, kept, gaussians, classes, phase)
        if predictor.gaussians is not None:
            seen = replace(seen, own=_own(s, kept, predictor.gaussians, seen.z, stretches))
        predictor = _calibrated(predictor, s, rule, seen, left_out)
        notes |= {k: float(v) for k, v in vars(predictor.temperatures).items()}
    elif s.sums.counts.max() >= LEAST_SAMPLES:
        stretches = folds(s.memory, FOLDS, MOST_ROWS, rng)
        kept = Kept.of(s, W, gaussians, stretches)
        seen = out_of_fold(s, kept, gaussians, stretches, phase)
        predictor = replace(predictor, score_map=_from_few_classes(seen, rule))
    if predictor.ensemble is not None:
        shares = zip(
            ("alpha_knn", "beta_forest", "gamma_boosted"), predictor.ensemble.weights, strict=True
        )
        notes |= {name: float(value) for name, value in shares}
    return predictor, calibrated, notes


def _bare(s: Statistics, W: np.ndarray, gaussians: Gaussians, rule: FitRule) -> Predictor:
    """Return a predictor with priors for all that has to be fitted."""
    coefficients, offsets = gaussians.linear
    quadratic, linear, constant = gaussians.quadratic()
    prototypes = gaussians.means if rule.router == "ensemble" else gaussians.means[:0]
    return Predictor(
        map=s.map,
        weights=W.astype(np.float32),
        groups=s.groups,
        rule=rule.fusion,
        router=rule.router,
        lda=coefficients.astype(np.float32),
        lda_offset=offsets.astype(np.float32),
        quadratic=quadratic.astype(np.float32),
        quadratic_linear=linear.astype(np.float32),
        quadratic_constant=constant,
        prototypes=prototypes.astype(np.float32),
        temperatures=fusion.Temperatures(share=0.0),
        score_map=UNTAUGHT,
    )


def _with_ensemble(p: Predictor, s: Statistics, rule: FitRule, phase: Phase) -> Predictor:
    """Train the paper's router where it is asked for and there is something to route."""
    if rule.router != "ensemble" or s.groups.max() == 0:
        return p
    from cil_nodes.learners.oracil.ensemble import train_router

    D = descriptors(s.memory.rows.astype(np.float32), p.prototypes)
    labels = s.groups[s.memory.positions]
    router = train_router(D, labels, int(s.groups.max()) + 1, rule.seed, phase)
    return replace(p, ensemble=router)


@dataclass(frozen=True)
class Kept:
    """Kept rows with all that costs a matrix product, computed once for all blocks.

    Attributes
    ----------
    numbers : (m,) int array
        Row numbers of the memory, rising.
    f : (m, d) array
    H : (m, M) array
        (m, 0) where a dual head makes it needless.
    z : (m, C) array
        H W, as the model that learned them says.
    pulled : two (m, d) arrays
        See `Gaussians.pulled`.
    """

    numbers: np.ndarray
    f: np.ndarray
    H: np.ndarray
    z: np.ndarray
    pulled: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, s: Statistics, W: np.ndarray, gaussians: Gaussians, blocks: list[Block]) -> Kept:
        """Gather the rows of all blocks."""
        parts = [rows for _, rows in blocks] or [np.zeros(0, np.int64)]
        numbers = np.unique(np.concatenate(parts))
        rows = s.memory.rows[numbers]
        exact = rows.astype(np.float64)
        pulled = gaussians.pulled(exact)
        if len(s.heads) == 1 and isinstance(s.heads[0], DualHead):
            # Such a head knows what it says about its own rows, without another projection.
            return cls(numbers, exact, exact[:, :0], s.heads[0].fitted(W.shape[1])[numbers], pulled)
        H = s.map(rows.astype(np.float32) if rows.dtype == np.float16 else rows)
        return cls(numbers, exact, H, H @ W.astype(H.dtype), pulled)


def out_of_fold(
    s: Statistics, kept: Kept, gaussians: Gaussians, blocks: list[Block], phase: Phase
) -> OutOfFold:
    """Score blocks of kept rows as if each had never been learned, in closed form.

    A block that holds a whole class gives what a learner that never met it would say; its column
    is then -inf.
    """
    truth = np.concatenate([np.full(len(r), c) for c, r in blocks] or [np.zeros(0, np.int64)])
    rows = np.concatenate([r for _, r in blocks] or [np.zeros(0, np.int64)])
    at = np.searchsorted(kept.numbers, rows)
    z = kept.z[at].astype(np.float64)
    lda, distance = np.empty_like(z), np.empty(len(z))
    ends = np.cumsum([len(r) for _, r in blocks])
    parts = [slice(int(e) - len(r), int(e)) for e, (_, r) in zip(ends, blocks, strict=True)]
    _hold_out_heads(s, rows, kept.H[at], z, blocks, parts)
    for (c, _), part in zip(blocks, parts, strict=True):
        phase.check()
        count, i = float(s.sums.counts[c]), at[part]
        pulled = (kept.pulled[0][i], kept.pulled[1][i])
        scores = gaussians.held_out(kept.f[i], pulled, c, count, s.sums.samples)
        lda[part], distance[part] = scores
        if len(i) >= count:
            z[part, c] = -np.inf
    return OutOfFold(truth, z, lda, distance)


def _hold_out_heads(
    s: Statistics,
    rows: np.ndarray,
    H: np.ndarray,
    z: np.ndarray,
    blocks: list[Block],
    parts: list[slice],
) -> None:
    """Replace in z (n, C) the columns of each row's own head by held-out ones, in place."""
    for number, head in enumerate(s.heads):
        mine = [(c, p) for (c, _), p in zip(blocks, parts, strict=True) if s.owners[c] == number]
        if not mine:
            continue
        members = s.members(number)
        own = np.flatnonzero(np.isin(s.memory.positions, members))
        hats = head.hats(H, np.searchsorted(own, rows), [p for _, p in mine])
        for (c, part), hat in zip(mine, hats, strict=True):
            column = s.local(np.full(len(hat), c), number)
            targets = one_hot(column, len(members))
            scores = held_out_scores(hat, targets - z[part][:, members], targets)
            z[part, members] = scores


def _own(
    s: Statistics, kept: Kept, gaussians: ClassGaussians, z: np.ndarray, blocks: list[Block]
) -> np.ndarray:
    """Score blocks of kept rows with class covariances, as if each had never been learned."""
    f = kept.f[np.searchsorted(kept.numbers, np.concatenate([r for _, r in blocks]))]
    scores, asked, at = gaussians.scores(f, z).astype(np.float64), shortlist(z), 0
    for c, rows in blocks:
        part = slice(at, at := at + len(rows))
        left = float(s.sums.counts[c]) - len(rows)
        held_out = gaussians.held_out(f[part], c, left)
        scores[part, c] = np.where(asked[part, c], held_out, scores[part, c])
    return scores


def _whole_classes(s: Statistics, rng: np.random.Generator) -> list[Block]:
    """Choose classes to leave out whole: those whose rows are all kept, up to `MOST_LEFT_OUT`."""
    chosen, total = [], 0
    for c in rng.permutation(len(s.groups)):
        rows = s.memory.of(int(c))
        dual = isinstance(s.heads[int(s.owners[c])], DualHead)
        if dual and s.is_complete(int(c)) and total + len(rows) <= MOST_LEFT_OUT:
            chosen.append((int(c), rows))
            total += len(rows)
    return chosen


def _calibrated(
    p: Predictor, s: Statistics, rule: FitRule, seen: OutOfFold, left_out: OutOfFold
) -> Predictor:
    """Set temperatures, and the threshold for unknowns."""
    temperatures = fusion.fit_temperatures(seen.z, seen.lda, s.groups, seen.truth, seen.own)
    largest = seen.z.max(axis=1)
    logit_scale = max(float(largest.std()), 1e-6)
    distance_scale = max(float(seen.distance.std()), 1e-6)
    evidence = Evidence(
        logit_scale,
        distance_scale,
        float(np.quantile(-largest / logit_scale, 1 - rule.false_unknown_rate)),
        float(np.quantile(seen.distance / distance_scale, 1 - rule.false_unknown_rate)),
        DISTANCE_SHARE,
    )
    known = evidence.novelty(largest, seen.distance)
    new = evidence.novelty(left_out.z.max(axis=1), left_out.distance)
    score_map = fit_score_map(known, new, rule.false_unknown_rate, PUSH)
    p = replace(p, temperatures=temperatures, evidence=evidence, score_map=score_map)
    return replace(p, fused_temperature=_fused_temperature(p, s, seen))


def _from_few_classes(seen: OutOfFold, rule: FitRule) -> ScoreMap:
    """Lay a provisional threshold on the largest logit, where no class can be left out.

    One class pulls everything towards itself: a logit of 0.5 says nothing, and only how its own
    held-out samples score tells it from the rest of the world.
    """
    known = -seen.z.max(axis=1)
    limit = fit_score_map(known, None, rule.false_unknown_rate, 0.0)
    return replace(limit, centre=limit.centre + ROOM * (limit.centre - float(np.median(known))))


def _fused_temperature(p: Predictor, s: Statistics, seen: OutOfFold) -> float:
    """Fit a temperature for the products of Eq. 16."""
    if p.rule == "log" or p.router == "none":
        return p.fused_temperature
    own = fusion.group_masses(seen.z / p.temperatures.head, s.groups)
    log_p = own - np.logaddexp.reduce(own, axis=1, keepdims=True)
    Z = np.exp(log_p)[:, s.groups] * (np.maximum(seen.z, 0) if p.rule == "clipped" else seen.z)
    return fusion.best_temperature(Z, seen.truth, np.geomspace(0.02, 1.0, 18))
