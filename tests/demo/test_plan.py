import pytest
from hypothesis import given
from hypothesis import strategies as st

from cil_nodes.demo.plan import draw_plan

OBJECTS = [f"object {i}" for i in range(24)]


@given(seed=st.integers(0, 1000), phases=st.integers(1, 16))
def test_every_object_is_either_taught_once_or_never(seed, phases):
    plan = draw_plan(OBJECTS, seed, phases=phases, taught=16)

    taught = plan.taught_after(phases)
    assert len(taught) == 16
    assert sorted(taught + plan.untaught) == sorted(OBJECTS)
    sizes = [len(labels) for labels in plan.phases]
    assert max(sizes) - min(sizes) <= 1


@given(seed=st.integers(0, 1000), phase=st.integers(0, 3))
def test_what_is_taught_by_a_phase_and_what_comes_later_make_up_the_whole(seed, phase):
    plan = draw_plan(OBJECTS, seed, phases=3, taught=16)

    assert plan.taught_after(phase) + plan.taught_later(phase) == plan.taught_after(3)


def test_the_seed_decides_the_order():
    assert draw_plan(OBJECTS, 1, phases=3) == draw_plan(OBJECTS, 1, phases=3)
    assert draw_plan(OBJECTS, 1, phases=3) != draw_plan(OBJECTS, 2, phases=3)


def test_more_phases_than_objects_are_refused():
    with pytest.raises(ValueError, match="Cannot teach 2 of 24 objects in 3 phases"):
        draw_plan(OBJECTS, 0, phases=3, taught=2)
