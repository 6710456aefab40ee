"""Made-up pictures and classes: nothing to download, the same on every machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from cil_msgs.msg import Sample
from numpy.typing import NDArray

from cil_nodes.encoders import catalogue
from cil_nodes.ros.conversions import float_array, make_header

WIDTH, HEIGHT, RATE = 640, 480, 30.0
PICTURES = 30
CLASSES = 100
MODEL, INT8_MODEL = "efficientnet_lite0", "efficientnet_lite0_int8"
DIMENSION = 1280
"""Length of these models' features."""


def pictures(count: int = PICTURES, seed: int = 0) -> NDArray[np.uint8]:
    """Return smooth random pictures with some grain, shape (count, 480, 640, 3)."""
    draw = np.random.default_rng(seed)
    coarse = draw.integers(0, 256, (count, 12, 16, 3), dtype=np.uint8)
    size = (WIDTH, HEIGHT)
    smooth = np.stack([cv2.resize(one, size, interpolation=cv2.INTER_CUBIC) for one in coarse])
    grain = draw.integers(0, 24, smooth.shape, dtype=np.uint8)
    return np.where(smooth > 255 - grain, 255, smooth + grain).astype(np.uint8)


def write_pictures(path: Path) -> Path:
    """Write the pictures where the camera's source ``file:`` reads them."""
    np.save(path, pictures())
    return path


def encoder_id(model: str = MODEL) -> str:
    """Return the id that the extractor writes into features."""
    entry, int8 = catalogue.look_up(model)
    return entry.encoder_id(int8)


class Classes:
    """Made-up classes: each has a centre of its own, its samples lie around it.

    Parameters
    ----------
    seed : int
        Decides all centres and samples.
    model : str
        The extractor's encoder, whose id the samples bear.
    """

    def __init__(self, seed: int = 0, model: str = MODEL) -> None:
        self._seed = seed
        self._encoder = encoder_id(model)

    def features(self, number: int, count: int, lesson: int = 0) -> NDArray[np.float32]:
        """Return (count, 1280) features of class ``number``; other ones for another lesson."""
        centre = np.random.default_rng([self._seed, number]).gamma(0.5, 0.6, DIMENSION)
        noise = np.random.default_rng([self._seed, number, lesson, 1])
        return np.abs(centre + 0.3 * noise.normal(size=(count, DIMENSION))).astype(np.float32)

    def samples(self, number: int, count: int, lesson: int = 0) -> Iterator[Sample]:
        """Yield labelled samples of class ``number`` as messages."""
        for position, vector in enumerate(self.features(number, count, lesson)):
            yield Sample(
                header=make_header(1_000_000_000 + position, "canned"),
                sample_id=f"canned-{self._seed}-{lesson}-{number}-{position}",
                encoder_id=self._encoder,
                label=f"class {number}",
                data=float_array(vector),
            )
