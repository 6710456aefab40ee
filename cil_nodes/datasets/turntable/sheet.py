"""One picture of everything that the turntable can show."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from .turntable import Turntable


def contact_sheet(
    turntable: Turntable,
    labels: Sequence[str] = (),
    *,
    columns: int = 8,
    split: str = "teach",
    index: int = 0,
    seed: int = 0,
    scale: float = 0.45,
) -> NDArray[np.uint8]:
    """Draw view number ``index`` of each thing, side by side with its name.

    Parameters
    ----------
    turntable : Turntable
    labels : sequence of str
        What to show; everything by default.
    columns : int
    split, index, seed
        As for :meth:`Turntable.view`.
    scale : float
        Size of a tile as a share of the turntable's picture.

    Returns
    -------
    (rows * tile height, columns * tile width, 3) uint8 RGB
    """
    names = tuple(labels) or turntable.objects
    tiles = [_tile(turntable.view(n, index, split=split, seed=seed), n, scale) for n in names]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])


def _tile(picture: NDArray[np.uint8], name: str, scale: float) -> NDArray[np.uint8]:
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(
            small, name, (5, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, thickness, cv2.LINE_AA
        )
    return np.asarray(small, dtype=np.uint8)
