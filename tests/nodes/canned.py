"""Canned features: objects that are easy to tell apart, without camera or encoder."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from cil_msgs.msg import FeatureVector
from std_msgs.msg import Header

from cil_nodes.ros.conversions import feature_message, make_header

ENCODER = "canned@0123456789ab"
DIMENSION = 16
METHOD = "tests.teaching.tiny:Tiny"
"""The nearest class mean; its parameter ``tiny.slow`` makes lessons last."""
_COUNTER = itertools.count()


def vector(name: str, seed: int = 0) -> np.ndarray:
    """A view of the object ``name``: near its centre, which lies far from all others."""
    centre = np.random.default_rng(sum(map(ord, name)) * 1009).normal(size=DIMENSION)
    noise = np.random.default_rng([seed, len(name)]).normal(size=DIMENSION)
    return (3.0 * centre + 0.05 * noise).astype(np.float32)


def feature(
    name: str, seed: int = 0, encoder: str = ENCODER, stamp: int | None = None, **options: Any
) -> FeatureVector:
    """A feature message with a sample id of its own."""
    number = next(_COUNTER)
    header: Header = make_header(1_000_000_000 + number if stamp is None else stamp, "camera")
    data = options.get("data", vector(name, seed))
    message = feature_message(header, f"canned-{number}", (0, 0, 0, 0), encoder, vector(name, seed))
    message.data = data.tolist() if "data" in options else message.data
    return message


def features(name: str, count: int, first_seed: int = 0) -> list[FeatureVector]:
    """Several views of one object."""
    return [feature(name, seed) for seed in range(first_seed, first_seed + count)]
