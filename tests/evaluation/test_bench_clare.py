"""The digits' own arithmetic, on ten made-up digits: streams, peers, sheets, records."""

import gzip
import struct

import cv2
import numpy as np
import pytest

from cil_nodes.evaluation import bench
from cil_nodes.evaluation.bench import clare_mnist, clare_plan, clare_runs, registry
from cil_nodes.evaluation.bench.png import grey_png
from cil_nodes.learners.clare import Clare

pytest.importorskip("torch", reason="clare learns with torch, which is not installed")

EACH = 40
TINY = {"likelihood": "bernoulli", "hidden": 16, "latent_size": 2, "iterations": 40}


@pytest.fixture(autouse=True)
def made_up(tmp_path, monkeypatch):
    """Ten blurred random pictures with noise, as MNIST publishes its digits."""
    centres = np.random.default_rng(0).random((10, 4, 4)).repeat(7, axis=1).repeat(7, axis=2)
    for split, seed in (("train", 1), ("t10k", 2)):
        rng = np.random.default_rng(seed)
        labels = np.repeat(np.arange(10, dtype=np.uint8), EACH)
        noise = rng.normal(scale=0.15, size=(len(labels), 28, 28))
        pictures = (255 * np.clip(centres[labels] + noise, 0, 1)).astype(np.uint8)
        for name, values in (("images-idx3", pictures), ("labels-idx1", labels)):
            head = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
            path = tmp_path / "mnist" / f"{split}-{name}-ubyte.gz"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(gzip.compress(head + values.tobytes()))
    monkeypatch.setenv("CIL_DATA", str(tmp_path))
    monkeypatch.setenv("CIL_CACHE", str(tmp_path / "cache"))
    clare_runs.digits.cache_clear()
    yield
    clare_runs.digits.cache_clear()


def test_phases_bring_each_digit_once_and_know_what_came_before():
    found = list(clare_runs.lessons("train", 5, clare_runs.order_of(0, natural=True)))
    assert [lesson.known for lesson in found] == [tuple(range(5)), tuple(range(10))]
    assert [sorted(set(lesson.y.tolist())) for lesson in found] == [
        list(range(5)),
        list(range(5, 10)),
    ]
    assert all(lesson.X.max() <= 1 and len(lesson.X) == 5 * EACH for lesson in found)
    few = next(clare_runs.lessons("train", 2, (7, 3), most=6))
    assert np.unique(few.y, return_counts=True)[1].tolist() == [6, 6]
    assert sorted(clare_runs.order_of(4, natural=False)) == list(range(10))


def test_asking_only_once_answers_as_the_learner_does():
    X, y = clare_runs.digits("test")
    asker, learner = clare_runs.Asker(X, {}), Clare(**TINY)
    for lesson in clare_runs.lessons("train", 5, clare_runs.order_of(0, natural=True)):
        learner.learn_phase(lesson.X, lesson.y)
        assert np.array_equal(asker.answers(learner), learner.predict(X))
    assert clare_runs.right(learner.predict(X), y, tuple(range(10))) > 90


@pytest.mark.parametrize("paper", [False, True])
def test_a_run_tells_accuracy_diversity_and_what_it_draws(paper):
    found = clare_runs.run_clare(TINY, 5, 0, paper=paper, looks=True)
    assert len(found["accuracy"]) == len(found["seconds"]) == len(found["diversity"]) == 2
    assert paper or found["accuracy"][0] > 60  # so few steps are none for a classifier
    picture = cv2.imdecode(
        np.frombuffer(clare_mnist.sheets(found["sheets"]), np.uint8), cv2.IMREAD_GRAYSCALE
    )
    assert picture.shape == (10 * 28, 2 * 10 * 28 + 14)
    assert picture[5 * 28 :, : 10 * 28].max() == 0  # five digits are not known in the first phase
    assert picture[5 * 28 :, 10 * 28 + 14 :].max() > 0


