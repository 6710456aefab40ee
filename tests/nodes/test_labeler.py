"""The labeler beside a real learner: labels, questions, teaching an object."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from action_msgs.msg import GoalStatus
from cil_msgs.action import TeachObject
from cil_msgs.msg import (
    FeatureVector,
    LearnerState,
    Prediction,
    UnknownClusterArray,
    UnknownObject,
)
from cil_msgs.srv import AnswerCluster, LabelSamples, ListSamples
from sensor_msgs.msg import Image

from cil_nodes.nodes.labeler import Labeler
from cil_nodes.nodes.learner import Learner
from cil_nodes.ros import qos
from cil_nodes.ros.conversions import rgb_to_image
from cil_nodes.ros.pictures import read_jpeg
from cil_nodes.ros.teaching_messages import seconds_to_duration
from tests.nodes.canned import METHOD, feature, features
from tests.ros_support import NodeThread, RosProbe, nodes


def learner(folder: Path, *flags: str) -> NodeThread:
    return NodeThread(Learner, "-p", f"folder:={folder}", "-p", f"method:={METHOD}", *flags)


def labeler(*flags: str) -> NodeThread:
    return NodeThread(Labeler, *flags)


def send_teach(probe: RosProbe, **fields: Any) -> tuple[Any, list[Any]]:
    return probe.send_goal(TeachObject, "teach", goal=TeachObject.Goal(**fields))


class Talk:
    """The test's side of a graph with a labeler."""

    def __init__(self, probe: RosProbe, listeners: int = 2) -> None:
        self.probe = probe
        self.images = probe.publisher(Image, "image", qos.IMAGE)
        self.features = probe.publisher(FeatureVector, "features", match=listeners)
        if listeners > 1:
            probe.listen(LearnerState, "state", qos.STATE)
            probe.listen(Prediction, "predictions")
            probe.listen(UnknownObject, "unknowns")
            probe.expect_message("state", what="the state that an active learner sends")

    def see(self, messages: list[FeatureVector]) -> list[str]:
        """Send views and wait for their predictions; returns the ids."""
        for message in messages:
            self.features.publish(message)
            self.probe.expect_message(
                "predictions", lambda p, m=message: p.sample_id == m.sample_id, "an answer"
            )
        return [message.sample_id for message in messages]

    def label(self, label: str, ids: list[str], **fields: Any) -> Any:
        return self.probe.call_service(LabelSamples, "label", label=label, sample_ids=ids, **fields)

    def teach_by_label(self, *names: str) -> None:
        for name in names[:-1]:
            self.label(name, self.see(features(name, 6)))
        answer = self.label(names[-1], self.see(features(names[-1], 6)), train_now=True)
        assert answer.training_started
        self.probe.expect_message("state", lambda s: len(s.classes) == len(names))

    @contextmanager
    def turning(self, name: str) -> Iterator[None]:
        """Send views of an object, one after the other, until the block ends."""
        stop = threading.Event()

        def turn() -> None:
            for seed in itertools.count(1000):
                if stop.wait(0.02):
                    return
                self.features.publish(feature(name, seed))

        thread = threading.Thread(target=turn, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(5)


def test_a_label_is_kept_learned_and_known(probe: RosProbe, tmp_path: Path):
    with nodes(learner(tmp_path), labeler()):
        talk = Talk(probe)
        ids = talk.see(features("mug", 6))
        answer = talk.label(" mug ", [*ids, "never-seen"])
        assert answer.error_code == LabelSamples.Response.OK, answer.message
        assert (answer.accepted, answer.pending) == (6, 6)
        assert list(answer.missing_ids) == ["never-seen"]
        assert not answer.training_started
        again = talk.label("cup", ids[:2])
        assert (again.accepted, again.relabelled) == (2, 2)
        started = talk.label("duck", talk.see(features("duck", 6)), train_now=True)
        assert started.training_started
        probe.expect_message("state", lambda s: s.version == 1, "the state of version 1")
        [seen] = talk.see([feature("duck", 77)])
        known = probe.expect_message("predictions", lambda p: p.sample_id == seen)
        assert (known.label, known.version) == ("duck", 1)


def test_labels_that_cannot_be_kept_are_refused_in_words(probe: RosProbe, tmp_path: Path):
    with nodes(learner(tmp_path), labeler()):
        talk = Talk(probe)
        ids = talk.see(features("mug", 2))
        codes = LabelSamples.Response
        assert talk.label("", ids).error_code == codes.BAD_LABEL
        assert talk.label("mug", ["gone"]).error_code == codes.NO_SUCH_SAMPLE
        assert talk.label("mug", [], cluster_id=99).error_code == codes.NO_SUCH_CLUSTER
        assert "unknown_clusters" in talk.label("mug", [], cluster_id=99).message
        talk.label("mug", ids)
        other = feature("mug", encoder="other@ffffffffffff")
        talk.features.publish(other)
        probe.wait(
            lambda: talk.label("mug", [other.sample_id]).error_code == codes.WRONG_ENCODER,
            "the other encoder's sample to be refused",
        )


def test_without_a_learner_nothing_is_acknowledged(probe: RosProbe, tmp_path: Path):
    with nodes(labeler("-p", "learner_deadline:=0.5")):
        talk = Talk(probe, listeners=1)
        message = feature("mug")
        talk.features.publish(message)
        codes = LabelSamples.Response
        probe.wait(
            lambda: talk.label("mug", [message.sample_id]).error_code == codes.LEARNER_SILENT,
            "LEARNER_SILENT",
        )
        assert "say it again" in talk.label("mug", [message.sample_id]).message
        goal, _ = send_teach(probe, label="mug", num_samples=3, min_diversity=0.0)
        with talk.turning("mug"):
            ended = probe.goal_result(goal)
        assert ended.result.error_code == TeachObject.Result.LEARNER_SILENT


def test_unknowns_become_questions_and_a_cluster_can_be_named(probe: RosProbe, tmp_path: Path):
    with nodes(learner(tmp_path), labeler("-p", "questions_period:=0.1")):
        talk = Talk(probe)
        probe.listen(UnknownClusterArray, "unknown_clusters", qos.STATE)
        picture = np.full((120, 160, 3), 200, np.uint8)
        for name in ("mug", "duck"):
            for message in features(name, 4):
                talk.images.publish(rgb_to_image(picture, message.header))
                talk.see([message])
        asked = probe.expect_message(
            "unknown_clusters",
            lambda a: (
                sorted(c.size for c in a.clusters) == [4, 4]
                and any(len(c.contact_sheet.data) for c in a.clusters)
            ),
            "two questions of four with pictures",
        )
        pictured = next(c for c in asked.clusters if len(c.contact_sheet.data))
        sheet = read_jpeg(bytes(pictured.contact_sheet.data))
        assert sheet is not None
        assert sheet.shape == (288, 288, 3)
        number = pictured.cluster_id
        answer = talk.label("thing", [], cluster_id=number)
        assert answer.accepted == 4
        left = probe.expect_message("unknown_clusters", lambda a: len(a.clusters) == 1)
        other = left.clusters[0].cluster_id
        assert other != number
        reply = probe.call_service(
            AnswerCluster, "answer_cluster", cluster_id=other, answer=AnswerCluster.Request.DISMISS
        )
        assert reply.error_code == AnswerCluster.Response.OK
        probe.expect_message(
            "unknown_clusters", lambda a: not a.clusters and a.header.stamp != asked.header.stamp
        )
        gone = probe.call_service(AnswerCluster, "answer_cluster", cluster_id=55, answer=1)
        assert gone.error_code == AnswerCluster.Response.NO_SUCH_CLUSTER
        page = probe.call_service(ListSamples, "list_samples", label="thing", pictures=True)
        assert any(len(sample.picture.data) > 100 for sample in page.samples)


def test_an_object_is_taught_by_showing_it(probe: RosProbe, tmp_path: Path):
    with nodes(learner(tmp_path), labeler()):
        talk = Talk(probe)
        talk.teach_by_label("duck", "brick")
        goal, feedback = send_teach(probe, label="mug", num_samples=8, min_diversity=0.0)
        with talk.turning("mug"):
            ended = probe.goal_result(goal)
        assert ended.status == GoalStatus.STATUS_SUCCEEDED
        result = ended.result
        assert (result.samples_captured, result.version) == (8, 2)
        assert (result.check_correct, result.check_total) == (10, 10)
        assert result.summary == "I know the mug now: I recognised it in 10 of 10 new looks."
        stages = [message.stage for message in feedback]
        assert stages == sorted(stages)
        assert set(stages) == {0, 1, 2}
        shares = [message.progress for message in feedback]
        assert shares == sorted(shares)
        assert feedback[-1].captured == 8


def test_teaching_a_known_thing_by_another_name_is_refused(probe: RosProbe, tmp_path: Path):
    with nodes(learner(tmp_path), labeler()):
        talk = Talk(probe)
        talk.teach_by_label("mug", "duck")
        goal, _ = send_teach(probe, label="cup", num_samples=5, min_diversity=0.0)
        with talk.turning("mug"):
            ended = probe.goal_result(goal)
        assert ended.result.error_code == TeachObject.Result.LOOKS_LIKE_KNOWN
        assert "'mug'" in ended.result.error_msg


def test_teaching_can_be_cancelled_and_needs_something_to_see(probe: RosProbe, tmp_path: Path):
    with nodes(learner(tmp_path), labeler()):
        talk = Talk(probe)
        goal, _ = send_teach(probe, label="mug", num_samples=5)
        second, _ = send_teach(probe, label="duck")
        busy = probe.goal_result(second)
        assert busy.result.error_code == TeachObject.Result.ALREADY_TEACHING
        probe.result(goal.cancel_goal_async(), "the answer to a cancel request")
        assert probe.goal_result(goal).status == GoalStatus.STATUS_CANCELED
        blind, _ = send_teach(probe, label="mug", timeout=seconds_to_duration(0.2))
        assert probe.goal_result(blind).result.error_code == TeachObject.Result.NO_IMAGES
        still, feedback = send_teach(
            probe,
            label="mug",
            num_samples=5,
            min_diversity=0.5,
            timeout=seconds_to_duration(1.0),
        )
        with talk.turning("mug"):
            ended = probe.goal_result(still)
        assert ended.result.error_code == TeachObject.Result.TOO_FEW_VIEWS
        assert any(message.hint for message in feedback)
        assert ended.result.samples_captured == 1
