"""Queues and matching, without ROS."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from cil_nodes.ros.work_queue import FirstTransport, NewestQueue, RegionMatcher


@given(st.lists(st.integers(), max_size=30), st.integers(1, 8), st.integers(1, 8))
def test_the_newest_stay_in_order_and_the_rest_is_counted(
    items: list[int], size: int, most: int
) -> None:
    queue: NewestQueue[int] = NewestQueue(size)
    for item in items:
        queue.put(item)
    left = items[-size:]
    assert queue.dropped == len(items) - len(left)
    taken = []
    while len(queue):
        part = queue.take(most)
        assert 1 <= len(part) <= most
        taken += part
    assert taken == left


def test_closing_wakes_the_taker_and_throws_away_what_waits() -> None:
    queue: NewestQueue[int] = NewestQueue(4)
    got: list[list[int]] = []
    taker = threading.Thread(target=lambda: got.append(queue.take(4)))
    taker.start()
    queue.close()
    taker.join(5)
    assert got == [[]]
    queue.put(1)
    assert queue.take(4) == []


def test_a_taker_waits_for_the_first_item() -> None:
    queue: NewestQueue[int] = NewestQueue(4)
    got: list[list[int]] = []
    taker = threading.Thread(target=lambda: got.append(queue.take(4)))
    taker.start()
    queue.put(7)
    taker.join(5)
    assert got == [[7]]


def test_images_meet_their_regions_in_either_order() -> None:
    matcher = RegionMatcher()
    assert matcher.image("a", "picture a", now=0.0) is None
    assert matcher.regions("a", [1, 2]) == ("picture a", [1, 2])
    assert matcher.regions("b", []) is None
    assert matcher.image("b", "picture b", now=0.0) == ("picture b", [])
    assert matcher.regions("a", [3]) is None, "each image is used once"


def test_images_without_regions_are_given_up_and_counted() -> None:
    matcher = RegionMatcher(patience=0.2, keep=2)
    matcher.image("a", "a", now=0.0)
    assert matcher.expire(0.2) == 0
    assert matcher.expire(0.21) == 1
    assert matcher.regions("a", [1]) is None
    for key in "bcd":
        matcher.image(key, key, now=1.0)
    assert matcher.late == 2
    assert matcher.regions("b", [1]) is None
    assert matcher.regions("d", [1]) == ("d", [1])


def test_what_waits_is_bounded_on_both_sides() -> None:
    matcher = RegionMatcher(keep=3)
    for key in range(10):
        matcher.regions(key, [key])
    assert matcher.image(0, "x", now=0.0) is None
    assert matcher.image(9, "y", now=0.0) == ("y", [9])


def test_an_image_that_comes_twice_is_taken_once() -> None:
    gate = FirstTransport(keep=3)
    assert gate.first((1, "cam"), "raw")
    assert not gate.first((1, "cam"), "compressed")
    assert gate.first((1, "cam"), "raw"), "a driver without stamps repeats its key"
    assert gate.first((2, "cam"), "compressed")
    assert not gate.first((2, "cam"), "raw")