def test_five_new_samples_are_learned_beside_500_old_ones():
    found = clare_runs.run_unbalanced(TINY, 0, paper=False)
    assert found["old"] > found["old_before"] - 15
    assert found["new"] > 50


def test_fine_tuning_forgets_and_what_replays_or_sees_everything_does_not():
    from cil_nodes.evaluation.bench.clare_peers import PEERS, run_peer

    last = {peer: run_peer(peer, 5, 0, 60)["accuracy"][-1] for peer in PEERS}
    assert last["fine-tuning"] < 60 < last["joint"]
    assert last["EWC"] < last["joint"]
    assert min(last["replay"], last["replay, distilled"]) > last["fine-tuning"]


def test_a_picture_survives_its_file():
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    again = cv2.imdecode(np.frombuffer(grey_png(picture), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert np.array_equal(again, picture)


class MadeUpContext:
    """Hands out made-up parts for whatever is planned."""

    seeds = (0, 1)

    def parts(self, works, words):
        return [self.part(work) for work in works]

    def part(self, work):
        if work.table == "unbalanced":
            return {"old_before": 90.0, "old": 89.0, "new": 50.0}
        phases = 10 // work.key["group"]
        level = 99.0 - work.key["seed"] - (30.0 if work.table == "the paper's form" else 0.0)
        told = [level - k for k in range(phases)]
        blank = clare_runs.base64.b64encode(bytes(280 * 28)).decode()
        return {
            "accuracy": told,
            "seconds": [6.0] * phases,
            "diversity": [0.5] * phases,
            "sheets": [blank] * phases,
            "draw_seconds": 1.0,
        }


def test_records_and_tables_come_out_of_the_runs(monkeypatch):
    context = MadeUpContext()
    monkeypatch.setattr(clare_mnist, "LEFT_OUT", ())
    results = clare_mnist.Results(clare_mnist.plan_of(context), context)
    found = {record.id: record for record in clare_mnist.records(results)}
    assert found["clare.mnist.g1.ours.average"].value == pytest.approx(94.0)
    assert found["clare.mnist.g1.ours.average"].met is False
    assert found["clare.mnist.g1.ours.final"].value == pytest.approx(89.5)
    assert found["clare.mnist.g1.ours.best_final"].value == 90.0
    assert found["clare.mnist.g5.ours.final"].met
    assert found["clare.mnist.g2.paper.final"].reference == {"the paper, best of runs": 88.2}
    assert found["clare.mnist.g1.ours.minutes"].value == 1.0
    tables = clare_mnist.all_tables(results)
    assert [len(t.rows) for t in tables[:3]] == [10, 10, 10]
    assert any(t.title == "What each choice brings" and len(t.rows) == 13 for t in tables)
    monkeypatch.setattr(clare_mnist, "LEFT_OUT", ("the paper's form", "peers", "ablation"))
    some = clare_mnist.Results(clare_mnist.plan_of(context), context)
    absent = {r.id: r for r in clare_mnist.records(some)}["clare.mnist.g1.paper.final"]
    assert (absent.value, absent.note[:12]) == (None, "Not measured")


def test_sheets_reach_the_page(tmp_path, monkeypatch):
    picture = grey_png(np.zeros((2, 2), np.uint8))
    entry = bench.Bench(
        "toy", "A toy.", lambda context: bench.BenchResult((), pictures={"ours": picture}), 1
    )
    registry.available()
    monkeypatch.setitem(registry._registered, "toy", entry)
    bench.run("toy", tmp_path, quiet=True)
    page, _ = bench.report(tmp_path)
    assert "![toy: ours](benchmarks/toy-ours.png)" in page.read_text(encoding="utf-8")
    assert (tmp_path / "benchmarks" / "toy-ours.png").read_bytes() == picture


def test_every_part_is_planned_once():
    works = clare_plan.Plan((0, 1), (0,), (0,), peers=clare_mnist.PEERS).works()
    keys = [str(work.key) for work in works]
    assert len(keys) == len(set(keys))
    assert {work.table for work in works} == set(clare_plan.BUDGETS)
