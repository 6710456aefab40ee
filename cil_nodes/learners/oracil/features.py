"""Analytic features: a fixed random projection and a ReLU (ORACIL, section 3.2, Eq. 2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cil_nodes.learners.oracil.projection import project

NORMALIZATIONS = ("f", "h", "both")


def unit(rows: np.ndarray) -> np.ndarray:
    """Scale every row of (n, d) to length 1; a row of zeros stays zero."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length > 0, length, 1)


def automatic_width(dimension: int) -> int:
    """Return M for ``M="auto"``: the power of two from 3 d on, 64 to 4096.

    Below about 3 d a random projection gains nothing over h = f. It depends on d alone, so that
    learning in phases and at once stay the same model.
    """
    power = int(np.ceil(np.log2(3 * dimension)))
    return int(np.clip(2**power, 64, 4096))


@dataclass(frozen=True)
class AnalyticMap:
    """h(x) = ReLU(f(x) W_rand), or f itself (Eq. 2).

    Attributes
    ----------
    dimension : int
        d, the length of f.
    width : int
        M, the length of h; 0 means h = f ("if random mapping is not enabled").
    seed : int
        W_rand is drawn from it whenever needed, and never stored.
    normalize : {"f", "h", "both"}
        What is scaled to unit length: section 3.2 says h, section 4.2.6 says f. The features that
        come in always are, and a ReLU of a projection keeps a factor, so that "h" and "both" are
        the same thing.
    power : float
        Every feature is raised to it, its sign kept, before rows are scaled: Tukey's ladder of
        powers, which makes skewed features of a ReLU more alike in spread (Yang, Liu and Xu, ICLR
        2021; FeCAM).
    projection : {"structured", "gaussian"}
        What kind of W_rand.
    """

    dimension: int
    width: int
    seed: int
    normalize: str = "f"
    power: float = 1.0
    projection: str = "gaussian"

    @property
    def output(self) -> int:
        """Length of h."""
        return self.width or self.dimension

    def prepared(self, X: np.ndarray) -> np.ndarray:
        """Return f (n, d): features X (n, d) as an encoder gives them, levelled, of length 1."""
        if self.power == 1:
            return unit(X)
        return unit(np.sign(X) * np.abs(X) ** X.dtype.type(self.power))

    def __call__(self, f: np.ndarray) -> np.ndarray:
        """Return h (n, M) for unit features f (n, d), in f's precision."""
        h = f
        if self.width:
            h = project(f, self.width, self.seed, self.projection)
            np.maximum(h, 0, out=h)
        return h if self.normalize == "f" else unit(h)
