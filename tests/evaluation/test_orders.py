"""Which classes come when: increments, look-alikes side by side, the same dealt out."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cil_nodes.evaluation.protocols import (
    Labelled,
    base_and_increments,
    dealt_out,
    look_alike_chain,
    side_by_side,
    split_phases,
)

CLASSES = tuple(f"c{n}" for n in range(10))


def pointing(angles):
    """Two pictures of each class, on a circle: classes at close angles look alike."""
    names = np.repeat(list(angles), 2)
    turned = np.radians([angles[name] + side for name in angles for side in (-1, 1)])
    return Labelled(np.stack([np.cos(turned), np.sin(turned)], axis=1), names)


def test_a_base_is_followed_by_equal_increments():
    phases = base_and_increments(CLASSES, base=4, increment=4, seed=None)
    assert phases == (CLASSES[:4], CLASSES[4:8], CLASSES[8:])
    one_by_one = base_and_increments(CLASSES, 1, 1, seed=5)
    assert one_by_one == split_phases(CLASSES, 10, seed=5)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 9), st.integers(0, 99))
def test_increments_hold_every_class_once(number, base, increment, seed):
    classes = [f"class {n}" for n in range(number)]
    if base > number:
        with pytest.raises(ValueError, match="base must lie in 1 to"):
            base_and_increments(classes, base, increment, seed)
        return
    phases = base_and_increments(classes, base, increment, seed)
    assert sorted(name for labels in phases for name in labels) == sorted(classes)
    assert len(phases[0]) == base
    assert all(len(labels) == increment for labels in phases[1:-1])


def test_the_chain_goes_from_look_alike_to_look_alike():
    train = pointing({"a": 0, "x": 170, "b": 30, "y": 178, "c": 65})
    assert look_alike_chain(train) == ("x", "y", "c", "b", "a")
    assert look_alike_chain(train, first="b") == ("b", "a", "c", "x", "y")


def test_families_stay_together_in_the_order_of_their_first_member():
    families = {"gala": "apple", "lemon": "citrus", "fuji": "apple", "lime": "citrus"}
    assert side_by_side(families) == ("gala", "fuji", "lemon", "lime")


@given(st.integers(2, 40), st.integers(1, 12))
def test_dealing_out_never_leaves_neighbours_in_one_phase(number, phases):
    ordered = [f"class {n}" for n in range(number)]
    if phases > number:
        with pytest.raises(ValueError, match="cannot be dealt out"):
            dealt_out(ordered, phases)
        return
    dealt = dealt_out(ordered, phases)
    assert sorted(name for labels in dealt for name in labels) == sorted(ordered)
    if phases > 1:
        where = {name: k for k, labels in enumerate(dealt) for name in labels}
        assert all(where[a] != where[b] for a, b in pairwise(ordered))
