"""The paper's toy (Figures 1 to 3 and 8 to 10): five Gaussians in the plane, one among the others.

Eq. 1 gives their means and covariances, but is not legible in our text; these are ours: four
classes on the axes, C3 in the middle, all of them round and hardly overlapping.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MEANS = {"C1": (-4.0, 0.0), "C2": (0.0, 4.0), "C3": (0.0, 0.0), "C4": (4.0, 0.0), "C5": (0.0, -4.0)}
DEVIATION = 0.8


def five_gaussians(each: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    """Draw ``each`` samples of every class.

    Returns
    -------
    X : (5 each, 2) array
    y : (5 each,) array of str
        "C1" to "C5".
    """
    rng = np.random.default_rng(seed)
    rows = [mean + DEVIATION * rng.normal(size=(each, 2)) for mean in MEANS.values()]
    return np.concatenate(rows), np.repeat(list(MEANS), each)
