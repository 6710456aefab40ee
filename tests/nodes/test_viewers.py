"""The nodes that look on: evaluator and overlay."""

from __future__ import annotations

import math

import numpy as np
from cil_msgs.msg import ClassInfo, GroundTruth, LearnerState, Metrics, Prediction
from sensor_msgs.msg import Image, RegionOfInterest

from cil_nodes.nodes.evaluator import Evaluator
from cil_nodes.nodes.overlay import Overlay
from cil_nodes.ros import qos
from cil_nodes.ros.conversions import image_to_rgb, make_header, rgb_to_image
from cil_nodes.ros.pictures import Mark, caption, contact_sheet, draw_marks, label_colour, thumbnail
from cil_nodes.ros.throttle import Throttle
from tests.ros_support import NodeThread, RosProbe


def test_metrics_of_a_live_stream(probe: RosProbe):
    with NodeThread(Evaluator, "-p", "period:=0.1"):
        metrics = probe.listen(Metrics, "metrics")
        states = probe.publisher(LearnerState, "state", qos.STATE)
        truths = probe.publisher(GroundTruth, "ground_truth")
        answers = probe.publisher(Prediction, "predictions")
        empty = probe.expect_message("metrics")
        assert math.isnan(empty.accuracy)
        states.publish(LearnerState(classes=[ClassInfo(label="mug"), ClassInfo(label="duck")]))
        now = probe.node.get_clock().now().nanoseconds
        # The state must be there before the truths it judges; the two topics are not ordered.
        said = [("mug", "mug", 1), ("duck", "mug", 1), ("brick", "unknown", 1), ("mug", "mug", 2)]
        sure = probe.node.count_subscribers("state")
        assert sure >= 1
        for number, (truth, label, version) in enumerate(said):
            header = make_header(now + number, "camera")
            truths.publish(GroundTruth(header=header, label=truth))
            answers.publish(
                Prediction(
                    header=header,
                    label=label,
                    is_unknown=label == "unknown",
                    unknown_score=0.9 if label == "unknown" else 0.1,
                    method="oracil",
                    version=version,
                )
            )
        last = probe.expect_message("metrics", lambda m: m.version == 2 and m.compared == 4)
        assert (last.accuracy, last.forgetting, last.method) == (1.0, 0.0, "oracil")
        assert last.unknown_auroc == 1.0
        assert 0 < last.latency_p50_ms < 20_000
        ended = [m for m in metrics if m.version == 1][-1]
        assert (ended.accuracy, ended.unknown_caught_rate) == (0.5, 1.0)


def test_overlay_draws_on_the_image_the_answer_belongs_to(probe: RosProbe):
    with NodeThread(Overlay):
        annotated = probe.listen(Image, "annotated", qos.IMAGE)
        images = probe.publisher(Image, "image", qos.IMAGE)
        answers = probe.publisher(Prediction, "predictions")
        header = make_header(5_000_000_000, "camera")
        region = RegionOfInterest(x_offset=20, y_offset=30, width=60, height=50)
        answers.publish(Prediction(header=header, roi=region, label="mug", score=0.9))

        def shown() -> bool:  # images are best effort: some may get lost on the way
            images.publish(rgb_to_image(np.zeros((120, 160, 3), np.uint8), header))
            return bool(annotated)

        probe.wait(shown, "an annotated image")
        assert annotated[0].header == header
        pixels = image_to_rgb(annotated[0])
        assert tuple(pixels[30, 79]) == label_colour("mug")
        assert not pixels[100:, 100:].any()


def test_unknown_things_are_marked_by_more_than_colour():
    blank = np.zeros((100, 200, 3), np.uint8)
    known = draw_marks(blank, [Mark((0, 0, 0, 0), "mug", 0.5, False)])
    unknown = draw_marks(blank, [Mark((0, 0, 0, 0), "mug", 0.5, True)])
    assert not blank.any()
    assert known[:, -2:].any(axis=2).all()
    assert not unknown[:, -2:].any(axis=2).all()  # a broken frame
    assert caption(Mark((0, 0, 0, 0), "unknown", 0.0, True)) == "unknown?"


def test_pictures_stay_small_and_sheets_square():
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    small = thumbnail(noise, (100, 100, 400, 300), side=320)
    assert 0 < len(small) <= 16 * 1024
    assert thumbnail(noise, (700, 0, 10, 10)) == b""
    assert contact_sheet([small, b"", b"torn"]) != b""
    assert contact_sheet([b"", b""]) == b""


def test_throttle_keeps_to_the_rate():
    now = [0.0]
    due = Throttle(lambda: 10.0, clock=lambda: now[0])
    passed = 0
    for frame in range(300):  # ten seconds at 30 Hz
        now[0] = frame / 30 + (0.004 if frame % 2 else 0.0)
        passed += due()
    assert 95 <= passed <= 101
    assert not Throttle(lambda: 0.0)()
