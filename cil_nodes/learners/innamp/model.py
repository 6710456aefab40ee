"""What INNAMP has learned: what answers, and what is needed to learn on; and both as arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import softmax

from cil_nodes.learners.calibration import ScoreMap
from cil_nodes.learners.innamp import monitor
from cil_nodes.learners.innamp.boundaries import DistanceUnit, NoUnit, Unit
from cil_nodes.learners.innamp.calibrating import Calibration
from cil_nodes.learners.innamp.decision import Decision
from cil_nodes.learners.innamp.exemplars import Exemplars
from cil_nodes.learners.innamp.extreme_values import ExtremeValueUnit
from cil_nodes.learners.innamp.learning import Committee
from cil_nodes.learners.innamp.networks import Networks
from cil_nodes.learners.innamp.scaling import Scaling
from cil_nodes.learners.outcomes import UnknownReason


@dataclass(frozen=True)
class Predictor:
    """All that an answer needs.

    Attributes
    ----------
    scaling : Scaling
    networks : Networks or Experts
    unit : Unit
        What closes boundaries.
    calibration : Calibration
    hard : bool
        Whether the paper's own monitor decides.
    """

    scaling: Scaling
    networks: Any
    unit: Unit
    calibration: Calibration
    hard: bool

    def __call__(
        self, X: np.ndarray, classes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, Callable[[], list[UnknownReason]]]:
        """Return probabilities (n, C), unknown scores (n,), and what lists reasons."""
        logits, odds = self.outputs(X)
        quiet = monitor.without_noise(odds, self.calibration.floor)
        if self.hard:
            fires = self._fires(logits, odds)
            score = np.where(monitor.hard_monitor(fires), 0.0, 1.0)
            quiet = np.where(fires, -monitor.NEVER, monitor.NEVER)
        else:
            score = self.calibration.map(self.calibration.novelty(odds))
        # P(only i fires) is proportional to the odds of i: given that exactly one fires.
        return softmax(odds, axis=1), score, lambda: monitor.reasons(quiet, classes)

    def outputs(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the networks' log-odds (n, C), and the calibrated ones, for X (n, d)."""
        rows = self.scaling(X)
        logits = self.networks.logits(rows)
        return logits, self.calibration.odds(logits, self.unit.evidence(rows))

    def fires(self, X: np.ndarray) -> np.ndarray:
        """Return the binarised outputs (n, C)."""
        return self._fires(*self.outputs(X))

    def _fires(self, logits: np.ndarray, odds: np.ndarray) -> np.ndarray:
        """Binarise at 0.5: the networks' own outputs, or with what closes their boundaries."""
        return (logits if isinstance(self.unit, NoUnit) else odds) >= 0


@dataclass(frozen=True)
class Statistics:
    """What learning on needs.

    Attributes
    ----------
    exemplars : Exemplars
    shadows : tuple of Committee
        For calibration; see `calibrating`.
    """

    exemplars: Exemplars
    shadows: tuple[Committee, ...]


@dataclass(frozen=True)
class Model:
    """Predictor, and statistics unless it was loaded without them."""

    predictor: Predictor
    statistics: Statistics | None

    def learnable(self) -> Statistics:
        """Return the statistics; the learner's base has refused where there are none."""
        assert self.statistics is not None
        return self.statistics


