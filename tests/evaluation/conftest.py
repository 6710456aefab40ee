"""Made-up runs, so that summary, folder and report have something to show."""

import math

import cv2
import numpy as np
import pytest

from cil_nodes.evaluation.run_record import PredictionRow, RunRecord

NAMES = (
    *("mug", "duck", "teapot", "torus", "banana", "hammer", "bottle", "cactus", "rocket"),
    *("lamp", "dice", "anchor", "bell", "chair", "key", "mushroom"),
)
STRANGERS = ("bunny", "wrench", "pyramid", "snail")


def picture(label, rng):
    """A coloured card that bears its label, as JPEG."""
    image = np.full((96, 128, 3), rng.integers(60, 200, 3), np.uint8)
    cv2.putText(image, label, (6, 56), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 2)
    return cv2.imencode(".jpg", image)[1].tobytes()


def answer(phase, truth, known, rng, pictures, training):
    taught = truth in known
    right = taught and rng.random() < 0.93
    unknown_score = float(np.clip(rng.beta(2, 8) if taught else rng.beta(8, 2.5), 0, 1))
    label = truth if right else str(rng.choice(sorted(known))) if known else ""
    return PredictionRow(
        phase=phase,
        truth=truth,
        label=label,
        score=float(rng.beta(9, 2)) if known else math.nan,
        is_unknown=unknown_score > 0.45 or not known,
        unknown_score=unknown_score if known else 1.0,
        taught=taught,
        latency_ms=float(rng.gamma(9, 0.9) + (rng.gamma(2, 1.5) if training else 0)),
        training=training,
        picture=picture(truth, rng) if pictures else None,
    )


def make_record(seed=0, phases=3, classes=NAMES, strangers=STRANGERS, views=8, pictures=False):
    """A run in which most goes well and some does not."""
    rng = np.random.default_rng(seed)
    groups = tuple(tuple(str(c) for c in part) for part in np.array_split(classes, phases))
    rows = []
    for phase in range(phases + 1):
        known = {label for group in groups[:phase] for label in group}
        for truth in (*classes, *strangers):
            rows += [
                answer(phase, truth, known, rng, pictures, training=view == 0 and phase > 0)
                for view in range(views)
            ]
    return RunRecord(
        title="Simulated turntable: sixteen objects in three phases",
        method="oracil",
        seed=seed,
        phases=groups,
        predictions=tuple(rows),
        unknown_threshold=0.45,
        unknown_calibrated=True,
        configuration={"views": views, "encoder": "efficientnet_lite0@0123456789ab", "M": 4096},
        references={"joint ridge": 0.91},
        goals={
            "final_accuracy": ">= 97 %",
            "false_unknown_rate": "< 5 %",
            "unknown_caught_rate": ">= 90 %",
        },
        dropped={"extractor": 0, "learner": 0},
        notes=("Made-up figures, to try the report.",),
        command="cil demo --seed 0",
    )


@pytest.fixture(name="make_record")
def make_record_fixture():
    """The maker of made-up runs."""
    return make_record
