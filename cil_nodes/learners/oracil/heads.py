"""Analytic heads: ridge regression to one-hot targets, kept up to date in closed form (Eq. 7-14).

Three forms of the same W = (H'H + ridge I)^-1 H'Y:

- `DualHead` keeps the rows and the n x n matrix H H' while there are fewer samples than M,
- `GramHead` keeps the sums A = H'H and B = H'Y, and the inverse by Woodbury or Cholesky,
- `PrintedHead` is the paper's recursion to the letter, with its epsilon.

All of them are values: learning returns a new head and leaves the old one as it was. The paper
calls the strength gamma, and uses gamma again for a fusion weight; here it is ``ridge``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_factor, cho_solve, lapack
from scipy.sparse import csr_array

from cil_nodes.learners.oracil.resolvent import Resolvent


def one_hot(positions: np.ndarray, columns: int) -> np.ndarray:
    """Return Y (n, C); a position of -1 gives a row of zeros."""
    Y = np.zeros((len(positions), columns))
    known = np.flatnonzero(positions >= 0)
    Y[known, positions[known]] = 1.0
    return Y


def widen(matrix: np.ndarray, columns: int) -> np.ndarray:
    """Append zero columns up to ``columns``: how new classes enter (section 3.4; exact)."""
    missing = columns - matrix.shape[1]
    return np.pad(matrix, ((0, 0), (0, missing))) if missing else matrix


def inverse(S: np.ndarray) -> np.ndarray:
    """Return the inverse of a symmetric positive definite matrix (n, n), by Cholesky."""
    if not len(S):
        return np.zeros((0, 0))
    factor, info = lapack.dpotrf(np.asarray(S, dtype=np.float64), lower=1, clean=1)
    if info == 0:
        half, info = lapack.dpotri(factor, lower=1, overwrite_c=1)
    if info != 0:
        raise np.linalg.LinAlgError(
            "The ridge system is not positive definite. Features with NaN or a ridge of 0 do this; "
            "raise `ridge`."
        )
    whole = half + half.T  # the upper triangle was zero
    whole[np.diag_indices_from(whole)] = np.diagonal(half)
    return whole


def joint_weights(H: np.ndarray, Y: np.ndarray, ridge: float) -> np.ndarray:
    """Return the joint solution (Eq. 8): (M, C), for H (n, M) and Y (n, C)."""
    S = H.T @ H
    S[np.diag_indices_from(S)] += ridge
    return cho_solve(cho_factor(S, lower=True), H.T @ Y)


def held_out_scores(hat: np.ndarray, residual: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return what a ridge model without these m rows would say about them, in closed form.

    Parameters
    ----------
    hat : (m, m) array
        Block of H (H'H + ridge I)^-1 H' that belongs to the rows.
    residual : (m, C) array
        Y - H W of the rows, by the model that learned them.
    targets : (m, C) array
        Y of the rows.

    Notes
    -----
    Leaving rows I out gives Y_I - (I - G_II)^-1 (Y_I - Z_I): the block form of the leave-one-out
    formula of linear smoothers (Cook and Weisberg, Residuals and Influence, 1982, section 3).
    """
    left = -hat
    left[np.diag_indices_from(left)] += 1.0
    return targets - np.linalg.solve(left, residual)


