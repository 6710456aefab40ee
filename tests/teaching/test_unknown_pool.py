"""Groups of unknowns."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cil_nodes.teaching.unknown_pool import NANOSECONDS, UnknownPool
from tests.teaching.conftest import make_sample


def at_angle(degrees: float, number: int, stamp_s: float = 0.0):
    angle = np.radians(degrees)
    features = np.array([np.cos(angle), np.sin(angle)], np.float32) * (number + 1)
    stamp = int(stamp_s * NANOSECONDS)
    return make_sample("", number, thing="thing", features=features, stamp_ns=stamp)


def test_look_alikes_are_one_question_and_others_another():
    pool = UnknownPool()
    numbers = {}
    for n in range(12):
        for thing in ("mug", "cup"):
            sample = make_sample("", n, thing=thing)
            numbers.setdefault(thing, set()).add(pool.add(sample, 0.9))
    assert {len(found) for found in numbers.values()} == {1}
    groups = pool.groups()
    assert [group.size for group in groups] == [12, 12]
    assert len(groups[0].exemplar_ids) == 9
    assert set(pool.members(groups[0].cluster_id)) >= set(groups[0].exemplar_ids)


def test_two_groups_that_grow_together_keep_the_older_number():
    pool = UnknownPool(join_similarity=np.cos(np.radians(31)))
    old = pool.add(at_angle(0, 0), 0.9)
    young = pool.add(at_angle(40, 1), 0.9)
    assert old != young
    assert pool.add(at_angle(20, 2), 0.9) == old
    (group,) = pool.groups()
    assert (group.cluster_id, group.size) == (old, 3)
    assert group.exemplar_ids[0] == "thing-2"
    assert pool.add(at_angle(90, 3), 0.9) == young + 1


def test_a_younger_group_that_grew_goes_into_the_older_one():
    pool = UnknownPool(join_similarity=np.cos(np.radians(31)))
    old = pool.add(at_angle(0, 0), 0.9)
    young = pool.add(at_angle(40, 1), 0.9)
    assert old != young
    assert pool.add(at_angle(21, 2), 0.9) == old  # joins the younger, which then is near the older
    assert [(group.cluster_id, group.size) for group in pool.groups()] == [(old, 3)]


def test_the_nearest_classes_are_averaged_and_suggested_when_likely():
    pool = UnknownPool(suggest_above=0.3)
    pool.add(at_angle(0, 0), 0.9, [("cup", 0.6), ("hat", 0.1)])
    pool.add(at_angle(1, 1), 0.9, [("cup", 0.4)])
    (group,) = pool.groups()
    assert group.nearest == (("cup", 0.5), ("hat", 0.05))
    assert group.suggested_label == "cup"
    strict = UnknownPool(suggest_above=0.7)
    strict.add(at_angle(0, 0), 0.9, [("cup", 0.6)])
    assert strict.groups()[0].suggested_label == ""


def test_old_groups_go_by_the_stamps_alone():
    pool = UnknownPool(max_age_s=10)
    pool.add(at_angle(0, 0, 0), 0.9)
    pool.add(at_angle(90, 1, 9), 0.9)
    assert len(pool) == 2
    pool.advance(11 * NANOSECONDS)
    assert [group.exemplar_ids for group in pool.groups()] == [("thing-1",)]


def test_size_unknownness_and_lateness_make_urgent():
    pool = UnknownPool(max_age_s=100)
    pool.add(at_angle(0, 0, 0), 0.9)
    for n in range(1, 5):
        pool.add(at_angle(90, n, 50), 0.9)
    pool.add(at_angle(180, 5, 50), 0.5)
    pool.add(at_angle(270, 6, 50), 0.9)
    groups = pool.groups()
    assert [group.cluster_id for group in groups] == [1, 3, 2, 0]
    assert all(0 <= group.priority <= 1 for group in groups)


def test_a_named_sample_leaves_and_takes_its_empty_group_along():
    pool = UnknownPool()
    number = pool.add(at_angle(0, 0), 0.9)
    pool.add(at_angle(1, 1), 0.9)
    pool.remove(["thing-0", "never seen"])
    assert pool.members(number) == ["thing-1"]
    assert pool.groups()[0].size == 1
    pool.remove(["thing-1"])
    assert len(pool) == 0


def test_put_off_and_dismissed_questions_are_not_asked():
    pool = UnknownPool()
    number = pool.add(at_angle(0, 0, 0), 0.9)
    pool.put_off(number, seconds=60)
    assert pool.groups() == []
    pool.advance(61 * NANOSECONDS)
    assert len(pool.groups()) == 1
    pool.dismiss(number)
    assert pool.add(at_angle(1, 1, 62), 0.9) == number
    assert pool.groups() == []


def test_a_group_that_is_not_there_is_a_key_error():
    pool = UnknownPool()
    for call in (pool.members, pool.put_off, pool.dismiss):
        with pytest.raises(KeyError):
            call(7)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 359), st.integers(0, 30)), max_size=60))
def test_every_bound_holds_whatever_comes(seen):
    pool = UnknownPool(max_groups=4, max_members=5, max_age_s=5)
    stamp = 0
    for n, (degrees, seconds) in enumerate(seen):
        stamp += seconds
        number = pool.add(at_angle(degrees, n, stamp), 0.9)
        assert f"thing-{n}" in pool.members(number)
        groups = pool.groups()
        assert len(groups) <= 4
        members = [pool.members(group.cluster_id) for group in groups]
        assert all(1 <= len(group) <= 5 for group in members)
        flat = [sample_id for group in members for sample_id in group]
        assert len(flat) == len(set(flat))
        priorities = [group.priority for group in groups]
        assert priorities == sorted(priorities, reverse=True)


def test_when_stamps_begin_anew_delays_and_ages_go_on():
    pool = UnknownPool(max_age_s=100.0)
    number = pool.add(at_angle(0, 0, stamp_s=50_000.0), 0.9)
    pool.put_off(number, 60.0)
    pool.advance(5 * NANOSECONDS)  # a bag that loops, a simulation that began anew
    assert pool.groups() == []
    pool.advance(64 * NANOSECONDS)
    assert pool.groups() == []
    pool.advance(66 * NANOSECONDS)
    assert [group.cluster_id for group in pool.groups()] == [number]
    pool.advance(106 * NANOSECONDS)
    assert pool.groups() == []
