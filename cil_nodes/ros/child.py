"""Runs a node as a child of ``cil up``: it ends when ``cil up`` is gone, however that happened.

    python -m cil_nodes.ros.child cil_nodes.nodes.camera --ros-args ...

Standard input is a pipe whose other end the runner holds open and never writes to. When the runner
dies, even of SIGKILL, the kernel closes that end, and the node here is told to end.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

from cil_nodes.ros.graph import PATIENCE


def follow_runner() -> None:
    """Wait for the end of standard input, then end this process: SIGTERM, later SIGKILL."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE)
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Run the module named first, with the other words, while the runner lives."""
    module, *words = sys.argv[1:]
    threading.Thread(target=follow_runner, name="runner", daemon=True).start()
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
