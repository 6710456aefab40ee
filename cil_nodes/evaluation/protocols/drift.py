"""Drift: old classes come back in other light and before another camera."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from cil_nodes.datasets.images import ImageDataset, LazyImages
from cil_nodes.evaluation.protocols.labelled import Labelled, few_of_each, joined
from cil_nodes.evaluation.protocols.streams import Step, class_phases

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Change:
    """A change of light and camera.

    Attributes
    ----------
    gain : float
        Brightness; 1 leaves it.
    gamma : float
        Above 1 darkens the middle tones; 1 leaves them.
    warmth : float
        Red up and blue down by this share, as under a lamp; 0 leaves them.
    blur : float
        Standard deviation of the lens's blur, as a share of the picture's width; 0 for none.
    noise : float
        Standard deviation of the sensor's noise, of 255; 0 for none.
    """

    gain: float = 1.0
    gamma: float = 1.0
    warmth: float = 0.0
    blur: float = 0.0
    noise: float = 0.0

    def applied(self, image: Image, seed: int = 0) -> Image:
        """Return a picture (h, w, 3), uint8, RGB, as this light and camera show it.

        Parameters
        ----------
        image : ndarray of shape (h, w, 3), uint8
            RGB.
        seed : int
            Of the noise.
        """
        tint = np.array([1 + self.warmth, 1.0, 1 - self.warmth])
        light = 255.0 * np.clip(image / 255.0, 0, 1) ** self.gamma * self.gain * tint
        if self.blur > 0:
            light = cv2.GaussianBlur(light, (0, 0), self.blur * image.shape[1])
        if self.noise > 0:
            light = light + np.random.default_rng(seed).normal(0.0, self.noise, light.shape)
        return np.clip(np.rint(light), 0, 255).astype(np.uint8)

    def applied_to(self, dataset: ImageDataset) -> ImageDataset:
        """Return a data set whose pictures are changed as they are read; its hash tells so."""
        told = f"{dataset.data_hash} {self}"
        images = LazyImages(
            len(dataset.images), lambda position: self.applied(dataset.images[position], position)
        )
        digest = hashlib.sha256(told.encode()).hexdigest()[:16]
        return replace(dataset, images=images, data_hash=digest)


LAMP = Change(gain=0.7, gamma=1.3, warmth=0.15)
"""A warm lamp in the evening."""
CHEAP_CAMERA = Change(gain=1.1, blur=0.008, noise=10.0)
"""A soft lens before a noisy sensor."""


def drifting(
    phases: Sequence[Sequence[str]],
    train: Labelled,
    shown: Labelled,
    changed_train: Labelled,
    changed_shown: Labelled,
    shots: int = 10,
    seed: int = 0,
) -> Iterator[Step]:
    """Teach phases; from the second on, old classes come back changed, in the same lesson.

    After every phase the unchanged and the changed test pictures are shown, in this order. Whether
    a learner follows the drift is seen in the second half, whether it loses the old look in the
    first.

    Parameters
    ----------
    phases : sequence of sequence of str
        New classes of each phase.
    train, shown : Labelled
        Features of pictures as they are.
    changed_train, changed_shown : Labelled
        Features of the same splits after a :class:`Change`.
    shots : int
        Changed samples of each old class in each later lesson.
    seed : int
        Draws them; other ones in each lesson.
    """
    both = joined([shown, changed_shown])
    for number, step in enumerate(class_phases(phases, train, both)):
        old = sorted(step.known.difference(step.new))
        if not old:
            yield step
            continue
        back = few_of_each(changed_train.of(old), shots, seed + number)
        yield replace(step, lesson=joined([step.lesson, back]))
