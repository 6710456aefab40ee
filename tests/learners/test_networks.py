"""What learners that train networks share."""

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from cil_nodes.learners.networks import MissingTorchError, load_torch


def test_without_torch_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingTorchError, match=r"method clare .* pip install"):
        load_torch("clare")


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_who_only_answers_never_loads_torch():
    """Not even by a library that looks for it: it takes seconds and 200 MB of every process."""
    code = (
        "import sys, importlib, pkgutil\n"
        "from cil_nodes import teaching\n"
        "from cil_nodes.learners import registry\n"
        "modules = {place.partition(':')[0] for place in registry._BUILT_IN.values()}\n"
        "inside = pkgutil.iter_modules(teaching.__path__, 'cil_nodes.teaching.')\n"
        "modules |= {module.name for module in inside}\n"
        "if importlib.util.find_spec('rclpy'):\n"
        "    modules |= {'cil_nodes.nodes.learner', 'cil_nodes.nodes.extractor'}\n"
        "for module in sorted(modules):\n"
        "    importlib.import_module(module)\n"
        "    assert 'torch' not in sys.modules, module\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_one_seed_gives_one_stream_whatever_the_global_one_does():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from cil_nodes.learners.networks import running

    cpu = running.device_of("cpu")
    drawn = []
    for _ in range(2):
        torch.rand(3)
        drawn.append(
            torch.rand(4, generator=running.generator(np.random.SeedSequence([7, 1]), cpu))
        )
    assert torch.equal(*drawn)
    other = torch.rand(4, generator=running.generator(np.random.SeedSequence([7, 2]), cpu))
    assert not torch.equal(drawn[0], other)


def test_weights_go_to_arrays_and_back_without_sharing():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from cil_nodes.learners.networks import running

    weights = {"a": torch.ones(2, 3)}
    kept = running.arrays(weights)
    weights["a"].zero_()
    again = running.tensors(kept, running.device_of("cpu"))
    again["a"].mul_(5)
    assert (kept["a"] == 1).all()


@pytest.mark.parametrize("name", ["gpu", "cuda"])
def test_a_device_that_is_not_there_is_refused(name):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from cil_nodes.learners.networks import running

    if name == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match="device"):
        running.device_of(name)
