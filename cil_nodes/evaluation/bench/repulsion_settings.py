"""Settings of the RR+RA benchmark: sizes, what was chosen on the validation order, and lines."""

from __future__ import annotations

from typing import Any

PHASES = 10
VALIDATION_ORDER = 7
"""Class order of the runs that choose settings; none of the orders that are reported."""

SIZES: dict[str, dict[str, Any]] = {
    "scaled": {
        "hidden": 256,
        "latent": 32,
        "iterations": 100,
        "batch": 64,
        "rate": 2e-3,
        "kl_divisor": 200.0,
    },
    "full": {
        "hidden": 2000,
        "latent": 100,
        "iterations": 5000,
        "batch": 512,
        "rate": 1e-4,
        "kl_divisor": 3072.0,
    },
}
"""The scaled size is for two cores; the full one is the paper's, for a GPU."""

SYNAPSES = {"scaled": 1e4, "full": 1e8}
"""Strength of synaptic intelligence: at full size the published one; scaled, chosen on the
validation order."""

REPULSION = {"repulsion": "negative", "repulsion_weight": 0.5, "attraction_weight": 0.5}
"""Form and weights of RR and RA: chosen on the validation order."""

_NOTHING = {"repulsion": "none", "repulsion_weight": 0.0, "attraction_weight": 0.0}


def line_settings(line: str, size: str) -> dict[str, Any]:
    """Return all settings of a line at a size.

    Parameters
    ----------
    line : str
        ``bir``, ``bir_si``, ``f<number>``, ``nof`` (every class competes), ``confidence`` (f = 20,
        weighed), ``rr`` and ``ra`` (f = 20, one of the two alone), or ``joint`` (every class in
        one phase).
    size : {"scaled", "full"}
    """
    base = {**SIZES[size], "si_strength": SYNAPSES[size], "gated": 0.6}
    if line == "joint":
        longer = {"iterations": PHASES * base["iterations"]}
        return {**base, **_NOTHING, **longer, "si_strength": 0.0}
    if line == "bir":
        return {**base, **_NOTHING, "si_strength": 0.0, "gated": 0.7}
    if line == "bir_si":
        return {**base, **_NOTHING}
    if line == "nof":
        return {**base, **REPULSION, "factor": 0.0}
    if line == "rr":
        return {**base, **REPULSION, "factor": 20.0, "attraction_weight": 0.0}
    if line == "ra":
        return {**base, **REPULSION, "factor": 20.0, "repulsion_weight": 0.0}
    if line == "confidence":
        return {**base, **REPULSION, "factor": 20.0, "confidence": True}
    return {**base, **REPULSION, "factor": float(line.removeprefix("f"))}
