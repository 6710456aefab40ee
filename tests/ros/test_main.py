"""What every node executable does around its node."""

import os
import subprocess
import sys

from tests.ros_support import python_path

PROBE = """
import gc, sys
from cil_nodes.ros.main import run
class Probe:
    def spin(self):
        print(gc.get_freeze_count(), len(gc.get_objects()))
    def close(self):
        pass
sys.exit(run(Probe, []))
"""


def run_python(text: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", text],
        env={**os.environ, "PYTHONPATH": python_path()},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_garbage_collector_passes_over_what_was_loaded():
    spared, watched = map(int, run_python(PROBE).split())
    assert spared > 10_000
    assert watched < spared / 10


def test_a_learner_loads_nothing_that_its_method_does_not_need():
    loaded = run_python(
        "import sys, cil_nodes.nodes.learner, cil_nodes.learners.oracil; print(*sys.modules)"
    )
    assert not {"torch", "lightgbm", "skops", "pytest", "matplotlib"} & set(loaded.split())