@dataclass(frozen=True)
class DualHead:
    """Ridge regression kept by its rows, for n below M.

    Attributes
    ----------
    H : (n, M) array
        Analytic features of every sample.
    positions : (n,) int array
        Their columns.
    kernel : (n, n) float64 array
        H H'.
    ridge : float
    dual_inverse : (n, n) float64 array
        (H H' + ridge I)^-1.
    """

    H: np.ndarray
    positions: np.ndarray
    kernel: np.ndarray
    ridge: float
    dual_inverse: np.ndarray

    @classmethod
    def empty(cls, width: int, ridge: float, dtype: np.dtype | type = np.float64) -> DualHead:
        """Return a head that has seen nothing."""
        none = np.zeros((0, 0))
        return cls(np.zeros((0, width), dtype), np.zeros(0, np.int64), none, ridge, none)

    @property
    def samples(self) -> int:
        """Rows kept."""
        return len(self.positions)

    def learn(self, H: np.ndarray, positions: np.ndarray) -> DualHead:
        """Add k rows: n^2 k for few of them, n^3 for many."""
        rows = np.asarray(H, dtype=np.float64)
        cross = np.asarray(self.H, dtype=np.float64) @ rows.T
        corner = rows @ rows.T
        kernel = _framed(self.kernel, cross, corner)
        if 4 * len(rows) < self.samples:
            grown = _border(self.dual_inverse, cross, corner, self.ridge)
        else:
            grown = _ridge_inverse(kernel, self.ridge)
        return DualHead(
            np.concatenate([self.H, H.astype(self.H.dtype, copy=False)]),
            np.concatenate([self.positions, positions]),
            kernel,
            self.ridge,
            grown,
        )

    def keep(self, rows: np.ndarray, positions: np.ndarray) -> DualHead:
        """Return the head of a part of the rows, under new columns: it never saw the others."""
        kernel = self.kernel[np.ix_(rows, rows)]
        return DualHead(
            self.H[rows], positions, kernel, self.ridge, _ridge_inverse(kernel, self.ridge)
        )

    def with_ridge(self, ridge: float) -> DualHead:
        """Return the same sums under another strength."""
        return replace(self, ridge=ridge, dual_inverse=_ridge_inverse(self.kernel, ridge))

    def duals(self, columns: int) -> np.ndarray:
        """Return (H H' + ridge I)^-1 Y: (n, C)."""
        n = self.samples
        Y = csr_array((np.ones(n), self.positions, np.arange(n + 1)), shape=(n, columns))
        return (Y.T @ self.dual_inverse).T  # symmetric; a sum of rows for each class

    def weights(self, columns: int) -> np.ndarray:
        """Return W (M, C) = H' (H H' + ridge I)^-1 Y, equal to Eq. 8."""
        return self.H.T @ self.duals(columns).astype(self.H.dtype)

    def fitted(self, columns: int) -> np.ndarray:
        """Return H W of the kept rows (n, C), which is Y - ridge (H H' + ridge I)^-1 Y."""
        return one_hot(self.positions, columns) - self.ridge * self.duals(columns)

    def hats(self, H: np.ndarray, rows: np.ndarray, blocks: list[slice]) -> list[np.ndarray]:
        """Return blocks of the hat matrix I - ridge (H H' + ridge I)^-1 of the kept ``rows``."""
        return [
            np.eye(len(rows[b])) - self.ridge * self.dual_inverse[np.ix_(rows[b], rows[b])]
            for b in blocks
        ]

    def as_gram(self, columns: int) -> GramHead:
        """Return the same head by its sums."""
        return GramHead.empty(self.H.shape[1], self.ridge).learn(
            np.asarray(self.H, dtype=np.float64), self.positions, columns
        )

    def gcv(self, ridge: float, columns: int) -> float:
        """Return generalised cross-validation's error at a strength (see `GramHead.gcv`)."""
        Q = _ridge_inverse(self.kernel, ridge)
        alpha = Q @ one_hot(self.positions, columns)
        return float(self.samples * (alpha**2).sum() / np.trace(Q) ** 2)


