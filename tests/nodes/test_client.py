"""The Python client against a learner and a labeler."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cil_msgs.msg import FeatureVector

from cil_nodes.client import Teacher, TeacherError, TeacherTimeout
from cil_nodes.nodes.labeler import Labeler
from cil_nodes.nodes.learner import Learner
from tests.nodes.canned import METHOD, feature, features
from tests.ros_support import NodeThread, RosProbe, nodes


@pytest.fixture
def teacher() -> Iterator[Teacher]:
    with Teacher(timeout=20.0) as one:
        yield one


class Table:
    """Sends views as an extractor would."""

    def __init__(self, probe: RosProbe) -> None:
        # learner and labeler; the client is no subscriber of features
        self.features = probe.publisher(FeatureVector, "features", match=2)

    def put(self, name: str, views: int, first_seed: int = 0) -> list[str]:
        sent = features(name, views, first_seed)
        for message in sent:
            self.features.publish(message)
        return [message.sample_id for message in sent]


def test_a_whole_lesson_and_its_history(probe: RosProbe, tmp_path: Path, teacher: Teacher):
    graph = (
        NodeThread(Learner, "-p", f"folder:={tmp_path}", "-p", f"method:={METHOD}"),
        NodeThread(Labeler),
    )
    with nodes(*graph):
        table = Table(probe)
        teacher.state()
        for name in ("mug", "duck"):
            mark = teacher.mark()
            table.put(name, 6)
            seen = teacher.wait_for_predictions(6, since=mark)
            assert all(one.is_unknown and one.version == 0 for one in seen)
            kept = teacher.label(name, [one.sample_id for one in seen])
            assert kept.accepted == 6
        stages: list[str] = []
        lesson = teacher.train(on_progress=lambda stage, share, text: stages.append(stage))
        assert sorted(lesson.new_labels) == ["duck", "mug"]
        assert "swapping" in stages
        state = teacher.wait_for_state(lambda s: s.version == lesson.version)
        assert {known.label for known in state.classes} == {"duck", "mug"}
        [sample_id] = table.put("duck", 1, first_seed=40)
        [one] = teacher.wait_for_predictions(1, where=lambda s: s.sample_id == sample_id, since=0)
        assert (one.label, one.version) == ("duck", 1)
        total, page = teacher.samples(label="mug", limit=4, pictures=False)
        assert (total, len(page)) == (6, 4)
        assert teacher.roll_back(0) == 2
        assert [version.version for version in teacher.versions()] == [2, 1, 0]
        with pytest.raises(TeacherError, match="99") as refusal:
            teacher.roll_back(99)
        assert refusal.value.code == "NO_SUCH_VERSION"
        assert teacher.roll_back(1) == 3
        saved = teacher.save_model(tmp_path / "model.cil")
        assert saved.startswith("file:///")
        assert teacher.load_model(saved) == 4
        with pytest.raises(TeacherError) as nothing:
            teacher.train()
        assert nothing.value.code == "NOTHING_PENDING"


def test_teach_tells_its_progress_and_says_how_it_went(
    probe: RosProbe, tmp_path: Path, teacher: Teacher
):
    graph = (
        NodeThread(Learner, "-p", f"folder:={tmp_path}", "-p", f"method:={METHOD}"),
        NodeThread(Labeler),
    )
    with nodes(*graph):
        table = Table(probe)
        stop = threading.Event()

        def turn() -> None:
            for seed in itertools.count():
                if stop.wait(0.02):
                    return
                table.features.publish(feature("mug", seed))

        thread = threading.Thread(target=turn, daemon=True)
        thread.start()
        try:
            steps: list[tuple[str, float]] = []
            taught = teacher.teach(
                "mug",
                num_samples=6,
                min_diversity=0.0,
                on_progress=lambda stage, share, hint: steps.append((stage, share)),
            )
        finally:
            stop.set()
            thread.join(5)
        assert (taught.samples_captured, taught.check_correct) == (6, 10)
        assert taught.summary.startswith("I know the mug now")
        assert [share for _, share in steps] == sorted(share for _, share in steps)


def test_silence_is_explained(probe: RosProbe):
    with Teacher(namespace="/silence", timeout=0.5) as alone:
        with pytest.raises(TeacherTimeout, match=r"/silence/roll_back.*Nodes in /silence: none"):
            alone.roll_back()
        with pytest.raises(TeacherTimeout, match=r"0 predictions came on /silence/predictions"):
            alone.wait_for_predictions(3)
        with pytest.raises(TeacherTimeout, match=r"No state came on /silence/state"):
            alone.state()
        with pytest.raises(TeacherTimeout, match=r"action /silence/train_phase"):
            alone.train()
