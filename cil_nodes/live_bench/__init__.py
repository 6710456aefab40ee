"""Benchmarks of the running graph: real processes, real DDS, made-up pictures and classes.

Importing this package makes them known to ``cil bench``; ROS is imported when one runs, so that
they can be listed on a machine without it.
"""

from __future__ import annotations

from cil_nodes.evaluation.bench import BenchResult, Context, bench


@bench(
    "latency",
    "From the camera's stamp to the prediction: 640x480 images at 30 Hz through the running graph, "
    "idle, with the labeler, as a pipeline, and while lessons are learned.",
    minutes=7,
)
def run_latency(context: Context) -> BenchResult:
    """Measure all variants of the graph, one after the other."""
    from cil_nodes.live_bench.latency import run

    return run(context)


@bench(
    "label-to-known",
    "From the label call to the first prediction by the new model: 20 new samples on top of 100 "
    "known classes, in the running graph, with each method.",
    minutes=3,
    seeds=5,
)
def run_label_to_known(context: Context) -> BenchResult:
    """Teach one new class after the other and take the time."""
    from cil_nodes.live_bench.label_to_known import run

    return run(context)
