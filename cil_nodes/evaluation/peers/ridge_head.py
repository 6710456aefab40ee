"""Ridge regression on one-hot targets from sums, and its leave-one-out fit."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve, cholesky, solve_triangular

SHARPNESS = 10.0
"""Factor on regression outputs before the softmax of `predict_proba`."""

RIDGES = 10.0 ** np.arange(-8.0, 9.0)
"""Strengths to choose from (the code of RanPAC)."""

Factor = tuple[NDArray[np.floating], bool]


def factorised(gram: NDArray[np.floating], ridge: float) -> Factor:
    """Return the Cholesky factor of ``gram + ridge I`` for `scipy.linalg.cho_solve`.

    In the precision of ``gram``; in float64 where that fails.
    """
    whole = gram.copy()
    whole[np.diag_indices_from(whole)] += whole.dtype.type(ridge)
    try:
        return cho_factor(whole, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:
        whole = gram.astype(np.float64)
        # Rounding of the sums may leave eigenvalues just below zero.
        least = 10.0 * float(np.finfo(gram.dtype).eps) * float(np.trace(whole))
        whole[np.diag_indices_from(whole)] += max(ridge, least)
        return cho_factor(whole, lower=True, overwrite_a=True, check_finite=False)


def leverages(factor: Factor, H: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return ``h' (A + ridge I)^-1 h`` for rows h of H (n, M)."""
    root = factor[0]
    half = solve_triangular(root, H.T.astype(root.dtype), lower=True, check_finite=False)
    return np.einsum("mn,mn->n", half, half, dtype=np.float64)


def solved(factor: Factor, moments: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return weights (M, C) from ``H' Y`` (M, C)."""
    return cho_solve(factor, moments.astype(factor[0].dtype), check_finite=False)


def left_out_doubts(
    fitted: NDArray[np.floating],
    leverage: NDArray[np.floating],
    positions: NDArray[np.int64],
) -> NDArray[np.floating]:
    """Return 1 minus the largest output (n,) of each sample by the model without it.

    ``y - (y - f) / (1 - h)`` (Allen's PRESS, Technometrics 1974).

    Parameters
    ----------
    fitted : ndarray of shape (n, C)
        Outputs for learned samples.
    leverage : ndarray of shape (n,)
        Their diagonal entries of the hat matrix.
    positions : ndarray of shape (n,)
        Their classes.
    """
    Y = np.zeros(fitted.shape)
    Y[np.arange(len(Y)), positions] = 1.0
    left_out = Y - (Y - fitted) / np.clip(1.0 - leverage, 1e-6, None)[:, None]
    return output_doubts(left_out)


def output_doubts(outputs: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return 1 minus the largest regression output (n,), clipped to [0, 1]."""
    return 1.0 - np.clip(outputs.max(axis=1), 0.0, 1.0)


def hold_out_ridge(
    H: NDArray[np.floating],
    Y: NDArray[np.floating],
    ridges: Iterable[float],
    fit: int,
) -> float:
    """Return the ridge whose fit to the first rows has the least squared error on the rest.

    One eigendecomposition of the smaller Gram matrix serves every ridge. In float32 its least
    eigenvalues are rounding, which only candidates far below the best one can see.

    Parameters
    ----------
    H, Y : ndarrays of shape (n, M), (n, C)
        Features and targets.
    ridges : iterable of float
        Candidates, above 0; the first of the best wins.
    fit : int
        Rows to fit, above 0 and below n.
    """
    one, two = H[:fit], H[fit:]
    if len(one) > H.shape[1]:
        values, V = np.linalg.eigh(one.T @ one)
        left, right = two @ V, V.T @ (one.T @ Y[:fit])
    else:
        values, U = np.linalg.eigh(one @ one.T)
        left, right = (two @ one.T) @ U, U.T @ Y[:fit]
    values = np.clip(values, 0.0, None)

    def loss(ridge: float) -> float:
        outputs = left @ (right / (values + ridge)[:, None])
        return float(np.mean((outputs - Y[fit:]) ** 2))

    return min(map(float, ridges), key=loss)


def woodbury_step(
    inverse: NDArray[np.float64],
    weights: NDArray[np.float64],
    H: NDArray[np.float64],
    Y: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ``R = (A + ridge I)^-1`` and weights after rows H (n, M) with targets Y (n, C).

    ``R <- R - R H' (I + H R H')^-1 H R`` and ``W <- W + R H' (Y - H W)`` with the new R, for
    which ``R H' = R_old H' (I + H R_old H')^-1``.
    """
    pulled = H @ inverse
    inner = pulled @ H.T
    inner[np.diag_indices_from(inner)] += 1.0
    root = cholesky(inner, lower=True, overwrite_a=True, check_finite=False)
    half = solve_triangular(root, pulled, lower=True, check_finite=False)
    gap = solve_triangular(root, Y - H @ weights, lower=True, check_finite=False)
    return inverse - half.T @ half, weights + half.T @ gap
