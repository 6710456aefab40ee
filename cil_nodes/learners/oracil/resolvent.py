"""R = (A + ridge I)^-1 (Eq. 10), kept as a Cholesky factor and what Woodbury took off it since.

R itself is never formed: after a large lesson that would cost twice the factorisation, and a small
lesson would have to rewrite M^2 numbers where k M do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular


@dataclass(frozen=True)
class Resolvent:
    """R = (L L')^-1 - U U'.

    Attributes
    ----------
    factor : (M, M) float64 array
        L, lower triangular.
    taken : (M, j) float64 array
        U, as many columns as rows were learned since the factorisation.
    """

    factor: np.ndarray
    taken: np.ndarray

    @classmethod
    def of(cls, gram: np.ndarray, ridge: float) -> Resolvent:
        """Factorise A + ridge I, for A (M, M)."""
        shifted = np.array(gram, dtype=np.float64)
        shifted[np.diag_indices_from(shifted)] += ridge
        try:
            factor = np.linalg.cholesky(shifted)
        except np.linalg.LinAlgError as error:
            raise np.linalg.LinAlgError(
                "The ridge system is not positive definite. Features with NaN or a ridge of 0 do "
                "this; raise `ridge`."
            ) from error
        return cls(factor, np.zeros((len(gram), 0)))

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Return R X for X (M, k)."""
        half = solve_triangular(self.factor, X, lower=True, check_finite=False)
        whole = solve_triangular(self.factor, half, lower=True, trans="T", check_finite=False)
        return whole - self.taken @ (self.taken.T @ X)

    def learned(self, rows: np.ndarray) -> Resolvent:
        """Return R after k more rows X (k, M): Eq. 12 and 13 with epsilon 0.

        R - P S^-1 P' with P = R X' and S = I + X P, so that U gains the columns P S^(-1/2).
        """
        P = self(rows.T)
        S = rows @ P
        S[np.diag_indices_from(S)] += 1.0
        root = np.linalg.cholesky((S + S.T) / 2)
        more = solve_triangular(root, P.T, lower=True, check_finite=False).T
        return Resolvent(self.factor, np.hstack([self.taken, more]))

    def forms(self, H: np.ndarray, blocks: list[slice]) -> list[np.ndarray]:
        """Return H_b R H_b' for every block b of rows H (m, M)."""
        rows = np.asarray(H, dtype=np.float64)
        half = solve_triangular(self.factor, rows.T, lower=True, check_finite=False).T
        less = rows @ self.taken
        return [half[b] @ half[b].T - less[b] @ less[b].T for b in blocks]
