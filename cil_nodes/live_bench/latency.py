"""Latency of the running graph: from the camera's stamp to the prediction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cil_nodes.evaluation.bench import BenchResult, Context, Record
from cil_nodes.live_bench.canned import CLASSES, HEIGHT, INT8_MODEL, RATE, WIDTH
from cil_nodes.live_bench.variants import SECONDS, TRAINING_SECONDS, at_rest, while_training

MEASURING = tuple(
    f"live_bench/{name}.py"
    for name in ("canned", "driver", "lessons", "meter", "rig", "station", "variants")
)
CODE = ("encoders", "learners", "nodes", "ros", "teaching", *MEASURING)
"""What makes a measurement stale."""

CONFIGURATION: dict[str, Any] = {
    "picture": f"{WIDTH}x{HEIGHT} bgr8",
    "rate": RATE,
    "seconds": SECONDS,
    "training_seconds": TRAINING_SECONDS,
    "classes": CLASSES,
    "encoder": "efficientnet_lite0",
    "lesson_samples": 5000,
}

RESTING = ("idle", "graph", "pipeline", "idle_int8", "pipeline_int8")
"""Variants in which nothing is learned."""

GOALS = {"idle": ("< 10", "< 20"), "pipeline": ("< 7", "< 15")}
WORDS = {
    "idle": "A driver, the extractor and the learner in three processes.",
    "graph": "The same with the labeler, which takes images and predictions besides.",
    "pipeline": "Our camera and the extractor in one process, the learner in another.",
    "idle_int8": "As idle, with the encoder in int8.",
    "pipeline_int8": "As pipeline, with the encoder in int8.",
    "cuda": "As idle, with the encoder on CUDA.",
}


NETWORK = "The network alone takes 6 of these milliseconds with two threads, 9.3 with one."
REASONS = {"idle": NETWORK, "pipeline": NETWORK}
"""Why the committed figures miss a goal, where they do."""


def run(context: Context) -> BenchResult:
    """Measure every variant; those done by an earlier run are kept."""
    variants: dict[str, Callable[[], Mapping[str, Any]]] = {
        "idle": lambda: at_rest("extractor,learner"),
        "graph": lambda: at_rest("extractor,learner,labeler"),
        "pipeline": lambda: at_rest("pipeline,learner", pipeline=True),
        "idle_int8": lambda: at_rest("extractor,learner", model=INT8_MODEL),
        "pipeline_int8": lambda: at_rest("pipeline,learner", pipeline=True, model=INT8_MODEL),
        "training": while_training,
    }
    if has_cuda():
        overrides = {("extractor", "providers"): "cuda"}
        variants["cuda"] = lambda: at_rest("extractor,learner", overrides=overrides)
    found = {}
    for number, (name, measure) in enumerate(variants.items()):
        context.progress(number / len(variants), name)
        found[name] = context.part({**CONFIGURATION, "variant": name}, measure, CODE)
    context.progress(1.0, "done")
    return BenchResult(tuple(records(found)), CONFIGURATION, {"variants": found})


def has_cuda() -> bool:
    """Whether ONNX Runtime can compute on CUDA here."""
    import onnxruntime

    return "CUDAExecutionProvider" in onnxruntime.get_available_providers()


def records(found: Mapping[str, Mapping[str, Any]]) -> list[Record]:
    """Make the records of all variants."""
    made = []
    for name in RESTING:
        made += variant_records(name, found[name])
    made += training_records(found["training"], found["idle"])
    return [*made, *cuda_records(found.get("cuda"))]


def variant_records(name: str, figures: Mapping[str, Any]) -> list[Record]:
    """Make the records of one variant."""
    goals = GOALS.get(name, ("reported", "reported"))
    note = f"{WORDS[name]} {figures['sent']} frames; the worst took {figures['max_ms']:.1f} ms."
    note = f"{note} {REASONS.get(name, '')}".rstrip()
    made = [
        Record(
            f"latency.{name}.{p}_ms",
            round(figures[f"{p}_ms"], 2),
            unit="ms",
            better="lower",
            goal=goal,
            note=note,
        )
        for p, goal in zip(("p50", "p99"), goals, strict=True)
    ]
    return [*made, _dropped(name, figures, note)]


def training_records(training: Mapping[str, Any], idle: Mapping[str, Any]) -> list[Record]:
    """Make the records of the variant that learns, over the one that does not."""
    shared = training["with_handing_over"]
    note = (
        f"{training['lessons']} lessons of 5,000 samples of {CLASSES} classes in a minute, through "
        f"the learner's own services; {training['sent']} frames while they were learned. While "
        "samples are handed over besides, 25 MB a lesson, the 99th percentile is "
        f"{shared['p99_ms']:.1f} ms over {shared['sent']} frames."
    )
    ratio = Record(
        "latency.training.p99_ratio",
        round(training["p99_ms"] / idle["p99_ms"], 3),
        better="lower",
        goal="<= 2",
        reference={
            "p99 idle, ms": round(idle["p99_ms"], 2),
            "p99 while learning, ms": round(training["p99_ms"], 2),
        },
        note=note,
    )
    return [ratio, _dropped("training", shared, note)]


def cuda_records(figures: Mapping[str, Any] | None) -> list[Record]:
    """Make the records of the variant on a GPU, empty where there is none."""
    if figures is not None:
        return variant_records("cuda", figures)[:2]
    note = "Not measured: ONNX Runtime has no CUDA provider on this machine."
    return [
        Record(f"latency.cuda.{p}_ms", None, unit="ms", better="lower", note=note)
        for p in ("p50", "p99")
    ]


def _dropped(name: str, figures: Mapping[str, Any], note: str) -> Record:
    goal = "<= 0" if name in ("idle", "pipeline", "training") else "reported"
    return Record(
        f"latency.{name}.dropped", figures["dropped"], better="lower", goal=goal, note=note
    )
