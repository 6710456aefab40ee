"""A covariance for each class, in a random subspace: sums that add, merge and forget exactly.

The analytic heads and LDA see where classes lie. How they spread differs too, and tells look-alikes
apart: regularised discriminant analysis (Friedman, JASA 1989), which FeCAM (Goswami et al., NeurIPS
2023) found to serve frozen features well. The subspace is drawn from the seed, not found in the
data, so that what is summed up in it is the same in any order of phases.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.linalg import lapack

from cil_nodes.learners.oracil.features import AnalyticMap
from cil_nodes.learners.oracil.gaussian import shrunk
from cil_nodes.learners.oracil.sums import ClassSums
from cil_nodes.learners.phase import Phase

SHORTLIST = 8
"""Classes whose own covariance is asked, by the heads' outputs; bounds the cost of an answer."""

LEAST_VIEWS = 40
"""Samples a class, on average, from which on class covariances are estimated at all."""

FEW = 64.0
"""Samples of a class at which its own covariance gets half of `covariance_share`."""


@lru_cache(maxsize=8)
def random_basis(seed: int, dimension: int, rank: int, dtype: str = "float64") -> np.ndarray:
    """Return an orthonormal basis V (d, r), the same for ever; the identity where r is d."""
    if rank >= dimension:
        basis = np.eye(dimension)
    else:
        # A list seeds another stream than the projection's of the same number.
        draws = np.random.RandomState([seed % 2**32, rank]).standard_normal((dimension, rank))
        q, r = np.linalg.qr(draws)
        basis = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)  # LAPACKs differ in signs
    basis = basis.astype(dtype)
    basis.setflags(write=False)
    return basis


@lru_cache(maxsize=4)
def _triangle(rank: int) -> tuple[np.ndarray, np.ndarray]:
    return np.tril_indices(rank)


def packed(square: np.ndarray) -> np.ndarray:
    """Return the lower triangle of (r, r) as (r (r + 1) / 2,) float32."""
    return square[_triangle(len(square))].astype(np.float32)


def unpacked(triangle: np.ndarray, rank: int, symmetric: bool = True) -> np.ndarray:
    """Undo `packed`: (r, r) in the triangle's precision; zeros above unless ``symmetric``."""
    square = np.zeros((rank, rank), triangle.dtype)
    square[_triangle(rank)] = triangle
    if symmetric:
        square.T[_triangle(rank)] = triangle
    return square


