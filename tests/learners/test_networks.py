"""What learners that train networks share."""

import sys

import numpy as np
import pytest

from cil_nodes.learners.networks import MissingTorchError, load_torch


def test_without_torch_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingTorchError, match=r"method clare .* pip install"):
        load_torch("clare")


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
