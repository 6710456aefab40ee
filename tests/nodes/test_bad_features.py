"""Features that nobody can use, encoders that change, stamps and clocks that go back."""

from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cil_msgs.msg import FeatureVector, GroundTruth, LearnerState, Metrics, Prediction
from cil_msgs.srv import LabelSamples
from rosgraph_msgs.msg import Clock

from cil_nodes.client import Teacher, TeacherTimeout
from cil_nodes.nodes.evaluator import Evaluator
from cil_nodes.nodes.labeler import Labeler
from cil_nodes.nodes.learner import Learner
from cil_nodes.nodes.recorder import Recorder
from cil_nodes.ros import qos
from cil_nodes.ros.conversions import make_header
from tests.nodes.canned import METHOD, feature, features, vector
from tests.ros_support import NodeThread, RosProbe, nodes

OTHER = "other@ffffffffffff"
SECOND = 1_000_000_000


def learner(folder: Path) -> NodeThread:
    return NodeThread(Learner, "-p", f"folder:={folder}", "-p", f"method:={METHOD}")


def spoilt(value: float) -> np.ndarray:
    data = vector("mug").copy()
    data[3] = value
    return data


def test_bad_features_are_refused_before_and_after_the_first_label(
    probe: RosProbe, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = {
        "are NaN or infinite": feature("mug", data=spoilt(math.nan)),
        "features that are NaN": feature("mug", data=spoilt(math.inf)),
        "of shape (0,)": feature("mug", data=np.zeros(0)),
    }
    late = {
        "comes from encoder 'other@ffffffffffff'": feature("mug", encoder=OTHER),
        "has 5 features; encoder": feature("mug", data=vector("mug")[:5]),
    }
    with learner(tmp_path) as node, NodeThread(Labeler):
        sender = probe.publisher(FeatureVector, "features", match=2)
        probe.wait_active("learner")
        answers = probe.listen(Prediction, "predictions")
        probe.wait(
            lambda: node._stream._predictions.get_subscription_count() == 2, "both to be seen"
        )

        def refused(cases: dict[str, FeatureVector]) -> None:
            for text, message in cases.items():
                count = node._diagnostics.counts["refused"]
                sender.publish(message)
                probe.wait(lambda n=count: node._diagnostics.counts["refused"] > n, text)
                said = node.troubles.latest()
                assert said.startswith("Refused from /cil/features: Sample ")
                assert text in said

        refused(bad)
        good = features("mug", 3)
        for message in good:
            sender.publish(message)
        probe.expect_count("predictions", 3)
        answer = probe.call_service(
            LabelSamples, "label", label="mug", sample_ids=[m.sample_id for m in good]
        )
        assert answer.accepted == 3, answer.message
        refused(late)
        sender.publish(feature("mug"))
        assert len(probe.expect_count("predictions", 4)) == len(answers) == 4
    assert "Traceback" not in capfd.readouterr().err


def test_the_learners_state_and_the_client_say_that_features_are_refused(
    probe: RosProbe, tmp_path: Path
) -> None:
    with nodes(learner(tmp_path), NodeThread(Labeler)), Teacher(timeout=15.0) as teacher:
        sender = probe.publisher(FeatureVector, "features", match=2)
        probe.listen(LearnerState, "state", qos.STATE)
        teacher.state()
        mark = teacher.mark()
        good = features("mug", 2)
        for message in good:
            sender.publish(message)
        teacher.wait_for_predictions(2, since=mark)
        teacher.label("mug", [m.sample_id for m in good])
        sender.publish(feature("mug", encoder=OTHER))
        probe.expect_message("state", lambda s: OTHER in s.message, "the refusal in the state")
        teacher.wait_for_state(lambda s: OTHER in s.message)
        with pytest.raises(TeacherTimeout, match=r"learner says: Features are refused: .*other@f"):
            teacher.wait_for_predictions(1, timeout=0.2)
        calm = len(probe.listen(LearnerState, "state", qos.STATE))

        def over() -> bool:
            sender.publish(feature("mug"))
            return any("refused" not in s.message for s in probe._got["state"][calm:])

        probe.wait(over, "the refusal to be over")


def test_a_change_of_encoder_is_told_and_explains_what_is_gone(probe: RosProbe) -> None:
    with NodeThread(Labeler, "-p", "learner_deadline:=0.2") as node:
        sender = probe.publisher(FeatureVector, "features")
        old = feature("mug")
        sender.publish(old)
        probe.wait(lambda: len(node._feed) == 1, "the first sample")
        sender.publish(feature("mug", encoder=OTHER))
        probe.wait(lambda: node._feed.encoder_id == OTHER, "the second")
        assert "The encoder changed from canned@0123456789ab to other@f" in node.troubles.latest()
        gone = probe.call_service(LabelSamples, "label", label="mug", sample_ids=[old.sample_id])
        assert gone.error_code == LabelSamples.Response.NO_SUCH_SAMPLE
        assert "The encoder changed from" in gone.message


def test_a_label_waits_for_samples_that_their_prediction_overtook(
    probe: RosProbe, tmp_path: Path
) -> None:
    with nodes(learner(tmp_path), NodeThread(Labeler)):
        sender = probe.publisher(FeatureVector, "features", match=2)
        late = feature("mug")
        timer = threading.Timer(0.3, lambda: sender.publish(late))
        probe.call_service(LabelSamples, "label", label="mug", sample_ids=["nobody"])
        timer.start()
        answer = probe.call_service(LabelSamples, "label", label="mug", sample_ids=[late.sample_id])
        timer.join()
        assert (answer.accepted, list(answer.missing_ids)) == (1, []), answer.message


def test_two_extractors_are_named(
    probe: RosProbe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cil_nodes.ros.topic_watch.PATIENCE", 0.0)
    with RosProbe(name="second") as other, learner(tmp_path) as node:
        probe.publisher(FeatureVector, "features")
        other.publisher(FeatureVector, "features")
        probe.wait(lambda: "publishers" in node.troubles.latest(60), "the warning")
        assert "features has 2 publishers: /cil/probe, /cil/second" in node.troubles.latest(60)


def test_an_incompatible_sender_of_features_is_named_by_its_remapped_topic(
    probe: RosProbe, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    flags = ["-p", f"folder:={tmp_path}", "-p", f"method:={METHOD}", "-r", "features:=embeddings"]
    said = ""
    with NodeThread(Learner, *flags):
        probe.wait_active("learner")
        probe.node.create_publisher(FeatureVector, "embeddings", qos.IMAGE)  # best effort

        def heard() -> bool:
            nonlocal said
            said += capfd.readouterr().err
            return "of /cil/embeddings offers or asks for another RELIABILITY" in said

        # The probe's own publisher complains too, in rclpy's words.
        probe.wait(heard, "our log line", seen=lambda: said)


def test_truths_of_a_bag_that_loops_are_matched_again(probe: RosProbe) -> None:
    with NodeThread(Evaluator, "-p", "period:=0.1", "-p", "patience:=5.0") as node:
        probe.listen(Metrics, "metrics")
        truths = probe.publisher(GroundTruth, "ground_truth")
        answers = probe.publisher(Prediction, "predictions")
        for second in (100, 101, 5, 6, 7):
            truths.publish(GroundTruth(header=make_header(second * SECOND, "cam"), label="mug"))
        probe.expect_message("metrics", lambda m: m.unmatched == 2, "the two that will not come")
        probe.wait(lambda: "went back by 96.0 s" in node.troubles.latest(60), "the warning")
        for second in (101, 7):  # an answer from before the jump finds nothing any more
            header = make_header(second * SECOND, "cam")
            answers.publish(Prediction(header=header, label="mug"))
        pair = probe.expect_message("metrics", lambda m: m.compared > 0, "the pair after the jump")
        assert pair.compared == 1


def clock(second: int) -> Clock:
    return Clock(clock=make_header(second * SECOND, "").stamp)


def test_a_clock_that_goes_back_begins_another_bag(probe: RosProbe, tmp_path: Path) -> None:
    flags = ["-p", "use_sim_time:=true", "-p", f"folder:={tmp_path / 'bag'}"]
    with NodeThread(Recorder, *flags) as node:
        probe.wait_active("recorder")
        clocks = probe.publisher(Clock, "/clock")
        sender = probe.publisher(FeatureVector, "features")

        def at(second: int, folder: str) -> None:
            clocks.publish(clock(second))
            probe.wait(lambda: node.get_clock().now().nanoseconds == second * SECOND, f"{second} s")
            sender.publish(feature("mug"))
            probe.wait(
                lambda: (
                    (bag := node._bag) is not None and bag.folder.name == folder and bag.written > 0
                ),
                f"a message in {folder}",
            )

        at(100, "bag")
        at(5, "bag_2")
        assert "95.0 s: what follows goes into a bag of its own" in node.troubles.latest(60)
    assert (tmp_path / "bag" / "metadata.yaml").exists()
    assert (tmp_path / "bag_2" / "metadata.yaml").exists()


def test_a_clock_that_nobody_publishes_is_told_and_timers_run_on(
    probe: RosProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cil_nodes.ros.clock_watch.PATIENCE", 0.5)
    flags = ["-p", "use_sim_time:=true", "-p", "period:=0.1"]
    with NodeThread(Evaluator, *flags) as node:
        probe.wait_active("evaluator")
        probe.listen(Metrics, "metrics")
        probe.expect_count("metrics", 2)  # its timer runs while the clock stands still
        probe.wait(lambda: "/clock" in node.troubles.latest(60), "the warning")
        assert node.troubles.latest(60).startswith(
            "use_sim_time is true, but no time has come on /clock; nobody publishes it"
        )
        clocks: Any = probe.publisher(Clock, "/clock")
        for second in (100, 40):
            clocks.publish(clock(second))
            probe.wait(
                lambda s=second: node.get_clock().now().nanoseconds == s * SECOND, f"{second} s"
            )
        assert node.troubles.latest(60).startswith("The clock went back by 60.0 s (/clock: a simul")
        came = len(probe.listen(Metrics, "metrics"))
        probe.expect_count("metrics", came + 2)
