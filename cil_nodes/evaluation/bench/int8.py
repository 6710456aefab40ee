"""The int8 profile of the default encoder beside its float form: what it costs, what it saves."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cil_nodes.evaluation.bench.context import Context
from cil_nodes.evaluation.bench.features import features_of
from cil_nodes.evaluation.bench.records import Record
from cil_nodes.evaluation.bench.registry import bench
from cil_nodes.evaluation.bench.runner import BenchResult
from cil_nodes.evaluation.peers import JointRidge
from cil_nodes.evaluation.protocols import joint_accuracy

MODELS = ("efficientnet_lite0", "efficientnet_lite0_int8")
PICTURES = 200
"""Pictures that either network is timed on."""

CONFIGURATION: dict[str, Any] = {
    "models": MODELS,
    "accuracy": "joint ridge, grocery photographs, official splits",
    "speed": f"{PICTURES} pictures of 640x480, one at a time, one thread, taking turns",
}


def accuracies() -> dict[str, float]:
    """Return the joint ridge's accuracy on either network's features, in percent."""
    found = {}
    for model in MODELS:
        train, test = (features_of("grocery", split, model)[0] for split in ("train", "test"))
        found[model] = 100 * joint_accuracy(JointRidge(), train, test)
    return found


def medians_ms(calls: Sequence[Callable[[], object]], rounds: int = PICTURES) -> list[float]:
    """Time calls that take turns, so that a busy moment meets all alike; medians in ms."""
    taken = np.empty((rounds, len(calls)))
    for row in taken:
        for column, call in enumerate(calls):
            start = time.perf_counter()
            call()
            row[column] = time.perf_counter() - start
    return [float(value) for value in 1e3 * np.median(taken, axis=0)]


def speeds() -> dict[str, float]:
    """Return the median time of one picture through either network, in milliseconds."""
    from cil_nodes.encoders import open_encoder

    picture = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    encoders = [open_encoder(model, providers="cpu", threads=1) for model in MODELS]
    calls = [lambda encoder=encoder: encoder.encode([picture]) for encoder in encoders]
    return dict(zip(MODELS, medians_ms(calls), strict=True))


@bench(
    "int8",
    "The int8 profile of EfficientNet-Lite0 beside its float form: accuracy on grocery photographs "
    "and time of one picture.",
    minutes=3,
)
def int8(context: Context) -> BenchResult:
    """Compare accuracy where the data is there, and speed."""
    context.progress(0.0, "speed")
    times = context.part({**CONFIGURATION, "part": "speed"}, speeds, ("encoders",))
    context.progress(0.1, "features and accuracy")
    found = context.part({**CONFIGURATION, "part": "accuracy"}, accuracies)
    context.progress(1.0, "done")
    return BenchResult((_loss(found), _speedup(times)), CONFIGURATION)


def _loss(found: dict[str, float]) -> Record:
    exact, short = (found[model] for model in MODELS)
    return Record(
        "int8.accuracy_loss",
        round(exact - short, 4),
        unit="points",
        better="lower",
        reference={f"{model}, %": round(found[model], 4) for model in MODELS},
        note="Joint ridge on the features of either; its strength chosen on the training "
        "photographs alone. Calibrated on drawn pictures, not on these.",
    )


def _speedup(times: dict[str, float]) -> Record:
    exact, short = (times[model] for model in MODELS)
    return Record(
        "int8.speedup",
        round(exact / short, 3),
        unit="x",
        reference={f"{model}, ms": round(times[model], 3) for model in MODELS},
        note="One picture of 640x480 at a time, preprocessing included, one thread, taking turns; "
        "processors without VNNI gain less.",
    )
