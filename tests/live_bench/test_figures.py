"""What the live benchmarks make of what they saw; no graph runs here."""

import math

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: rclpy is missing")

from cil_nodes.live_bench import label_to_known, latency, variants
from cil_nodes.live_bench.meter import Tally

MS = 1_000_000


def tally(*latencies, lost=()):
    """Frames one millisecond apart; those in ``lost`` were never answered."""
    stamps = [number * MS for number in range(len(latencies))]
    answered = {
        stamp: stamp + int(ms * MS)
        for number, (stamp, ms) in enumerate(zip(stamps, latencies, strict=True))
        if number not in lost
    }
    return Tally(stamps, answered)


def figures(p99, **more):
    return {
        "p50_ms": 5.0,
        "p99_ms": p99,
        "max_ms": 30.0,
        "sent": 100,
        "dropped": 0,
        "lessons": 3,
        "with_handing_over": {"p99_ms": 40.0, "sent": 150, "dropped": 1},
        **more,
    }


def test_a_frame_without_an_answer_is_dropped_and_has_no_latency():
    summary = variants.figures(tally(4, 6, 8, 100, lost=[3]))
    assert (summary["sent"], summary["dropped"], summary["count"]) == (4, 1, 3)
    assert summary["p50_ms"] == pytest.approx(6)
    assert summary["max_ms"] == pytest.approx(8)


def test_a_window_takes_frames_by_their_stamp_whenever_the_answer_came():
    part = tally(50, 50, 50, 50).between(1 * MS, 3 * MS)
    assert part.announced == [1 * MS, 2 * MS]
    assert part.latencies_ms() == pytest.approx([50, 50])


def test_nothing_seen_is_said_to_be_nothing():
    summary = variants.figures(Tally())
    assert summary["count"] == 0
    assert math.isnan(summary["p50_ms"])


def test_records_stand_for_every_variant_and_the_ratio_is_over_idle():
    found = {name: figures(16.0) for name in latency.RESTING}
    found["training"] = figures(40.0)
    made = {record.id: record for record in latency.records(found)}
    assert made["latency.training.p99_ratio"].value == 2.5
    assert made["latency.training.p99_ratio"].met is False
    assert made["latency.training.dropped"].value == 1, "frames while samples arrive count, too"
    assert made["latency.idle.p99_ms"].met is True
    assert made["latency.pipeline.p99_ms"].met is False
    assert made["latency.graph.p99_ms"].met is None
    assert made["latency.cuda.p50_ms"].value is None
    assert "no CUDA" in made["latency.cuda.p50_ms"].note


def test_the_parts_of_a_lesson_add_up_to_the_whole():
    began = {"preparing": 1.3, "fitting": 1.5, "swapping": 1.9, "swapped": 2.0}
    parts = label_to_known.split(1.0, 1.2, began, 2.4)
    assert list(parts) == list(label_to_known.PARTS)
    assert sum(parts.values()) == pytest.approx(1.4)
    assert parts["labelled"] == pytest.approx(0.2)
    assert parts["validating"] == pytest.approx(0.4)  # its own beginning was not told
    assert parts["first_prediction"] == pytest.approx(0.4)
