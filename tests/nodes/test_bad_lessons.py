"""What goes wrong in teaching over real DDS: said in words, nothing acknowledged is lost."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builtin_interfaces.msg import Duration
from cil_msgs.action import TeachObject, TrainPhase
from cil_msgs.msg import FeatureVector, LearnerState, Prediction
from cil_msgs.srv import AddSamples, LabelSamples, ListSamples, LoadModel, SaveModel

from cil_nodes.client import Teacher, TeacherError, TeacherTimeout
from cil_nodes.nodes.labeler import Labeler
from cil_nodes.nodes.learner import Learner
from cil_nodes.ros import qos
from cil_nodes.ros.teaching_messages import sample_from_features, sample_to_message
from tests.nodes.canned import METHOD, feature, features
from tests.ros_support import NodeProcess, NodeThread, RosProbe, nodes
from tests.small_disk import small_disk


def learner(folder: Path, *flags: str) -> NodeThread:
    return NodeThread(Learner, "-p", f"folder:={folder}", "-p", f"method:={METHOD}", *flags)


def messages_of(label: str, vectors: list[FeatureVector]) -> list[Any]:
    samples = [sample_to_message(sample_from_features(vector)) for vector in vectors]
    for sample in samples:
        sample.label = label
    return samples


def add(probe: RosProbe, label: str, vectors: list[FeatureVector]) -> Any:
    samples = messages_of(label, vectors)
    return probe.call_service(AddSamples, "add_samples", samples=samples, source="label")


def test_labels_that_are_none_are_refused_and_the_learner_lives(probe: RosProbe, tmp_path: Path):
    codes = AddSamples.Response
    with learner(tmp_path):
        vectors = features("mug", 3)
        for label, words in (
            ("", "empty"),
            ("two\nlines", "U+000A"),
            ("Unknown", "reserved"),
            ("é" * 65, "130 bytes"),
        ):
            answer = add(probe, label, vectors)
            assert answer.error_code == codes.BAD_LABEL
            assert words in answer.message
        assert add(probe, "mug", vectors).accepted == 3
        assert add(probe, "MUG", vectors).relabelled == 0
        assert add(probe, "Background", vectors).relabelled == 3
        both = messages_of("mug", vectors[:1]) + messages_of("cup", vectors[:1])
        refused = probe.call_service(AddSamples, "add_samples", samples=both, source="label")
        assert refused.error_code == codes.BAD_LABEL
        assert f"{vectors[0].sample_id!r} is called 'mug' and 'cup'" in refused.message
        page = probe.call_service(ListSamples, "list_samples", label="background")
        assert page.total == 3


def test_a_negative_time_limit_is_refused(probe: RosProbe, tmp_path: Path):
    with learner(tmp_path):
        add(probe, "mug", features("mug", 3))
        handle, _ = probe.send_goal(TrainPhase, "train_phase", time_limit=Duration(sec=-3))
        result = probe.goal_result(handle).result
        assert result.error_code == TrainPhase.Result.UNKNOWN
        assert "time_limit is -3 s" in result.error_msg
        handle, _ = probe.send_goal(TrainPhase, "train_phase")
        assert probe.goal_result(handle).result.version == 1


def test_a_disk_that_fills_refuses_labels_while_predictions_flow(probe: RosProbe, tmp_path: Path):
    with small_disk(tmp_path / "disk") as disk, learner(disk.folder / "session"):
        probe.listen(Prediction, "predictions")
        stream = probe.publisher(FeatureVector, "features")
        kept = add(probe, "mug", features("mug", 5)).pending
        disk.fill()
        for number in range(200):
            answer = add(probe, "cup", features("cup", 5, 5 * number))
            if answer.error_code != AddSamples.Response.OK:
                break
            kept = answer.pending
        assert answer.error_code == AddSamples.Response.STORAGE_FAILED
        assert "Make room on the disk" in answer.message
        vector = feature("mug", 99)
        stream.publish(vector)
        probe.expect_message("predictions", lambda p: p.sample_id == vector.sample_id, "an answer")
        disk.free()
        assert add(probe, "hat", features("hat", 5)).pending == kept + 5
        handle, _ = probe.send_goal(TrainPhase, "train_phase")
        assert probe.goal_result(handle).result.samples_trained == kept + 5


def test_model_files_that_are_none_are_refused(probe: RosProbe, tmp_path: Path):
    with learner(tmp_path / "session"):
        add(probe, "mug", features("mug", 3))
        probe.goal_result(probe.send_goal(TrainPhase, "train_phase")[0])
        torn = tmp_path / "torn.cil"
        saved = probe.call_service(SaveModel, "save_model", uri=torn.as_uri())
        assert saved.success, saved.message
        torn.write_bytes(torn.read_bytes()[:-1])
        for uri, words in (
            (torn.as_uri(), "torn.cil is not a whole learner file"),
            (tmp_path.as_uri(), "it is a folder"),
            ("mugs.cil", "give file:///absolute/path"),
        ):
            answer = probe.call_service(LoadModel, "load_model", uri=uri)
            assert not answer.success
            assert words in answer.message
        refused = probe.call_service(SaveModel, "save_model", uri=tmp_path.as_uri())
        assert not refused.success
        assert "it is a folder. Name a file in it." in refused.message


class Table:
    """Sends views to a labeler."""

    def __init__(self, probe: RosProbe, listeners: int) -> None:
        self._probe = probe
        self._features = probe.publisher(FeatureVector, "features", match=listeners)

    def put(self, *vectors: FeatureVector) -> list[str]:
        for vector in vectors:
            self._features.publish(vector)
        return [vector.sample_id for vector in vectors]


def label(probe: RosProbe, name: str, ids: list[str]) -> Any:
    return probe.call_service(LabelSamples, "label", label=name, sample_ids=ids)


def test_samples_that_are_gone_are_named_with_what_keeps_them(probe: RosProbe, tmp_path: Path):
    with nodes(learner(tmp_path), NodeThread(Labeler, "-p", "recent:=10")) as (_, labeler):
        table = Table(probe, 2)
        ids = table.put(*features("mug", 30))
        probe.wait(lambda: labeler._feed.find(ids[-1:])[0], "the last sample in the labeler")
        codes = LabelSamples.Response
        gone = label(probe, "mug", ids[:5])
        assert gone.error_code == codes.NO_SUCH_SAMPLE
        assert gone.message.startswith(f"sample {ids[0]}, {ids[1]}, {ids[2]} and 2 more: none is")
        assert "last 10 samples are kept (parameter `recent`)" in gone.message
        part = label(probe, "mug", [ids[0], ids[-1], ids[-1]])
        assert (part.error_code, part.accepted) == (codes.OK, 1)
        assert list(part.missing_ids) == [ids[0]]
        assert part.message == f"1 samples of 'mug' are kept. Not kept: sample {ids[0]}."


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"timeout": Duration(sec=-1)}, "timeout is -1 s"),
        ({"min_diversity": math.nan}, "min_diversity is nan"),
        ({"num_samples": 0}, "num_samples is 0"),
    ],
    ids=["timeout", "diversity", "samples"],
)
def test_teaching_out_of_range_is_refused_and_the_next_is_not_blocked(
    probe: RosProbe, fields: dict[str, Any], words: str
):
    with nodes(NodeThread(Labeler)):
        for _ in range(2):
            goal = TeachObject.Goal(label="mug", **fields)
            handle, _ = probe.send_goal(TeachObject, "teach", goal=goal)
            result = probe.goal_result(handle).result
            assert result.error_code == TeachObject.Result.UNKNOWN
            assert words in result.error_msg


def test_a_label_to_a_learner_that_hangs_can_be_said_again(probe: RosProbe, tmp_path: Path):
    flags = ("-p", f"folder:={tmp_path}", "-p", f"method:={METHOD}")
    with (
        NodeProcess("cil_nodes.nodes.learner", *flags) as process,
        nodes(NodeThread(Labeler, "-p", "learner_deadline:=1.0")),
    ):
        process.expect_output("active")
        table = Table(probe, 2)
        ids = table.put(*features("mug", 4))
        assert label(probe, "mug", ids[:1]).pending == 1
        process.process.send_signal(signal.SIGSTOP)
        silent = label(probe, "mug", ids)
        assert silent.error_code == LabelSamples.Response.LEARNER_SILENT
        assert "saying it twice does no harm" in silent.message
        process.process.send_signal(signal.SIGCONT)
        assert label(probe, "mug", ids).pending == 4
        assert label(probe, "mug", ids).pending == 4
        process.process.kill()
        process.process.wait(10)
        assert label(probe, "mug", ids).error_code == LabelSamples.Response.LEARNER_SILENT
    with learner(tmp_path):
        probe.listen(LearnerState, "state", qos.STATE)
        probe.expect_message("state", lambda s: s.pending_samples == 4, "the four labels")


def test_two_learners_in_one_namespace_name_each_other(probe: RosProbe, tmp_path: Path):
    first = learner(tmp_path / "one")
    second = learner(tmp_path / "two", "-r", "__node:=pupil")
    with nodes(first, second) as pair:
        words = "More than one learner answers in /cil: /cil/learner, /cil/pupil."
        probe.wait(
            lambda: all(one._others.startswith(words) for one in pair), "both learners' complaint"
        )
        assert all(words in one._trouble() for one in pair)
    with learner(tmp_path / "one") as alone:
        probe.wait(lambda: probe.node.count_services("add_samples") == 1, "one learner")
        assert alone._trouble() == ""


# -- the client


@pytest.fixture(scope="module")
def teacher() -> Iterator[Teacher]:
    with Teacher(namespace="/nobody", timeout=0.3) as one:
        yield one


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda t: t.show("mug", views=2**31), r"views is 2147483648; .* from 1 to 65535"),
        (lambda t: t.show("mug", views=0), "views is 0"),
        (lambda t: t.show("mug", views=1.5), r"views is 1\.5"),
        (lambda t: t.teach("mug", watch_for=-1), "watch_for is -1 s"),
        (lambda t: t.teach("mug", watch_for=math.nan), "watch_for is nan s"),
        (lambda t: t.teach("mug", watch_for=0), "watch_for is 0 s"),
        (lambda t: t.teach("mug", num_samples=70_000), "num_samples is 70000"),
        (lambda t: t.teach("mug", min_diversity=math.nan), "min_diversity is nan"),
        (lambda t: t.teach("mug", roi=(0, 0, -1, 4)), "roi is -1"),
        (lambda t: t.teach("mug", roi=(0, 0, 4)), "expected x, y, width and height"),
        (lambda t: t.train(time_limit=-2), "time_limit is -2 s"),
        (lambda t: t.train(time_limit=math.inf), "time_limit is inf s"),
        (lambda t: t.label("mug", "canned-1"), "the text 'canned-1'"),
        (lambda t: t.label("mug", ["x" * 65]), "1 to 64 bytes"),
        (lambda t: t.label("mug", cluster_id=2**40), "cluster_id is 1099511627776"),
        (lambda t: t.dismiss(-1), "cluster_id is -1"),
        (lambda t: t.dismiss(1, put_off=-5), "put_off is -5 s"),
        (lambda t: t.versions(limit=-1), "limit is -1"),
        (lambda t: t.roll_back(-2), "version is -2"),
        (lambda t: t.samples(limit=1000), "limit is 1000; .* from 0 to 100"),
        (lambda t: t.samples(offset=-1), "offset is -1"),
        (lambda t: t.samples(sample_ids=["a"] * 101), "101 sample ids; at most 100"),
        (lambda t: t.samples(nearest_to="x" * 65), "nearest_to holds"),
        (lambda t: t.load_model(""), "path is empty"),
        (lambda t: Teacher(timeout=-1), "timeout is -1 s"),
    ],
)
def test_arguments_out_of_range_are_refused_by_name(teacher: Teacher, call: Any, words: str):
    with pytest.raises(ValueError, match=words):
        call(teacher)


@pytest.mark.parametrize("name", ["", "x" * 300, "unknown", "two\nlines"])
def test_the_client_refuses_labels_as_the_graph_does(teacher: Teacher, name: str):
    for call in (lambda: teacher.label(name, ["canned-1"]), lambda: teacher.teach(name)):
        with pytest.raises(TeacherError) as refusal:
            call()
        assert refusal.value.code == "BAD_LABEL"


def test_a_label_without_a_graph_says_who_is_missing(teacher: Teacher):
    with pytest.raises(TeacherTimeout, match="service /nobody/label, which nobody offers"):
        teacher.label("mug", ["canned-1"])
