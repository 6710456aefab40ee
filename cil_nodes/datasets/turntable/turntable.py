"""The turntable itself: put a thing on it and get pictures."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from . import catalogue
from .model import Model
from .renderer import object_mask, render
from .scene import View, draw_view

SPLITS = ("teach", "fresh")


class Turntable:
    """Pictures of things on a turntable, in random pose, light and surroundings.

    Parameters
    ----------
    seed : int
        Which instances stand ready: another seed gives every thing other shades and proportions.
    width, height : int
        Size of the pictures in pixels.

    Examples
    --------
    >>> turntable = Turntable()
    >>> "mug" in turntable.objects
    True
    >>> turntable.render("mug", rng=np.random.default_rng(0)).shape
    (240, 320, 3)
    """

    def __init__(self, seed: int = 0, width: int = 320, height: int = 240) -> None:
        if width < 16 or height < 16:
            raise ValueError(f"A picture needs at least 16 x 16 pixels, got {width} x {height}.")
        self.seed, self.width, self.height = seed, width, height
        self._models: dict[str, Model] = {}

    @property
    def objects(self) -> tuple[str, ...]:
        """Names of everything there is to show, in alphabetical order."""
        return catalogue.names()

    @property
    def distinct_objects(self) -> tuple[str, ...]:
        """Names of 24 objects that look least alike, for demonstrations of the unknown."""
        return catalogue.DISTINCT

    def render(
        self,
        label: str | None,
        *,
        fresh_backdrop: bool = False,
        rng: np.random.Generator | None = None,
    ) -> NDArray[np.uint8]:
        """Draw one picture.

        Parameters
        ----------
        label : str or None
            What stands on the turntable; None or "" leaves it empty.
        fresh_backdrop : bool
            Take a backdrop of the kinds that are never used in teaching.
        rng : numpy.random.Generator, optional
            Where pose, light and backdrop are drawn from; by default the same for each call.

        Returns
        -------
        (height, width, 3) uint8 RGB

        Raises
        ------
        NoSuchObjectError
            With the names that exist and those nearest to ``label``.
        """
        model = self._model(label) if label else None
        return render(model, self._view(fresh_backdrop, rng), self.width, self.height)

    def view(
        self, label: str | None, index: int, *, split: str = "teach", seed: int = 0
    ) -> NDArray[np.uint8]:
        """Draw picture number ``index`` of a thing.

        It depends on (the turntable's seed, seed, label, split, index) alone, not on what was drawn
        before. Parameters as in :meth:`views`.
        """
        if split not in SPLITS:
            raise ValueError(f"There is no split {split!r}; the splits are {' and '.join(SPLITS)}.")
        key = [seed, zlib.crc32((label or "").encode()), SPLITS.index(split), index]
        rng = np.random.default_rng(key)
        return self.render(label, fresh_backdrop=split == "fresh", rng=rng)

    def views(
        self, label: str | None, n: int, *, split: str = "teach", seed: int = 0
    ) -> Iterator[NDArray[np.uint8]]:
        """Draw pictures 0 to n - 1 of a thing, one after another.

        Parameters
        ----------
        label : str or None
        n : int
        split : {"teach", "fresh"}
            "fresh" draws other poses and lights, before backdrops never used in teaching.
        seed : int
            Other pictures of the same thing.

        Yields
        ------
        (height, width, 3) uint8 RGB
        """
        return (self.view(label, i, split=split, seed=seed) for i in range(n))

    def mask(
        self, label: str, *, fresh_backdrop: bool = False, rng: np.random.Generator | None = None
    ) -> NDArray[np.bool_]:
        """Pixels (height, width) that show the thing in the picture :meth:`render` would draw."""
        return object_mask(
            self._model(label), self._view(fresh_backdrop, rng), self.width, self.height
        )

    def _view(self, fresh_backdrop: bool, rng: np.random.Generator | None) -> View:
        source = np.random.default_rng(0) if rng is None else rng
        return draw_view(source, "fresh" if fresh_backdrop else "teach")

    def _model(self, label: str) -> Model:
        if label not in self._models:
            self._models[label] = catalogue.make(label, self.seed)
        return self._models[label]
