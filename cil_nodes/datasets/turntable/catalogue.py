"""The list of things that the simulated turntable can show, and how one of them is made.

A thing is a function that returns its parts; the decorator :func:`thing` enters it in the list.
The modules ``things_*`` hold them. What a function draws from its :class:`Maker` (shades and
proportions) differs from one instance of a thing to the next and is fixed within an instance.
"""

from __future__ import annotations

import difflib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .model import Model, Part
from .paint import Colour, jittered

DISTINCT = (
    "aeroplane",
    "apple",
    "banana",
    "cactus",
    "cake",
    "chair",
    "drum",
    "dumbbell",
    "fir tree",
    "football",
    "gift box",
    "hammer",
    "light bulb",
    "mailbox",
    "padlock",
    "rubber ring",
    "sailing boat",
    "scissors",
    "snowman",
    "teapot",
    "teddy bear",
    "toy car",
    "traffic cone",
    "umbrella",
)
"""Twenty-four things that an ImageNet backbone tells apart best.

Left when, of all there are, the one that is most often taken for another (by a ridge classifier on
teaching views that never saw it) is struck out again and again. With all of them, some never
taught look much like one that was: a key like scissors, an umbrella like a mushroom.
"""

Build = Callable[["Maker"], Sequence[Part]]


class NoSuchObjectError(KeyError):
    """There is no object of this name to show.

    Parameters
    ----------
    label : str
        The name asked for.
    valid : sequence of str
        The names that there are.
    pictures : bool
        Whether it was asked of labelled pictures instead of the turntable.
    """

    def __init__(self, label: str, valid: Sequence[str], pictures: bool = False) -> None:
        close = difflib.get_close_matches(label, valid, n=3, cutoff=0.5)
        hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        where, last = "The turntable has", " An empty label shows the empty table."
        if pictures:
            where, last = "These pictures show", ""
        self.message = f"{where} no object {label!r}.{hint} There are: {', '.join(valid)}.{last}"
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message


class Maker:
    """Draws the shades and proportions of one instance."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def shade(self, colour: Colour, amount: float = 0.1) -> tuple[float, float, float]:
        """Return a screen colour near the given one."""
        return jittered(colour, self._rng, amount)

    def about(self, value: float, spread: float = 0.07) -> float:
        """Return a length within ``spread``, as a share, of the given one."""
        return float(value * (1 + self._rng.uniform(-spread, spread)))


@dataclass(frozen=True)
class Thing:
    """One entry of the list: how to build it, and its size (1 fills the turntable)."""

    build: Build
    size: float


_THINGS: dict[str, Thing] = {}


def thing(name: str, size: float = 1.0) -> Callable[[Build], Build]:
    """Enter a building function in the list."""

    def enter(build: Build) -> Build:
        _THINGS[name] = Thing(build, size)
        return build

    return enter


def names() -> tuple[str, ...]:
    """Everything there is to show, in alphabetical order."""
    from . import things_home, things_outside, things_play, things_work  # noqa: F401

    return tuple(sorted(_THINGS))


def make(name: str, seed: int) -> Model:
    """Build one instance; the same name and seed give the same one.

    Raises
    ------
    NoSuchObjectError
        With the names that exist.
    """
    if name not in names():
        raise NoSuchObjectError(name, names())
    entry = _THINGS[name]
    rng = np.random.default_rng([seed, zlib.crc32(name.encode()), 0x7AB1E])
    return Model(entry.build(Maker(rng)), entry.size)