@dataclass(frozen=True)
class SecondOrder:
    """Scatter of each class around its own mean, in a subspace of r dimensions.

    Attributes
    ----------
    dimension, rank, seed : int
        d, r and what the subspace is drawn from.
    scatters : tuple of (r (r + 1) / 2,) float32 arrays
        Lower triangles, one a class; shared between states, never changed in place.
    """

    dimension: int
    rank: int
    seed: int
    scatters: tuple[np.ndarray, ...] = ()

    @classmethod
    def empty(cls, map_: AnalyticMap, rank: int) -> SecondOrder:
        """Return sums over nothing in a subspace of the features of ``map_``."""
        return cls(map_.dimension, min(rank, map_.dimension), map_.seed)

    def stacked(self) -> np.ndarray:
        """Return all triangles (C, r (r + 1) / 2), for a file."""
        return np.stack(self.scatters) if self.scatters else np.zeros((0, 0), np.float32)

    @classmethod
    def unpack(cls, tensors: dict[str, np.ndarray], map_: AnalyticMap, rank: int) -> SecondOrder:
        """Undo `stacked`; rank 0 where there is nothing, as in files from before it."""
        scatters = tuple(tensors["second.scatters"]) if rank else ()
        return replace(cls.empty(map_, rank), scatters=scatters)

    @property
    def basis(self) -> np.ndarray:
        """(d, r) orthonormal columns."""
        return random_basis(self.seed, self.dimension, self.rank)

    def learn(self, f: np.ndarray, positions: np.ndarray, before: ClassSums) -> SecondOrder:
        """Add rows f (n, d) of the classes ``positions`` (n,); ``before`` does not hold them."""
        if not self.rank:
            return self
        scatters = [*self.scatters]
        for c in np.unique(positions).tolist():
            rows = np.asarray(f[positions == c], dtype=np.float64)
            mean = rows.mean(axis=0)
            centred = (rows - mean) @ self.basis
            scatter = centred.T @ centred
            scatters += [packed(np.zeros_like(scatter))] * (c + 1 - len(scatters))
            if c < len(before.counts):
                scatter += self._gap(before.counts[c], before.means[c], len(rows), mean)
            scatters[c] = packed(scatter + unpacked(scatters[c], self.rank))
        return replace(self, scatters=tuple(scatters))

    def merged(self, other: SecondOrder, mine: ClassSums, theirs: ClassSums) -> SecondOrder:
        """Add what another learner summed up over the same columns; exact.

        Parameters
        ----------
        other : SecondOrder
            In the same subspace.
        mine, theirs : ClassSums
            Counts and means that belong to either.
        """
        nothing = np.zeros(self.rank * (self.rank + 1) // 2, np.float32)
        columns = max(len(self.scatters), len(other.scatters))
        a, b = ([*s, *[nothing] * (columns - len(s))] for s in (self.scatters, other.scatters))
        joined = []
        for c, (one, two) in enumerate(zip(a, b, strict=True)):
            gap = np.zeros((self.rank, self.rank))
            if c < min(len(mine.counts), len(theirs.counts)):
                gap = self._gap(mine.counts[c], mine.means[c], theirs.counts[c], theirs.means[c])
            joined.append((one.astype(np.float64) + two + packed(gap)).astype(np.float32))
        return replace(self, scatters=tuple(joined))

    def without(self, position: int) -> SecondOrder:
        """Drop a class, wholly: its samples are in no other class's scatter."""
        return replace(self, scatters=self.scatters[:position] + self.scatters[position + 1 :])

    def shared(self) -> np.ndarray:
        """Return the within-class scatter over all classes: (r, r) float64."""
        total = np.zeros(self.rank * (self.rank + 1) // 2)
        for scatter in self.scatters:
            total += scatter
        return unpacked(total, self.rank)

    def _gap(self, n: float, mean: np.ndarray, k: float, other: np.ndarray) -> np.ndarray:
        """Return what two means that differ add to a joint scatter (Chan et al. 1979): (r, r)."""
        step = np.sqrt(n * k / max(n + k, 1.0)) * ((mean - other) @ self.basis)
        return np.outer(step, step)


@dataclass(frozen=True)
class ClassGaussians:
    """One Gaussian a class with a covariance of its own, mixed with the shared one.

    Attributes
    ----------
    dimension, rank, seed : int
        As in `SecondOrder`.
    means : (C, r) float32 array
    whitening : (C, r, r) float32 array
        Inverse Cholesky factors L^-1, so that |L^-1 (v - mu)|^2 is the squared distance.
    offsets : (C,) float32 array
        -log det L.
    rates : (C,) float32 array
        How much an outer product v v' of a class's sample adds to that class's covariance.
    """

    dimension: int
    rank: int
    seed: int
    means: np.ndarray
    whitening: np.ndarray
    offsets: np.ndarray
    rates: np.ndarray

    @classmethod
    def of(cls, s: SecondOrder, sums: ClassSums, share: float, phase: Phase) -> ClassGaussians:
        """Estimate from sums.

        A class's covariance is a (own) + (1 - a) (shared), a = ``share`` n / (n + `FEW`): few
        samples say little about r^2 numbers.
        """
        freedom = max(sums.samples - len(sums.counts), 1.0)
        covariance, rho = shrunk(s.shared(), freedom)
        whitening = np.empty((len(sums.counts), s.rank, s.rank), np.float32)
        own = share * sums.counts / (sums.counts + FEW)
        each = own / np.maximum(sums.counts - 1, 1)
        offsets = np.empty(len(sums.counts))
        common = covariance.astype(np.float32)
        for c, scatter in enumerate(s.scatters):
            if c % 20 == 0:
                phase.check()
            mixed = np.float32(1 - own[c]) * common
            mixed += np.float32(each[c]) * unpacked(scatter, s.rank)
            whitening[c], offsets[c] = _whitening(mixed)
        rates = (1 - own) * (1 - rho) / freedom + each
        f32 = (x.astype(np.float32) for x in (sums.means @ s.basis, whitening, offsets, rates))
        return cls(s.dimension, s.rank, s.seed, *f32)

    def pack(self) -> dict[str, np.ndarray]:
        """Return named arrays."""
        return {
            "gaussians.means": self.means,
            "gaussians.whitening": np.stack([packed(L) for L in self.whitening]),
            "gaussians.offsets": self.offsets,
            "gaussians.rates": self.rates,
        }

    @classmethod
    def unpack(cls, tensors: dict[str, np.ndarray], map_: AnalyticMap, rank: int) -> ClassGaussians:
        """Undo `pack`."""
        triangles = tensors["gaussians.whitening"]
        whitening = np.stack([unpacked(t, rank, symmetric=False) for t in triangles])
        means, offsets, rates = (tensors[f"gaussians.{n}"] for n in ("means", "offsets", "rates"))
        return cls(map_.dimension, rank, map_.seed, means, whitening, offsets, rates)

    def project(self, f: np.ndarray) -> np.ndarray:
        """Return rows f (n, d) in the subspace: (n, r) float32."""
        basis = random_basis(self.seed, self.dimension, self.rank, "float32")
        return f.astype(np.float32, copy=False) @ basis

    def scores(self, f: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return log densities (n, C), up to a constant, of features f (n, d).

        Only of the `SHORTLIST` classes with the largest heads' outputs z (n, C); the others get
        the least of those, so that what the heads put last stays last.
        """
        v, asked = self.project(f), shortlist(z)
        scores = np.full(z.shape, np.inf, np.float32)
        for c in np.flatnonzero(asked.any(axis=0)):
            rows = np.flatnonzero(asked[:, c])
            y = (v[rows] - self.means[c]) @ self.whitening[c].T
            scores[rows, c] = self.offsets[c] - 0.5 * np.einsum("nr,nr->n", y, y)
        return np.where(asked, scores, scores.min(axis=1, keepdims=True))

    def held_out(self, f: np.ndarray, position: int, left: float) -> np.ndarray:
        """Return the log densities (m,) of rows of a class as if it had never learned them.

        Parameters
        ----------
        f : (m, d) array
            Rows of the class ``position``, among those learned.
        left : float
            Samples of the class that remain, above 0.

        Notes
        -----
        The rows leave the class's covariance and, as its share of it, the shared one, by
        Woodbury; weights and degrees of freedom stay as they were.
        """
        y = (self.project(f) - self.means[position]) @ self.whitening[position].T
        y = y.astype(np.float64)
        drift = y.sum(axis=0)
        gone = np.vstack([y, drift / np.sqrt(left)])
        middle = -(gone @ gone.T)
        middle[np.diag_indices_from(middle)] += 1.0 / float(self.rates[position])
        away = y + drift / left
        reach = away @ gone.T
        squares = np.einsum("nr,nr->n", away, away)
        squares += np.einsum("nr,nr->n", reach @ np.linalg.inv(middle), reach)
        volume = np.linalg.slogdet(middle * float(self.rates[position]))[1]
        return float(self.offsets[position]) - 0.5 * (volume + squares)


def shortlist(z: np.ndarray) -> np.ndarray:
    """Return which outputs z (n, C) are among the `SHORTLIST` largest of their row: bool."""
    if z.shape[1] <= SHORTLIST:
        return np.ones(z.shape, dtype=bool)
    return z >= np.partition(z, -SHORTLIST, axis=1)[:, -SHORTLIST, None]


def _whitening(covariance: np.ndarray) -> tuple[np.ndarray, float]:
    """Return L^-1 and -log det L for a covariance L L' (r, r) float32."""
    factor, info = lapack.spotrf(covariance, lower=1, clean=1)
    if info == 0:
        half, info = lapack.strtri(factor, lower=1)
    if info != 0:
        raise np.linalg.LinAlgError(
            "The covariance of a class is not positive definite. Features with NaN do this."
        )
    return half, -float(np.log(np.diagonal(factor)).sum())
