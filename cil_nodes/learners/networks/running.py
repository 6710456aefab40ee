"""Where and how torch runs: device, threads, seeds; and weights as plain arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch

DEVICES = ("auto", "cpu", "cuda")


def device_of(name: str) -> torch.device:
    """Return the device; "auto" is the GPU where there is one.

    Raises
    ------
    ValueError
        For a name that is not among `DEVICES`, or "cuda" where torch sees no GPU.
    """
    if name not in DEVICES:
        raise ValueError(f"device must be one of {', '.join(map(repr, DEVICES))}; got {name!r}.")
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise ValueError('device="cuda", but torch sees no GPU here. Use device="cpu" or "auto".')
    return torch.device("cuda" if there and name != "cpu" else "cpu")


def generator(seed: np.random.SeedSequence, device: torch.device) -> torch.Generator:
    """Return torch's source of draws for one lesson; never the global one."""
    made = torch.Generator(device=device)
    made.manual_seed(int(seed.generate_state(1, np.uint64)[0] >> 1))
    return made


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use ``count`` threads within, so that one seed gives one result."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def arrays(weights: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Return tensors as NumPy arrays that share nothing with them."""
    return {name: w.detach().cpu().numpy().copy() for name, w in weights.items()}


def tensors(weights: Mapping[str, np.ndarray], device: torch.device) -> dict[str, torch.Tensor]:
    """Return arrays as tensors on a device, sharing nothing with them."""
    return {name: torch.from_numpy(np.array(w)).to(device) for name, w in weights.items()}
