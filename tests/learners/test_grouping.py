"""Grouping on hand-made prototypes, and its promises on any."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cil_nodes.learners.oracil.grouping import (
    assign_groups,
    class_threshold,
    conflicts,
    independent_sets,
    similarities,
)


@st.composite
def graphs(draw):
    k = draw(st.integers(0, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    upper = np.triu(rng.random((k, k)) < draw(st.floats(0, 1)), 1)
    return upper | upper.T


def test_lookalikes_are_dealt_into_different_groups():
    likeness = np.array([[1.0, 0.9, 0.1], [0.9, 1.0, 0.1], [0.1, 0.1, 1.0]])
    groups = assign_groups(np.full(3, -1), likeness, np.full(3, 0.5), capacity=10)
    assert groups[0] != groups[1]
    assert groups[2] in (groups[0], groups[1])


def test_an_edge_stands_where_likeness_exceeds_the_smaller_threshold():
    likeness = np.array([[1.0, 0.6], [0.6, 1.0]])
    assert not conflicts(likeness, np.array([0.6, 0.9]))[0, 1]  # equal is no conflict (Eq. 4)
    assert conflicts(likeness, np.array([0.59, 0.9]))[0, 1]
    assert not conflicts(likeness, np.array([0.59, 0.9]))[0, 0]


def test_a_new_class_joins_the_least_similar_group_that_fits():
    likeness = np.eye(3)
    likeness[2, :2] = likeness[:2, 2] = (0.3, 0.2)
    groups = assign_groups(np.array([0, 1, -1]), likeness, np.full(3, 0.5), capacity=10)
    assert groups.tolist() == [0, 1, 1]


def test_a_full_group_takes_nobody():
    groups = assign_groups(np.array([0, 0, -1]), np.eye(3), np.full(3, 0.5), capacity=2)
    assert groups.tolist() == [0, 0, 1]


@given(graph=graphs())
@settings(max_examples=100)
def test_sets_are_independent_maximal_and_cover_everything(graph):
    sets = independent_sets(graph)
    assert sorted(v for s in sets for v in s) == list(range(len(graph)))
    later = list(range(len(graph)))
    for members in sets:
        assert not graph[np.ix_(members, members)].any()
        later = [v for v in later if v not in members]
        assert all(graph[v, members].any() for v in later), "a vertex would have fitted"


def test_the_vertex_with_the_fewest_edges_comes_first():
    star = np.zeros((4, 4), dtype=bool)
    star[0, 1:] = star[1:, 0] = True
    assert independent_sets(star) == [[1, 2, 3], [0]]


@given(graph=graphs(), capacity=st.integers(1, 4), seed=st.integers(0, 1000))
@settings(max_examples=60)
def test_groups_stay_within_capacity_without_conflicts_and_old_ones_never_change(
    graph, capacity, seed
):
    k = len(graph)
    likeness = np.where(graph, 0.9, 0.1)
    old = int(np.random.default_rng(seed).integers(k + 1))
    first = assign_groups(np.full(old, -1), likeness[:old, :old], np.full(old, 0.5), capacity)
    groups = assign_groups(
        np.concatenate([first, np.full(k - old, -1)]), likeness, np.full(k, 0.5), capacity
    )
    assert np.array_equal(groups[:old], first)
    assert sorted(set(groups)) == list(range(len(set(groups))))
    for g in set(groups):
        members = np.flatnonzero(groups == g)
        assert len(members) <= capacity
        assert not graph[np.ix_(members, members)].any()


def test_threshold_rules():
    own = np.array([0.2, 0.6, 1.0])
    assert class_threshold(own, "mean", 0.8) == pytest.approx(0.6)
    assert class_threshold(own, "median", 0.8) == pytest.approx(0.6)
    assert class_threshold(own, "fixed", 0.8) == 0.8
    assert class_threshold(own, "adaptive", 0.8) == pytest.approx(0.6 - np.std(own))


def test_distances_count_as_minus_likeness():
    f, prototypes = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    assert np.allclose(similarities(f, prototypes, "cosine"), [[0, 1]])
    assert np.allclose(similarities(f, prototypes, "euclidean"), [[-np.sqrt(2), 0]])
    stretched = similarities(f, prototypes, "mahalanobis", np.diag([4.0, 1.0]))
    assert np.allclose(stretched, [[-np.sqrt(5), 0]])


def test_the_mean_cosine_of_unit_features_is_the_length_of_their_mean():
    f = np.random.default_rng(0).normal(size=(9, 5))
    f /= np.linalg.norm(f, axis=1, keepdims=True)
    mean = f.mean(axis=0)
    own = similarities(f, mean[None], "cosine")[:, 0]
    assert class_threshold(own, "mean", 0) == pytest.approx(np.linalg.norm(mean))
