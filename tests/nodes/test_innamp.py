"""INNAMP in the learner node over real DDS: taught in the worker, and why something is unknown."""

from __future__ import annotations

from pathlib import Path

from action_msgs.msg import GoalStatus
from cil_msgs.action import TrainPhase
from cil_msgs.msg import FeatureVector, Prediction, UnknownObject
from cil_msgs.srv import AddSamples

from cil_nodes.nodes.learner import Learner
from cil_nodes.ros.teaching_messages import sample_from_features, sample_to_message
from tests.nodes.canned import feature, features
from tests.ros_support import NodeThread, RosProbe


def learner(folder: Path, **parameters: str) -> NodeThread:
    settings = {"folder": str(folder), "method": "innamp", **parameters}
    flags = [flag for name, value in settings.items() for flag in ("-p", f"{name}:={value}")]
    return NodeThread(Learner, *flags)


class Teacher:
    """Teaches and asks through public topics, services and actions only."""

    def __init__(self, probe: RosProbe) -> None:
        self.probe = probe
        probe.listen(Prediction, "predictions")
        probe.listen(UnknownObject, "unknowns")
        self.features = probe.publisher(FeatureVector, "features")

    def teach(self, *labels: str) -> TrainPhase.Result:
        for label in labels:
            samples = [sample_to_message(sample_from_features(m)) for m in features(label, 10)]
            for sample in samples:
                sample.label = label
            self.probe.call_service(AddSamples, "add_samples", samples=samples, source="label")
        handle, _ = self.probe.send_goal(TrainPhase, "train_phase")
        ended = self.probe.goal_result(handle)
        assert ended.status == GoalStatus.STATUS_SUCCEEDED
        return ended.result

    def ask(self, message: FeatureVector) -> Prediction:
        self.features.publish(message)
        return self.probe.expect_message(
            "predictions", lambda p: p.sample_id == message.sample_id, message.sample_id
        )

    def why(self, message: FeatureVector) -> UnknownObject:
        assert self.ask(message).is_unknown
        return self.probe.expect_message("unknowns", lambda u: u.sample_id == message.sample_id)


def test_two_things_are_taught_in_the_worker_and_the_unknown_says_why(
    probe: RosProbe, tmp_path: Path
):
    with learner(tmp_path):
        teacher = Teacher(probe)
        result = teacher.teach("mug", "duck")
        assert sorted(result.new_labels) == ["duck", "mug"]
        for label in ("mug", "duck"):
            answer = teacher.ask(feature(label, 99))
            assert (answer.label, answer.is_unknown) == (label, False)
        stranger = teacher.why(feature("brick"))
        assert stranger.reason == UnknownObject.REASON_NOBODY_FIRED
        assert list(stranger.claimants) == []
        assert teacher.teach("cup").version == 2
        assert teacher.ask(feature("cup", 99)).label == "cup"
