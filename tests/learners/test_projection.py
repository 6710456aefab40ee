"""The random projection of the analytic features."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cil_nodes.learners.oracil.projection import ROUNDS, project

D = 12
ROWS = np.random.RandomState(3).standard_normal((70, D))


def matrix(width, seed=5, kind="structured"):
    """Return W_rand (d, M) itself."""
    return project(np.eye(D), width, seed, kind)


def by_hand(vector, width, seed):
    """Return one projected vector by Sylvester's construction, without any trick."""
    size = 1
    while size < max(width, len(vector)):
        size *= 2
    hadamard = np.ones((1, 1))
    while len(hadamard) < size:
        hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
    draws = np.random.RandomState([seed, size]).randint(0, 2, (ROUNDS, size))
    z = np.pad(vector, (0, size - len(vector)))
    for signs in 2 * draws - 1:
        z = hadamard @ (signs * z) / np.sqrt(size)
    return z[:width] * np.sqrt(2 * size / width)


@pytest.mark.parametrize("width", [1, 7, 8, 16, 40, 64, 100])
def test_structured_is_what_its_definition_says(width):
    got = project(ROWS[:3], width, 5, "structured")
    assert np.allclose(got, [by_hand(row, width, 5) for row in ROWS[:3]])


@given(arrays(np.float64, (5, D), elements=st.floats(-1e3, 1e3)), st.integers(0, 2**40))
def test_it_is_linear(f, seed):
    W = project(np.eye(D), 64, seed, "structured")
    assert np.allclose(project(f, 64, seed, "structured"), f @ W, atol=1e-9 * (1 + abs(f).max()))


def test_rows_are_orthogonal_where_the_width_is_a_power_of_two():
    W = matrix(64)
    assert np.allclose(W @ W.T, 2 * np.eye(D))


@pytest.mark.parametrize("kind", ["structured", "gaussian"])
def test_relu_keeps_about_the_length(kind):
    h = np.maximum(project(ROWS, 4096, 0, kind), 0)
    ratio = np.linalg.norm(h, axis=1) / np.linalg.norm(ROWS, axis=1)
    assert np.allclose(ratio, 1, atol=0.08)


def test_a_row_does_not_depend_on_its_company():
    f = ROWS.astype(np.float32)
    together = project(f, 64, 5, "structured")
    assert np.array_equal(together[40:41], project(f[40:41], 64, 5, "structured"))
    assert together.dtype == np.float32


@pytest.mark.parametrize("kind", ["structured", "gaussian"])
def test_another_seed_is_another_projection(kind):
    assert not np.allclose(matrix(64, 5, kind), matrix(64, 6, kind))
    assert np.array_equal(matrix(64, 5, kind), matrix(64, 5, kind))
