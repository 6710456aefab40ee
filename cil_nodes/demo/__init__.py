"""The main job: a scripted teacher shows objects to the running graph and teaches them."""

from pathlib import Path

from cil_nodes.demo.options import STREAMS, DemoOptions

__all__ = ["STREAMS", "DemoOptions", "run"]


def run(options: DemoOptions) -> Path:
    """Carry the demo out; returns its report. See :func:`cil_nodes.demo.main_job.run_demo`."""
    from cil_nodes.demo.main_job import run_demo  # ROS and the encoder wait until they are needed

    return run_demo(options)
