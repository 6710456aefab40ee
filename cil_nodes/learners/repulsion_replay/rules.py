"""How a phase is trained: the parts of the method that are on, and with which weights."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """Settings of one phase.

    Attributes
    ----------
    batch, iterations : int
        New samples a step, and as many replayed ones; steps.
    rate : float
        Adam's learning rate.
    kl_divisor : float
        What the Kullback-Leibler term is divided by.
    conditional, distillation : bool
        Parts of brain-inspired replay.
    temperature : float
        Of distillation.
    repulsion : {"reciprocal", "negative", "none"}
    repulsion_weight, attraction_weight : float
        lambda_RR and lambda_RA, relative to the reconstruction loss.
    factor : float
        f; 0 for none.
    confidence : bool
        Whether repulsion is weighed by the probability of the label.
    """

    batch: int
    iterations: int
    rate: float
    kl_divisor: float
    conditional: bool
    distillation: bool
    temperature: float
    repulsion: str
    repulsion_weight: float
    attraction_weight: float
    factor: float
    confidence: bool


def automatic_hidden(d: int) -> int:
    """Return h for d features: about a quarter, a power of two, 32 to 256."""
    return int(min(256, max(32, 2 ** round(math.log2(max(d, 1) / 4)))))


def automatic_latent(hidden: int) -> int:
    """Return k for h hidden units: a quarter."""
    return max(2, hidden // 4)


def automatic_batch(samples: int) -> int:
    """Return the batch for a phase of so many samples: a power of two, 16 to 128."""
    return int(min(128, max(16, 2 ** round(math.log2(max(samples, 1))))))


def automatic_iterations(samples: int) -> int:
    """Return the steps of a phase of so many samples: 150 up to 20 samples, 500 from 220 on."""
    return int(min(500, max(150, 150 * math.sqrt(samples / 20))))