def pack(model: Model, statistics: bool) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the model as named arrays and JSON values."""
    p = model.predictor
    if not isinstance(p.networks, Networks):
        raise ValueError(
            "A learner with an `expert` of scikit-learn has no file form, since a file holds no "
            "pickle. Leave expert=None to save one."
        )
    tensors = {
        "scaling.mean": p.scaling.mean,
        "scaling.scale": p.scaling.scale,
        "networks.hidden": p.networks.hidden,
        "networks.output": p.networks.output,
        "calibration.weights": p.calibration.weights,
    }
    unit, more = _packed_unit(p.unit)
    score = p.calibration.map
    values: dict[str, Any] = {
        "scaling": p.scaling.kind,
        "hard": p.hard,
        "calibration": [p.calibration.floor, score.centre, score.width],
        "calibrated": p.calibration.calibrated,
        "unit": more,
        "shadows": 0,
    }
    tensors |= unit | _packed_decision(p.calibration.decision)
    if statistics and model.statistics is not None:
        tensors |= _packed_statistics(model.statistics)
        values["shadows"] = len(model.statistics.shadows)
    return tensors, values


def _packed_unit(unit: Unit) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    if isinstance(unit, DistanceUnit):
        arrays = {"unit.centres": unit.centres, "unit.counts": unit.counts}
        return arrays, {"kind": "rbf", "typical": unit.typical}
    if isinstance(unit, ExtremeValueUnit):
        names = ("centres", "counts", "scales", "shapes")
        return {f"unit.{name}": getattr(unit, name) for name in names}, {"kind": "evm"}
    return {}, {"kind": "open"}


def _packed_decision(decision: Decision | None) -> dict[str, np.ndarray]:
    if decision is None:
        return {}
    return {
        "decision.hidden": decision.networks.hidden,
        "decision.output": decision.networks.output,
        "decision.mean": decision.mean,
        "decision.scale": decision.scale,
    }


def _packed_statistics(statistics: Statistics) -> dict[str, np.ndarray]:
    names = ("rows", "owners", "folds", "keys", "seen")
    tensors = {f"exemplars.{name}": getattr(statistics.exemplars, name) for name in names}
    for number, shadow in enumerate(statistics.shadows):
        tensors[f"shadow{number}.hidden"] = shadow.networks.hidden
        tensors[f"shadow{number}.output"] = shadow.networks.output
        tensors[f"shadow{number}.present"] = shadow.present
    return tensors


def unpack(tensors: dict[str, np.ndarray], values: dict[str, Any]) -> Model:
    """Return the model that `pack` took apart."""
    scaling = Scaling(values["scaling"], tensors["scaling.mean"], tensors["scaling.scale"])
    networks = Networks(tensors["networks.hidden"], tensors["networks.output"])
    floor, centre, width = values["calibration"]
    calibration = Calibration(
        tensors["calibration.weights"],
        floor,
        ScoreMap(centre, width),
        _unpacked_decision(tensors),
        bool(values["calibrated"]),
    )
    unit = _unpacked_unit(tensors, values["unit"], len(networks))
    predictor = Predictor(scaling, networks, unit, calibration, bool(values["hard"]))
    return Model(predictor, _unpacked_statistics(tensors, int(values["shadows"])))


def _unpacked_unit(tensors: dict[str, np.ndarray], about: dict[str, Any], classes: int) -> Unit:
    if about["kind"] == "open":
        return NoUnit(classes)
    centres, counts = tensors["unit.centres"], tensors["unit.counts"]
    if about["kind"] == "rbf":
        return DistanceUnit(centres, counts, float(about["typical"]))
    return ExtremeValueUnit(centres, counts, tensors["unit.scales"], tensors["unit.shapes"])


def _unpacked_decision(tensors: dict[str, np.ndarray]) -> Decision | None:
    if "decision.hidden" not in tensors:
        return None
    networks = Networks(tensors["decision.hidden"], tensors["decision.output"])
    return Decision(networks, tensors["decision.mean"], tensors["decision.scale"])


def _unpacked_statistics(tensors: dict[str, np.ndarray], shadows: int) -> Statistics | None:
    if "exemplars.rows" not in tensors:
        return None
    names = ("rows", "owners", "folds", "keys", "seen")
    exemplars = Exemplars(*(tensors[f"exemplars.{name}"] for name in names))
    committees = [
        Committee(
            Networks(tensors[f"shadow{n}.hidden"], tensors[f"shadow{n}.output"]),
            tensors[f"shadow{n}.present"].astype(bool),
        )
        for n in range(shadows)
    ]
    return Statistics(exemplars, tuple(committees))
