"""Fusion of router and heads, on hand-made numbers and against slow formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cil_nodes.learners.oracil import fusion
from cil_nodes.learners.oracil.descriptors import descriptors
from cil_nodes.learners.oracil.ensemble import best_weights

GROUPS = np.array([1, 0, 1, 0, 2])


def random_scores(seed, columns=5):
    return np.random.default_rng(seed).normal(scale=3, size=(7, columns))


@given(seed=st.integers(0, 10**6))
@settings(max_examples=30)
def test_group_masses_sum_the_members(seed):
    z = random_scores(seed)
    slow = np.stack([np.log(np.exp(z[:, g == GROUPS]).sum(axis=1)) for g in range(3)], axis=1)
    assert np.allclose(fusion.group_masses(z, GROUPS), slow)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=30)
def test_with_its_own_masses_the_log_rule_is_the_joint_head(seed):
    z = random_scores(seed)
    joint = fusion.log_softmax(z / 0.3)
    fused = fusion.fuse(z, fusion.group_masses(joint, GROUPS), GROUPS, "log", 0.3)
    assert np.allclose(fused, joint)


def test_a_negative_output_is_raised_by_an_improbable_group_only_as_printed():
    z = np.array([[-0.2, -0.3]])
    log_p = np.log(np.array([[0.9, 0.1]]))
    groups = np.array([0, 1])
    printed = fusion.fuse(z, log_p, groups, "product", 1.0)
    assert printed.argmax() == 1, "Eq. 16 prefers the improbable group here"
    assert fusion.fuse(z, log_p, groups, "log", 1.0).argmax() == 0
    clipped = fusion.fuse(z, log_p, groups, "clipped", 1.0)
    assert clipped[0, 0] == clipped[0, 1]


def test_large_scores_do_not_overflow():
    z = np.array([[1e4, -1e4, 0.0, 3.0, 5.0]])
    assert np.isfinite(fusion.group_masses(z, GROUPS)).all()


def test_temperatures_give_a_useless_expert_no_share():
    rng = np.random.default_rng(0)
    truth = rng.integers(5, size=200)
    good = np.eye(5)[truth] + 0.2 * rng.normal(size=(200, 5))
    noise = rng.normal(size=(200, 5))
    groups = np.arange(5)
    assert fusion.fit_temperatures(good, noise, groups, truth).share <= 0.1
    assert fusion.fit_temperatures(noise, good, groups, truth).share >= 0.9


def test_three_experts_weigh_as_they_explain():
    rng = np.random.default_rng(0)
    truth = rng.integers(5, size=300)
    good = np.eye(5)[truth] + 0.2 * rng.normal(size=(300, 5))
    noise = rng.normal(size=(300, 5))
    found = fusion.fit_temperatures(noise, noise[::-1], np.arange(5), truth, 40 * good)
    assert found.own_share >= 0.8
    assert found.share + found.own_share <= 1


def test_a_mixture_is_a_normalised_product():
    a, b, c = (np.log(np.random.default_rng(i).dirichlet(np.ones(4), size=3)) for i in range(3))
    slow = np.exp(0.5 * a + 0.2 * b + 0.3 * c)
    slow /= slow.sum(axis=1, keepdims=True)
    assert np.allclose(np.exp(fusion.mix(a, (b, c), (0.2, 0.3))), slow)
    assert np.allclose(fusion.mix(a, (b,), (0.0, 0.3)), a), "a share without an expert is unused"


def test_entropy_and_disagreement():
    even = np.log(np.full((1, 4), 0.25))
    assert fusion.entropy(even)[0] == pytest.approx(1)
    assert np.isnan(fusion.entropy(np.zeros((1, 1)))[0])
    a, b = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    assert fusion.disagreement([a, b])[0] == 1
    assert fusion.disagreement([a, a, b])[0] == pytest.approx(2 / 3)


def test_the_weight_grid_finds_the_expert_that_is_right():
    truth = np.array([0, 1, 0, 1])
    right, wrong = np.eye(2)[truth], np.eye(2)[1 - truth]
    weights = best_weights([wrong, right, wrong], truth)
    assert weights[1] > 0.5
    assert weights.sum() == pytest.approx(1)
    assert np.allclose(best_weights([right, right, right], truth), 1 / 3, atol=0.01)


def test_descriptors_are_distances():
    f = np.random.default_rng(1).normal(size=(4, 3))
    prototypes = np.random.default_rng(2).normal(size=(5, 3))
    slow = np.linalg.norm(f[:, None] - prototypes, axis=2)
    assert np.allclose(descriptors(f, prototypes), slow)
