"""The learner node over real DDS: answers, labels, lessons, restarts."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from action_msgs.msg import GoalStatus
from cil_msgs.action import TrainPhase
from cil_msgs.msg import FeatureVector, LearnerState, Prediction, UnknownObject
from cil_msgs.srv import (
    AddSamples,
    EditClass,
    ListSamples,
    ListVersions,
    LoadModel,
    RollBack,
    SaveModel,
    Undo,
)

from cil_nodes.nodes.learner import Learner
from cil_nodes.ros import qos
from cil_nodes.ros.parameters import ParameterError
from cil_nodes.ros.teaching_messages import (
    sample_from_features,
    sample_to_message,
    seconds_to_duration,
)
from tests.nodes.canned import METHOD, feature, features, vector
from tests.ros_support import NodeThread, RosProbe


def learner(folder: Path, *arguments: str) -> NodeThread:
    settings = {"folder": str(folder), "method": METHOD}
    flags = [flag for name, value in settings.items() for flag in ("-p", f"{name}:={value}")]
    return NodeThread(Learner, *flags, *arguments)


class Talk:
    """What the tests say to a learner, through public topics, services and actions only."""

    def __init__(self, probe: RosProbe) -> None:
        self.probe = probe
        self.state = probe.listen(LearnerState, "state", qos.STATE)
        probe.expect_message("state", what="the state that an active learner sends")
        self.predictions = probe.listen(Prediction, "predictions")
        self.unknowns = probe.listen(UnknownObject, "unknowns")
        self.features = probe.publisher(FeatureVector, "features")

    def ask(self, message: FeatureVector) -> Prediction:
        self.features.publish(message)
        return self.probe.expect_message(
            "predictions", lambda p: p.sample_id == message.sample_id, message.sample_id
        )

    def add(self, label: str, messages: list[FeatureVector]) -> Any:
        samples = []
        for message in messages:
            sample = sample_to_message(sample_from_features(message))
            sample.label = label
            samples.append(sample)
        return self.probe.call_service(AddSamples, "add_samples", samples=samples, source="label")

    def train(self, **fields: Any) -> Any:
        handle, _ = self.probe.send_goal(TrainPhase, "train_phase", **fields)
        return self.probe.goal_result(handle)

    def teach(self, *labels: str) -> Any:
        for label in labels:
            assert self.add(label, features(label, 6)).error_code == AddSamples.Response.OK
        return self.train().result


def test_before_the_first_lesson_everything_is_unknown(probe: RosProbe, tmp_path: Path):
    with learner(tmp_path):
        talk = Talk(probe)
        message = feature("mug")
        answer = talk.ask(message)
        assert answer.is_unknown
        assert answer.label == Prediction.UNKNOWN_LABEL
        assert (answer.score, answer.version) == (0.0, 0)
        assert answer.header == message.header
        assert answer.roi == message.roi
        unknown = probe.expect_message("unknowns", lambda u: u.sample_id == message.sample_id)
        assert unknown.reason == UnknownObject.REASON_NO_CLASSES
        assert unknown.header == message.header


def test_label_train_and_know(probe: RosProbe, tmp_path: Path):
    with learner(tmp_path):
        talk = Talk(probe)
        receipt = talk.add("mug", features("mug", 6))
        assert (receipt.accepted, receipt.pending) == (6, 6)
        probe.expect_message("state", lambda s: s.pending_samples == 6)
        talk.add("duck", features("duck", 6))
        handle, feedback = probe.send_goal(TrainPhase, "train_phase")
        ended = probe.goal_result(handle)
        assert ended.status == GoalStatus.STATUS_SUCCEEDED
        result = ended.result
        assert result.error_code == TrainPhase.Result.NONE
        assert (result.version, result.samples_trained) == (1, 12)
        assert sorted(result.new_labels) == ["duck", "mug"]
        shares = [message.progress for message in feedback]
        assert shares == sorted(shares)
        assert all(math.isnan(message.loss) for message in feedback)

        answer = talk.ask(feature("mug", 99))
        assert (answer.label, answer.is_unknown, answer.version) == ("mug", False, 1)
        assert {score.label for score in answer.top_k} == {"mug", "duck"}
        state = probe.expect_message("state", lambda s: s.version == 1 and s.state == s.IDLE)
        assert [known.samples for known in state.classes] == [6, 6]

        # Taught things raise no unknown any more, untaught ones still do.
        stranger = feature("brick")
        assert talk.ask(stranger).is_unknown
        probe.expect_message("unknowns", lambda u: u.sample_id == stranger.sample_id)
        assert answer.sample_id not in {u.sample_id for u in talk.unknowns}


def test_restart_resumes_and_roll_back_goes_back(probe: RosProbe, tmp_path: Path):
    message = feature("duck", 50)
    with learner(tmp_path):
        talk = Talk(probe)
        talk.teach("mug")
        talk.teach("duck")
        before = talk.ask(message)
        assert before.label == "duck"
    with RosProbe(name="second") as later, learner(tmp_path):
        talk = Talk(later)
        again = talk.ask(message)
        assert (again.label, again.score, again.version) == ("duck", before.score, 2)
        rolled = later.call_service(RollBack, "roll_back", version=-1)
        assert (rolled.error_code, rolled.version) == (RollBack.Response.OK, 3)
        repeated = feature("duck", 50)
        assert talk.ask(repeated).is_unknown
        versions = later.call_service(ListVersions, "list_versions", limit=50).versions
        assert [version.version for version in versions] == [3, 2, 1, 0]
        assert (versions[0].cause, versions[0].restored) == (versions[0].ROLL_BACK, 1)
        missing = later.call_service(RollBack, "roll_back", version=77)
        assert missing.error_code == RollBack.Response.NO_SUCH_VERSION
        assert "77" in missing.message


def test_unusable_features_are_refused_and_the_node_lives_on(probe: RosProbe, tmp_path: Path):
    with learner(tmp_path) as node:
        talk = Talk(probe)
        talk.teach("mug", "duck")
        bad = vector("mug").copy()
        bad[3] = math.nan
        for message in (
            feature("mug", encoder="other@ffffffffffff"),
            feature("mug", data=bad),
            feature("mug", data=vector("mug")[:5]),
        ):
            talk.features.publish(message)
        assert talk.ask(feature("mug", 1)).label == "mug"
        probe.wait(lambda: node._diagnostics.counts["refused"] == 3, "three refused vectors")
        refused = talk.add("mug", [feature("mug", encoder="other@ffffffffffff")])
        assert refused.error_code == AddSamples.Response.WRONG_ENCODER
        assert "canned@0123456789ab" in refused.message
        assert "other@ffffffffffff" in refused.message
        refused = talk.add("unknown", [feature("mug")])
        assert refused.error_code == AddSamples.Response.BAD_LABEL


def test_classes_are_renamed_and_the_last_word_taken_back(probe: RosProbe, tmp_path: Path):
    with learner(tmp_path):
        talk = Talk(probe)
        talk.teach("mug", "duck")

        def edit(operation: int, label: str, new_label: str = "") -> Any:
            return probe.call_service(
                EditClass, "edit_class", operation=operation, label=label, new_label=new_label
            )

        ask = EditClass.Request
        assert edit(ask.RENAME, "mug", "cup").error_code == EditClass.Response.OK
        assert talk.ask(feature("mug", 8)).label == "cup"
        assert edit(ask.RENAME, "cup", "duck").error_code == EditClass.Response.LABEL_TAKEN
        assert edit(ask.FORGET, "brick").error_code == EditClass.Response.NO_SUCH_CLASS
        assert "nothing was changed" in edit(9, "cup").message
        forgotten = edit(ask.FORGET, "duck")
        assert forgotten.error_code == EditClass.Response.OK
        assert talk.ask(feature("duck", 8)).is_unknown
        undone = probe.call_service(Undo, "undo")
        assert undone.error_code == Undo.Response.OK
        assert talk.ask(feature("duck", 9)).label == "duck"
        talk.add("brick", features("brick", 2))
        assert "brick" in probe.call_service(Undo, "undo").message


def test_nothing_pending_is_said_in_words(probe: RosProbe, tmp_path: Path):
    with learner(tmp_path):
        ended = Talk(probe).train()
        assert ended.status == GoalStatus.STATUS_ABORTED
        assert ended.result.error_code == TrainPhase.Result.NOTHING_PENDING
        assert ended.result.error_msg


def test_answers_keep_coming_while_a_lesson_runs(probe: RosProbe, tmp_path: Path):
    with learner(tmp_path, "-p", "tiny.slow:=0.5"):
        talk = Talk(probe)
        talk.teach("mug", "duck")
        talk.add("brick", features("brick", 20))
        handle, _ = probe.send_goal(TrainPhase, "train_phase")
        during = [talk.ask(feature("mug", seed)) for seed in range(20)]
        assert talk.state[-1].state == LearnerState.TRAINING
        assert probe.goal_result(handle).result.version == 2
        after = [talk.ask(feature("mug", seed)) for seed in range(20)]
        assert {p.version for p in during} == {1}
        assert {p.version for p in after} == {2}
        assert {p.label for p in during + after} == {"mug"}


def test_a_burst_is_answered_in_order_and_whole(probe: RosProbe, tmp_path: Path):
    with learner(tmp_path):
        talk = Talk(probe)
        talk.teach("mug", "duck")
        wanted: list[str] = []
        for start in range(0, 60, 6):  # within the topic's depth: nothing may get lost
            burst = features("duck", 6, start)
            wanted += [message.sample_id for message in burst]
            for message in burst:
                talk.features.publish(message)
            probe.expect_count("predictions", len(wanted))
        assert [p.sample_id for p in talk.predictions] == wanted


def test_a_lesson_can_be_cancelled_and_told_to_hurry(probe: RosProbe, tmp_path: Path):
    with learner(tmp_path, "-p", "tiny.slow:=20.0"):
        talk = Talk(probe)
        talk.add("mug", features("mug", 6))
        handle, feedback = probe.send_goal(TrainPhase, "train_phase")
        probe.wait(lambda: bool(feedback), "feedback")
        busy = talk.train()
        assert busy.result.error_code == TrainPhase.Result.ALREADY_TRAINING
        refused = probe.call_service(RollBack, "roll_back", version=0)
        assert refused.error_code == RollBack.Response.BUSY
        probe.result(handle.cancel_goal_async(), "the answer to a cancel request")
        ended = probe.goal_result(handle)
        assert ended.status == GoalStatus.STATUS_CANCELED
        assert ended.result.error_msg
        limit = seconds_to_duration(0.3)
        hurried = talk.train(time_limit=limit)
        assert hurried.result.error_code == TrainPhase.Result.TIME_LIMIT
        state = probe.expect_message("state", lambda s: s.state == s.COLLECTING)
        assert state.pending_samples == 6


def test_models_are_saved_and_loaded(probe: RosProbe, tmp_path: Path):
    message = feature("mug", 5)
    with learner(tmp_path / "one"):
        talk = Talk(probe)
        talk.teach("mug", "duck")
        saved = probe.call_service(SaveModel, "save_model", uri="")
        assert saved.success, saved.message
        before = talk.ask(message)
    with RosProbe(name="second") as later, learner(tmp_path / "two"):
        talk = Talk(later)
        loaded = later.call_service(LoadModel, "load_model", uri=saved.uri)
        assert loaded.success, loaded.message
        assert sorted(loaded.labels) == ["duck", "mug"]
        assert talk.ask(message).score == before.score
        wrong = later.call_service(LoadModel, "load_model", uri="http://somewhere/x")
        assert not wrong.success
        assert "file://" in wrong.message


def test_journal_can_be_browsed(probe: RosProbe, tmp_path: Path):
    with learner(tmp_path):
        talk = Talk(probe)
        taught = features("mug", 3)
        talk.add("mug", taught)
        talk.add("duck", features("duck", 2))
        page = probe.call_service(ListSamples, "list_samples", label="mug", limit=2)
        assert page.total == 3
        assert [sample.label for sample in page.samples] == ["mug", "mug"]
        near = probe.call_service(
            ListSamples, "list_samples", nearest_to=taught[0].sample_id, limit=3
        )
        assert {sample.label for sample in near.samples} == {"mug"}


def test_a_second_learner_on_the_folder_is_refused(probe: RosProbe, tmp_path: Path):
    with learner(tmp_path):
        Talk(probe)
        second = learner(tmp_path, "-r", "__node:=learner_two")
        with second:
            probe.wait(lambda: second.error is not None, "the second learner to give up")
        assert "did not start" in str(second.error)


def test_an_unknown_method_is_refused_by_the_parameters_name(tmp_path: Path):
    with pytest.raises(ParameterError, match=r"'method' of /cil/learner: .*orakil.*oracil"):
        learner(tmp_path, "-p", "method:=orakil").__enter__()


def test_enough_pending_starts_a_lesson(probe: RosProbe, tmp_path: Path):
    with learner(tmp_path, "-p", "auto_train:=4"):
        talk = Talk(probe)
        talk.add("mug", features("mug", 3))
        talk.add("duck", features("duck", 2))
        state = probe.expect_message("state", lambda s: s.version == 1, "version 1")
        assert {known.label for known in state.classes} <= {"mug", "duck"}


@pytest.mark.parametrize("label", ["mug"])
def test_configure_again_after_cleanup(probe: RosProbe, tmp_path: Path, label: str):
    with learner(tmp_path):
        talk = Talk(probe)
        talk.teach(label)
        assert probe.change_state("learner", "deactivate")
        assert probe.change_state("learner", "cleanup")
        assert probe.change_state("learner", "configure")
        assert probe.change_state("learner", "activate")
        probe.wait(lambda: talk.features.get_subscription_count() == 1, "the features subscription")
        assert talk.ask(feature(label, 3)).label == label