@dataclass(frozen=True)
class GramHead:
    """Ridge regression kept by its sums; they add up over samples, phases and learners.

    Attributes
    ----------
    gram : (M, M) float64 array
        A = H'H.
    moments : (M, C) float64 array
        B = H'Y.
    ridge : float
    samples : int
        Rows summed up.
    inverse : Resolvent or None
        R = (A + ridge I)^-1 (Eq. 10); None until it is needed.
    """

    gram: np.ndarray
    moments: np.ndarray
    ridge: float
    samples: int = 0
    inverse: Resolvent | None = None

    @classmethod
    def empty(cls, width: int, ridge: float) -> GramHead:
        """Return a head that has seen nothing (R = I / ridge, Eq. 9)."""
        return cls(np.zeros((width, width)), np.zeros((width, 0)), ridge)

    def learn(
        self, H: np.ndarray, positions: np.ndarray, columns: int, method: str = "auto"
    ) -> GramHead:
        """Add k rows H (k, M).

        Parameters
        ----------
        method : {"auto", "woodbury", "cholesky"}
            Woodbury (k M^2) while the rows since the last factorisation are few beside M, else
            one Cholesky factorisation (M^3).

        Notes
        -----
        One lesson's products are made in H's precision, and summed up in float64.
        """
        gram = self.gram + H.T @ H
        targets = one_hot(positions, columns).astype(H.dtype)
        moments = widen(self.moments, columns) + H.T @ targets
        if method == "auto":
            method = "woodbury" if self._few(len(H)) else "cholesky"
        R = None
        if method == "woodbury":
            R = self.ready_inverse.learned(np.asarray(H, dtype=np.float64))
        return GramHead(gram, moments, self.ridge, self.samples + len(H), R)

    def _few(self, more: int) -> bool:
        """Whether R is at hand, and ``more`` rows are cheaper than another factorisation."""
        if self.inverse is None:
            return False
        return 8 * (self.inverse.taken.shape[1] + more) < len(self.gram)

    @property
    def ready_inverse(self) -> Resolvent:
        """R, computed where it is missing."""
        return self.inverse or Resolvent.of(self.gram, self.ridge)

    def with_inverse(self) -> GramHead:
        """Return the same head with R present."""
        return replace(self, inverse=self.ready_inverse)

    def with_ridge(self, ridge: float) -> GramHead:
        """Return the same sums under another strength."""
        return replace(self, ridge=ridge, inverse=Resolvent.of(self.gram, ridge))

    def weights(self, columns: int) -> np.ndarray:
        """Return W (M, C) of Eq. 8."""
        return self.ready_inverse(widen(self.moments, columns))

    def hats(self, H: np.ndarray, rows: np.ndarray, blocks: list[slice]) -> list[np.ndarray]:
        """Return blocks of H R H' for samples H (m, M) among those learned."""
        return self.ready_inverse.forms(H, blocks)

    def without_column(self, column: int, H: np.ndarray | None) -> GramHead:
        """Drop a class; with its rows H (k, M) the sums never saw it, else A keeps a trace."""
        head = replace(self, moments=np.delete(self.moments, column, axis=1))
        if H is None:
            return head
        rows = np.asarray(H, dtype=np.float64)
        gram = self.gram - rows.T @ rows
        return replace(head, gram=gram, samples=self.samples - len(rows), inverse=None)

    def merged(self, other: GramHead) -> GramHead:
        """Add the sums of another learner with the same features and columns; exact."""
        columns = max(self.moments.shape[1], other.moments.shape[1])
        return GramHead(
            self.gram + other.gram,
            widen(self.moments, columns) + widen(other.moments, columns),
            self.ridge,
            self.samples + other.samples,
        )

    def gcv(self, ridge: float, columns: int) -> float:
        """Return generalised cross-validation's error at a strength.

        n RSS / (n - trace of the hat matrix)^2 (Golub, Heath and Wahba, Technometrics 1979), from
        the sums alone: RSS = tr(Y'Y) - tr(B'W) - ridge tr(W'W), where one-hot rows make
        tr(Y'Y) = n, and the trace is M - ridge tr(R).
        """
        R = _ridge_inverse(self.gram, ridge)
        B = widen(self.moments, columns)
        W = R @ B
        residual = self.samples - np.sum(B * W) - ridge * np.sum(W * W)
        freedom = len(R) - ridge * np.trace(R)
        return float(self.samples * max(residual, 0.0) / max(self.samples - freedom, 1e-9) ** 2)


