"""How long one step of a growing memory takes."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from cil_nodes.learners.clifer.memory import GrowingMemory
from cil_nodes.learners.clifer.neurons import EPISODIC, Neurons

NEURONS = 1000
DIMENSIONS = (50, 1280)
_ROUNDS, _EPISODE, _EPOCHS = 40, 5, 10


def full_memory(dimension: int, rng: np.random.Generator) -> GrowingMemory:
    """Return a memory of 1,000 habituated neurons in a chain, at its limit."""
    n = NEURONS
    first = Neurons.begin(np.zeros((2, dimension)), 6, 0)
    chain = np.stack([np.arange(n - 1), np.arange(1, n)], axis=1).astype(np.int32)
    neurons = replace(
        first,
        weights=rng.uniform(-1, 1, (n, dimension)).astype(np.float32),
        contexts=np.zeros((n, 0, dimension), np.float32),
        habituation=np.full(n, 0.3, np.float32),
        histogram=rng.random((n, 6)).astype(np.float32),
        wins=np.zeros(n, np.int64),
        edges=chain,
        stamps=np.zeros(n - 1, np.int64),
    )
    return GrowingMemory(neurons, replace(EPISODIC, limit=n, max_age=10**6))


def measure() -> dict[str, float]:
    """Return microseconds of a step, by dimension: mini-episodes of 5 samples, 10 rounds each."""
    rng = np.random.default_rng(0)
    labels = np.arange(_EPISODE)
    told = {}
    for dimension in DIMENSIONS:
        memory = full_memory(dimension, rng)
        taken = []
        for _ in range(_ROUNDS):
            rows = rng.uniform(-1, 1, (_EPISODE, dimension))
            began = time.perf_counter()
            memory.play(rows, labels, _EPOCHS)
            taken.append((time.perf_counter() - began) / (_EPISODE * _EPOCHS))
        told[str(dimension)] = 1e6 * float(np.median(taken))
    return told
