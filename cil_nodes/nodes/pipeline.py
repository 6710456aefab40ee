"""Camera and extractor in one process: frames are handed over by reference.

rclpy nodes cannot be composed at run time, so this executable makes both. They keep their names
and parameters; ``image`` is still published for whoever else subscribes.
"""

from __future__ import annotations

import contextlib
import sys

from rclpy.executors import SingleThreadedExecutor

from cil_nodes.nodes.camera import Camera
from cil_nodes.nodes.extractor import Extractor
from cil_nodes.ros.lifecycle import SHUTDOWN_ERRORS
from cil_nodes.ros.main import run


class Pipeline:
    """Both nodes, spun by one executor."""

    def __init__(self) -> None:
        self.extractor = Extractor(direct=True)
        self.camera = Camera()
        self.camera.direct.append(self.extractor.take_frame)

    def spin(self) -> None:
        """Run the callbacks of both until shut down."""
        executor = SingleThreadedExecutor()
        executor.add_node(self.extractor)
        executor.add_node(self.camera)
        executor.spin()

    def close(self) -> None:
        """End both."""
        for node in (self.camera, self.extractor):
            with contextlib.suppress(*SHUTDOWN_ERRORS):
                node.close()


def main(args: list[str] | None = None) -> int:
    """Run camera and extractor."""
    return run(Pipeline, args)


if __name__ == "__main__":
    sys.exit(main())
