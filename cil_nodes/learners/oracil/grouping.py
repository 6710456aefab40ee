"""Dynamic grouping on a conflict graph (ORACIL, section 3.2, Eq. 3 and 4 and the text after)."""

from __future__ import annotations

import numpy as np

THRESHOLDS = ("mean", "median", "fixed", "adaptive")
METRICS = ("cosine", "euclidean", "mahalanobis")


def similarities(
    f: np.ndarray, prototypes: np.ndarray, metric: str, precision: np.ndarray | None = None
) -> np.ndarray:
    """Return how alike rows and prototypes are: (n, C), larger is more alike.

    Cosine for ``metric="cosine"``; minus the distance for "euclidean" and "mahalanobis" (the
    latter under ``precision`` (d, d)), so that one rule serves all three (the paper's Table 8).
    """
    if metric == "cosine":
        lengths = np.linalg.norm(f, axis=1)[:, None] * np.linalg.norm(prototypes, axis=1)
        return (f @ prototypes.T) / np.maximum(lengths, 1e-12)
    P = np.eye(f.shape[1]) if metric == "euclidean" or precision is None else precision
    squares = (
        np.einsum("nd,nd->n", f @ P, f)[:, None]
        - 2 * (f @ P @ prototypes.T)
        + np.einsum("cd,cd->c", prototypes @ P, prototypes)
    )
    return -np.sqrt(np.maximum(squares, 0))


def class_threshold(own: np.ndarray, rule: str, fixed: float) -> float:
    """Return tau_c from the similarities ``own`` (n,) of a class's samples to its prototype.

    "mean" is Eq. 4. "median" and "fixed" are rows of Table 9. The paper does not define its
    "adaptive"; ours is the mean less one standard deviation, which like the paper's gives a
    denser graph and more groups.
    """
    if rule == "fixed":
        return fixed
    if rule == "median":
        return float(np.median(own))
    mean = float(np.mean(own))
    return mean - float(np.std(own)) if rule == "adaptive" else mean


def conflicts(likeness: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return the conflict graph (C, C) bool: an edge where likeness > min(tau_c, tau_c')."""
    graph = likeness > np.minimum(thresholds[:, None], thresholds[None, :])
    np.fill_diagonal(graph, False)
    return graph


def independent_sets(graph: np.ndarray) -> list[list[int]]:
    """Split the vertices of ``graph`` (k, k) into independent sets, greedily.

    Repeats a greedy maximal independent set: the vertex with the fewest remaining edges first,
    ties by number (which is order of arrival), until no vertex is left.
    """
    left = list(range(len(graph)))
    sets: list[list[int]] = []
    while left:
        chosen: list[int] = []
        open_ = left.copy()
        while open_:
            degree = graph[np.ix_(open_, open_)].sum(axis=1)
            pick = open_[int(np.argmin(degree))]
            chosen.append(pick)
            open_ = [v for v in open_ if v != pick and not graph[pick, v]]
        sets.append(sorted(chosen))
        left = [v for v in left if v not in chosen]
    return sets


def assign_groups(
    groups: np.ndarray, likeness: np.ndarray, thresholds: np.ndarray, capacity: int
) -> np.ndarray:
    """Give every class without a group (-1) one; the others stay where they are.

    Parameters
    ----------
    groups : (C,) int array
        Group of each class, -1 for new ones.
    likeness : (C, C) array
        Similarity of prototypes.
    thresholds : (C,) array
        tau_c.
    capacity : int
        Most classes in one group.

    Returns
    -------
    (C,) int array

    Notes
    -----
    A class may join a group that is not full and where cos(mu_c, mu_c') <= min(tau_c, tau_c') for
    every member. Among several the one whose closest member is least similar is taken (the paper
    is silent). Classes that fit nowhere open groups by `independent_sets`; a set larger than the
    capacity is split (ours).
    """
    groups = groups.copy()
    graph = conflicts(likeness, thresholds)
    homeless = []
    for c in np.flatnonzero(groups < 0):
        home = _best_group(c, groups, graph, likeness, capacity)
        if home < 0:
            homeless.append(c)
        else:
            groups[c] = home
    following = int(groups.max(initial=-1)) + 1
    for members in independent_sets(graph[np.ix_(homeless, homeless)]):
        for start in range(0, len(members), capacity):
            groups[[homeless[m] for m in members[start : start + capacity]]] = following
            following += 1
    return groups


def _best_group(
    c: int, groups: np.ndarray, graph: np.ndarray, likeness: np.ndarray, capacity: int
) -> int:
    """Return the group that fits class ``c`` and is least similar to it, or -1."""
    best, least = -1, np.inf
    for g in np.unique(groups[groups >= 0]):
        members = np.flatnonzero(groups == g)
        if len(members) >= capacity or graph[c, members].any():
            continue
        closest = float(likeness[c, members].max())
        if closest < least:
            best, least = int(g), closest
    return best
