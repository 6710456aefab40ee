"""The ring of recent samples."""

import numpy as np
import pytest

from cil_nodes.teaching.recent import RecentSamples
from tests.teaching.conftest import make_sample, make_samples


def test_the_oldest_goes_first_and_a_repeat_is_the_newest():
    ring = RecentSamples(capacity=3)
    for sample in make_samples("", 3, thing="mug"):
        ring.add(sample)
    ring.add(make_sample("", 0, thing="mug"))
    ring.add(make_sample("", 3, thing="mug"))
    assert [sample.sample_id for sample in ring.newest(9)] == ["mug-3", "mug-0", "mug-2"]
    assert ("mug-1" in ring, len(ring)) == (False, 3)


def test_bytes_are_bounded_and_counted_back():
    ring = RecentSamples(max_bytes=10_000)
    for number in range(50):
        ring.add(make_sample("", number, thing="mug", picture=b"x" * 2000))
    assert 0 < ring.memory_bytes <= 10_000
    assert 1 <= len(ring) < 5
    ring.clear()
    assert (ring.memory_bytes, len(ring)) == (0, 0)


def test_a_picture_may_come_later():
    ring = RecentSamples()
    ring.add(make_sample("", 0, thing="mug", picture=b""))
    assert ring.add_picture("mug-0", b"jpeg")
    assert not ring.add_picture("gone", b"jpeg")
    assert ring.get("mug-0").picture == b"jpeg"


def test_the_missing_are_named():
    ring = RecentSamples()
    ring.add(make_sample("", 0, thing="mug"))
    found, missing = ring.find(["gone", "mug-0"])
    assert ([sample.sample_id for sample in found], missing) == (["mug-0"], ["gone"])


def test_all_regions_of_an_image_are_found():
    ring = RecentSamples()
    for number in range(3):
        ring.add(make_sample("", number, thing="mug", stamp_ns=7 + number // 2))
    assert [sample.sample_id for sample in ring.at(7, "camera")] == ["mug-1", "mug-0"]
    assert ring.at(7, "elsewhere") == []


def test_a_ring_needs_room():
    with pytest.raises(ValueError, match="capacity 0"):
        RecentSamples(capacity=0)
    ring = RecentSamples(max_bytes=1)
    ring.add(make_sample("", 0, thing="mug", features=np.ones(100, np.float32)))
    assert len(ring) == 1
