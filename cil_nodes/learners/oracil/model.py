"""What ORACIL has learned, as one value: sums, heads, groups, kept features, and the predictor."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cil_nodes.learners.calibration import ScoreMap
from cil_nodes.learners.oracil.features import AnalyticMap
from cil_nodes.learners.oracil.fusion import Temperatures
from cil_nodes.learners.oracil.heads import DualHead, GramHead, Head, PrintedHead
from cil_nodes.learners.oracil.memory import Memory
from cil_nodes.learners.oracil.predictor import Evidence, Predictor
from cil_nodes.learners.oracil.second_order import ClassGaussians, SecondOrder
from cil_nodes.learners.oracil.sums import ClassSums

if TYPE_CHECKING:
    from cil_nodes.learners.oracil.ensemble import EnsembleRouter


@dataclass(frozen=True)
class Statistics:
    """Everything that learning builds on, and answering does not need.

    Attributes
    ----------
    map : AnalyticMap
    sums : ClassSums
    second : SecondOrder
        Of rank 0 where the router does not ask for it.
    spreads : (C,) array
        tau_c where it cannot be had from sums; unused with the default threshold.
    groups : (C,) int array
        Group of each class.
    heads : tuple of Head
        One with ``gram="shared"``, else one a group.
    by_group : bool
        Whether there is one head a group.
    memory : Memory
    ridge : float
        Strength of every head.
    tuned_at : int
        Samples known when the strength was last searched; 0 = never.
    """

    map: AnalyticMap
    sums: ClassSums
    second: SecondOrder
    spreads: np.ndarray
    groups: np.ndarray
    heads: tuple[Head, ...]
    by_group: bool
    memory: Memory
    ridge: float
    tuned_at: int = 0

    @property
    def owners(self) -> np.ndarray:
        """(C,) number of the head that has the column of each class."""
        return self.groups if self.by_group else np.zeros_like(self.groups)

    def members(self, head: int) -> np.ndarray:
        """Return the classes of a head, in the order of its columns."""
        return np.flatnonzero(self.owners == head)

    def local(self, positions: np.ndarray, head: int) -> np.ndarray:
        """Return columns within a head for class positions (n,)."""
        return np.searchsorted(self.members(head), positions)

    def weights(self) -> np.ndarray:
        """Return W of all heads side by side: (M, C)."""
        W = np.zeros((self.map.output, len(self.groups)))
        for i, head in enumerate(self.heads):
            members = self.members(i)
            W[:, members] = head.weights(len(members))
        return W

    def is_complete(self, position: int) -> bool:
        """Whether all samples of a class are still kept."""
        return len(self.memory.of(position)) == int(self.sums.counts[position])


@dataclass(frozen=True)
class Share:
    """What one origin was taught: sums over its samples alone.

    Attributes
    ----------
    indices : (C,) int64 array
        This learner's number of each of its classes.
    revision : int
        Lessons of the origin behind it; a later one replaces an earlier one.
    statistics : Statistics
        With one head; its groups mean nothing.
    """

    indices: np.ndarray
    revision: int
    statistics: Statistics


@dataclass(frozen=True)
class Origins:
    """Who taught what.

    Attributes
    ----------
    name : str
        To whom belongs what this learner is taught itself; empty before that.
    shares : mapping of str to Share
        By origin; empty while nothing was merged in, and all is its own.
    """

    name: str = ""
    shares: Mapping[str, Share] = field(default_factory=dict)


def fingerprint(s: Statistics) -> str:
    """Return the origin of a learner that was not named: a hash of what it saw first."""
    return hashlib.sha256(np.ascontiguousarray(s.sums.totals).tobytes()).hexdigest()[:16]


@dataclass(frozen=True)
class Model:
    """ORACIL's model; ``statistics`` is None when loaded without them, the sum of all shares."""

    predictor: Predictor | None
    statistics: Statistics | None
    origins: Origins = Origins()


# ---- files ---------------------------------------------------------------------------------------