@dataclass(frozen=True)
class PrintedHead:
    """The recursion as the paper prints it (Eq. 9, 12, 13, 14), without sums beside it.

    Attributes
    ----------
    inverse : (M, M) float64 array
        R, starting at I / ridge (Eq. 9).
    solution : (M, C) float64 array
        W, starting without columns.
    ridge, epsilon : float
        epsilon = 1e-8 in the paper ("to avoid numerical instability").
    samples : int
    """

    inverse: np.ndarray
    solution: np.ndarray
    ridge: float
    epsilon: float = 1e-8
    samples: int = 0

    @classmethod
    def empty(cls, width: int, ridge: float, epsilon: float = 1e-8) -> PrintedHead:
        """Return a head that has seen nothing."""
        return cls(np.eye(width) / ridge, np.zeros((width, 0)), ridge, epsilon)

    def learn(self, H: np.ndarray, positions: np.ndarray, columns: int) -> PrintedHead:
        """Add one batch; new classes are zero columns."""
        rows = np.asarray(H, dtype=np.float64)
        R = woodbury(self.inverse, rows, self.epsilon)
        W = widen(self.solution, columns)

        # Eq. 14, with the R that was just updated.
        W = W + R @ (rows.T @ (one_hot(positions, columns) - rows @ W))
        return replace(self, inverse=R, solution=W, samples=self.samples + len(rows))

    def weights(self, columns: int) -> np.ndarray:
        """Return W (M, C)."""
        return widen(self.solution, columns)

    def hats(self, H: np.ndarray, rows: np.ndarray, blocks: list[slice]) -> list[np.ndarray]:
        """Return blocks of H R H' for samples H (m, M) among those learned."""
        return _hat_blocks(H, self.inverse, blocks)

    def without_column(self, column: int, H: np.ndarray | None) -> PrintedHead:
        """Drop a class; with its rows H (k, M) they are also taken out of R and W."""
        W = np.delete(self.solution, column, axis=1)
        if H is None:
            return replace(self, solution=W)
        rows = np.asarray(H, dtype=np.float64)

        # Woodbury with -H'H: the other columns had targets of zero on these rows.
        P = self.inverse @ rows.T
        K = np.linalg.inv(np.eye(len(rows)) - rows @ P)
        R = self.inverse + P @ K @ P.T
        W = W + R @ (rows.T @ (rows @ W))
        return replace(self, inverse=R, solution=W, samples=self.samples - len(rows))


Head = DualHead | GramHead | PrintedHead


def woodbury(R: np.ndarray, X: np.ndarray, epsilon: float) -> np.ndarray:
    """Return R after k more rows X (k, M), by the matrix inversion lemma.

    K = (I + X R X' + epsilon I)^-1 (Eq. 12) and R - R X' K X R (Eq. 13). With epsilon = 0 this is
    exact; the paper adds 1e-8.
    """
    P = R @ X.T
    S = X @ P
    S[np.diag_indices_from(S)] += 1.0 + epsilon
    return R - P @ cho_solve(cho_factor((S + S.T) / 2, lower=True), P.T)


def _hat_blocks(H: np.ndarray, R: np.ndarray, blocks: list[slice]) -> list[np.ndarray]:
    """Return H_b R H_b' for every block b of rows; R is read once, in H's precision."""
    pulled = H @ R.astype(H.dtype, copy=False)
    return [(pulled[b] @ H[b].T).astype(np.float64) for b in blocks]


def _ridge_inverse(S: np.ndarray, ridge: float) -> np.ndarray:
    """Return (S + ridge I)^-1."""
    shifted = np.array(S, dtype=np.float64)
    shifted[np.diag_indices_from(shifted)] += ridge
    return inverse(shifted)


def _framed(inner: np.ndarray, side: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """Return [[inner, side], [side', corner]]; NumPy's block takes three times as long."""
    n = len(inner)
    whole = np.empty((n + len(corner), n + len(corner)))
    whole[:n, :n], whole[:n, n:] = inner, side
    whole[n:, :n], whole[n:, n:] = side.T, corner
    return whole


def _border(Q: np.ndarray, cross: np.ndarray, corner: np.ndarray, ridge: float) -> np.ndarray:
    """Grow the inverse Q (n, n) of a kernel by k rows: block inversion."""
    P = Q @ cross
    S = corner - cross.T @ P
    S[np.diag_indices_from(S)] += ridge
    T = inverse((S + S.T) / 2)
    side = -P @ T
    whole = _framed(Q, side, T)
    whole[: len(Q), : len(Q)] -= side @ P.T
    return whole