def pack(model: Model, statistics: bool) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return named arrays and JSON values."""
    tensors: dict[str, np.ndarray] = {}
    values: dict[str, Any] = {}
    if model.predictor is not None:
        values["predictor"] = _pack_predictor(model.predictor, tensors)
    if statistics and model.statistics is not None:
        values["statistics"] = _pack_statistics(model.statistics, tensors)
        values["origins"] = _pack_origins(model.origins, tensors)
    return tensors, values


def unpack(tensors: dict[str, np.ndarray], values: dict[str, Any]) -> Model:
    """Undo `pack`."""
    predictor, statistics = values.get("predictor"), values.get("statistics")
    answers = _unpack_predictor(predictor, tensors) if predictor else None
    if not statistics:
        return Model(answers, None)
    known = _unpack_statistics(statistics, tensors)
    origins = _unpack_origins(values.get("origins", {}), tensors)
    if not origins.name and not origins.shares:  # a file from before there were origins
        origins = Origins(fingerprint(known))
    return Model(answers, known, origins)


_ARRAYS = (
    "weights",
    "groups",
    "lda",
    "lda_offset",
    "quadratic",
    "quadratic_linear",
    "prototypes",
)
_NUMBERS = ("rule", "router", "quadratic_constant", "fused_temperature")


def _pack_predictor(p: Predictor, tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    tensors.update({f"predictor.{name}": getattr(p, name) for name in _ARRAYS})
    if p.ensemble is not None:
        tensors.update(p.ensemble.pack())
    if p.gaussians is not None:
        tensors.update(p.gaussians.pack())
    return {
        **{name: getattr(p, name) for name in _NUMBERS},
        "map": vars(p.map),
        "temperatures": vars(p.temperatures),
        "evidence": vars(p.evidence),
        "score_map": vars(p.score_map),
        "ensemble": p.ensemble.groups if p.ensemble else 0,
        "covariance_rank": p.gaussians.rank if p.gaussians else 0,
    }


def _unpack_predictor(values: dict[str, Any], tensors: dict[str, np.ndarray]) -> Predictor:
    groups = values["ensemble"]
    arrays: dict[str, Any] = {name: tensors[f"predictor.{name}"] for name in _ARRAYS}
    numbers: dict[str, Any] = {name: values[name] for name in _NUMBERS}
    map_, rank = AnalyticMap(**values["map"]), values.get("covariance_rank", 0)
    return Predictor(
        map=map_,
        temperatures=Temperatures(**values["temperatures"]),
        evidence=Evidence(**values["evidence"]),
        score_map=ScoreMap(**values["score_map"]),
        ensemble=_unpack_ensemble(tensors, groups) if groups else None,
        gaussians=ClassGaussians.unpack(tensors, map_, rank) if rank else None,
        **arrays,
        **numbers,
    )


def _unpack_ensemble(tensors: dict[str, np.ndarray], groups: int) -> EnsembleRouter:
    from cil_nodes.learners.oracil.ensemble import EnsembleRouter

    return EnsembleRouter.unpack(tensors, groups)


def _pack_statistics(s: Statistics, tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    tensors.update(
        {
            "sums.counts": s.sums.counts,
            "sums.totals": s.sums.totals,
            "sums.scatter": s.sums.scatter,
            "second.scatters": s.second.stacked(),
            "spreads": s.spreads,
            "groups": s.groups,
            "memory.rows": s.memory.rows,
            "memory.positions": s.memory.positions,
        }
    )
    heads = [_pack_head(head, f"head{i}.", tensors) for i, head in enumerate(s.heads)]
    return {
        "map": vars(s.map),
        "covariance_rank": s.second.rank,
        "heads": heads,
        "by_group": s.by_group,
        "ridge": s.ridge,
        "tuned_at": s.tuned_at,
    }


def _unpack_statistics(values: dict[str, Any], tensors: dict[str, np.ndarray]) -> Statistics:
    counts, totals, scatter = (tensors[f"sums.{n}"] for n in ("counts", "totals", "scatter"))
    map_ = AnalyticMap(**values["map"])
    bare = Statistics(
        map_,
        ClassSums(counts, totals, scatter),
        SecondOrder.unpack(tensors, map_, values.get("covariance_rank", 0)),
        tensors["spreads"],
        tensors["groups"],
        (),
        values["by_group"],
        Memory(tensors["memory.rows"], tensors["memory.positions"]),
        values["ridge"],
        values["tuned_at"],
    )
    heads = [_unpack_head(v, f"head{i}.", tensors, bare, i) for i, v in enumerate(values["heads"])]
    return replace(bare, heads=tuple(heads))


def _pack_origins(origins: Origins, tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    """Store shares like whole statistics, under names of their own."""
    shares = {}
    for i, (name, share) in enumerate(origins.shares.items()):
        own: dict[str, np.ndarray] = {"indices": share.indices}
        values = _pack_statistics(share.statistics, own)
        tensors.update({f"share{i}.{key}": array for key, array in own.items()})
        shares[name] = {"number": i, "revision": share.revision, "statistics": values}
    return {"name": origins.name, "shares": shares}


def _unpack_origins(values: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Origins:
    shares = {}
    for name, share in values.get("shares", {}).items():
        at = f"share{share['number']}."
        own = {key[len(at) :]: array for key, array in tensors.items() if key.startswith(at)}
        statistics = _unpack_statistics(share["statistics"], own)
        shares[name] = Share(own["indices"], int(share["revision"]), statistics)
    return Origins(values.get("name", ""), shares)


def _pack_head(head: Head, at: str, tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    """Store what a head cannot recompute; a dual head's rows are in the memory already."""
    if isinstance(head, DualHead):
        tensors[at + "dual_inverse"] = head.dual_inverse
        tensors[at + "kernel"] = head.kernel
        return {"kind": "dual", "ridge": head.ridge}
    if isinstance(head, GramHead):
        tensors[at + "gram"] = head.gram
        tensors[at + "moments"] = head.moments
        return {"kind": "gram", "ridge": head.ridge, "samples": head.samples}
    tensors[at + "inverse"] = head.inverse
    tensors[at + "solution"] = head.solution
    printed = {"kind": "printed", "ridge": head.ridge, "samples": head.samples}
    return printed | {"epsilon": head.epsilon}


def _unpack_head(
    values: dict[str, Any], at: str, tensors: dict[str, np.ndarray], s: Statistics, number: int
) -> Head:
    ridge = values["ridge"]
    if values["kind"] == "dual":
        rows = np.isin(s.memory.positions, s.members(number))
        positions = s.local(s.memory.positions[rows], number)
        kernel, dual = tensors[at + "kernel"], tensors[at + "dual_inverse"]
        return DualHead(s.map(s.memory.rows[rows]), positions, kernel, ridge, dual)
    if values["kind"] == "gram":
        gram, moments = tensors[at + "gram"], tensors[at + "moments"]
        return GramHead(gram, moments, ridge, values["samples"])
    inverse, solution = tensors[at + "inverse"], tensors[at + "solution"]
    return PrintedHead(inverse, solution, ridge, values["epsilon"], values["samples"])
