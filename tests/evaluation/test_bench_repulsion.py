"""The RR+RA benchmark on made-up features, and the convolutions behind the real ones."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the benchmark trains with it")

from cil_nodes.datasets.images import ImageDataset  # noqa: E402
from cil_nodes.evaluation import convolutions  # noqa: E402
from cil_nodes.evaluation.bench import (  # noqa: E402
    repulsion_inside,
    repulsion_lines,
    repulsion_plan,
    repulsion_replay,
    repulsion_settings,
)
from cil_nodes.evaluation.bench.context import Context  # noqa: E402
from cil_nodes.evaluation.bench.registry import find  # noqa: E402
from cil_nodes.evaluation.bench.repulsion_tables import gain, parts  # noqa: E402
from cil_nodes.evaluation.convolutions.internal import MissingWeightsError  # noqa: E402
from cil_nodes.evaluation.convolutions.pretraining import pretrain, shifted  # noqa: E402
from cil_nodes.evaluation.protocols import Labelled  # noqa: E402

NAMES = tuple(f"thing{n:02d}" for n in range(20))


def made_up(features, split):
    rng = np.random.default_rng(0)
    labels = np.repeat(NAMES, 10)
    centres = np.repeat(2 * rng.normal(size=(20, 8)), 10, axis=0)
    rows = [Labelled(centres + rng.normal(size=(200, 8)), labels) for _ in range(2)]
    return rows[0], rows[1], NAMES


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    monkeypatch.setattr(repulsion_lines, "pictures", made_up)
    monkeypatch.setattr(repulsion_plan, "pictures", made_up)
    monkeypatch.setattr(repulsion_lines, "_hashes", lambda features: ("made up",))
    size = {"hidden": 8, "latent": 3, "iterations": 3, "batch": 8, "rate": 1e-2, "kl_divisor": 8.0}
    monkeypatch.setitem(repulsion_settings.SIZES, "scaled", size)
    monkeypatch.setattr(repulsion_plan, "SWEEP_ITERATIONS", 2)
    monkeypatch.setattr(repulsion_plan, "STEPS", (1, 2))
    monkeypatch.setattr(repulsion_replay, "has_gpu", lambda: False)
    return Context(find("repulsion-replay"), (0, 1), tmp_path, quiet=True)


def test_every_line_gets_its_records_and_what_was_not_run_says_so(tiny, monkeypatch):
    monkeypatch.setattr(repulsion_replay, "LEFT_OUT", ("f50", "f100", "nof", "confidence", "rr"))
    result = repulsion_replay.repulsion_replay(tiny)
    records = {record.id: record for record in result.records}
    start = "repulsion_replay.cifar100.scaled"
    assert records[f"{start}.f20.first20"].runs == 2
    assert records[f"{start}.f20.first20"].goal == ">= BI-R + SI + 4.80"
    assert records[f"{start}.f50.overall"].value is None
    assert records[f"{start}.generator.overall"].value is not None
    assert not any(".full." in id_ for id_ in records)
    titles = [table.title for table in result.tables]
    assert any("Gain over BI-R + SI" in title for title in titles)
    assert {len(values) for values in result.details["curves"]["BI-R"]} == {10}


def test_a_second_run_takes_everything_from_the_first(tiny, monkeypatch):
    monkeypatch.setattr(repulsion_replay, "LEFT_OUT", ("settings", "other factors", "joint"))
    first = repulsion_replay.repulsion_replay(tiny)

    def never(run):
        raise AssertionError(f"{run} was made again")

    monkeypatch.setattr(repulsion_lines, "make", never)
    assert repulsion_replay.repulsion_replay(tiny).records == first.records


def test_lines_differ_by_what_their_names_say():
    base = repulsion_settings.line_settings("bir_si", "scaled")
    bir = repulsion_settings.line_settings("bir", "scaled")
    f10 = repulsion_settings.line_settings("f10", "scaled")
    changed = {name for name in base if base[name] != bir[name]}
    assert changed == {"si_strength", "gated"}
    assert (f10["factor"], f10["si_strength"]) == (10.0, base["si_strength"])
    assert base["repulsion_weight"] == base["attraction_weight"] == 0.0
    assert repulsion_settings.line_settings("nof", "scaled")["factor"] == 0.0
    assert repulsion_settings.line_settings("rr", "scaled")["attraction_weight"] == 0.0
    assert repulsion_settings.line_settings("ra", "scaled")["repulsion_weight"] == 0.0
    assert repulsion_settings.line_settings("confidence", "scaled")["confidence"]
    assert repulsion_settings.line_settings("f20", "full")["iterations"] == 5000


def test_parts_are_of_the_order_taught_and_gains_are_paired():
    by_class = [100.0] * 2 + [50.0] * 3 + [0.0] * 5
    assert parts(by_class) == {"overall": 35.0, "first50": 70.0, "first20": 100.0}

    class Kept:
        def of(self, line):
            up = {"f20": 4.0, "bir_si": 0.0}[line]
            runs = [repulsion_lines.Run(line, order) for order in (1, 0)]
            return [(run, {"classes": [10.0 * run.order + up] * 10}) for run in runs]

    assert gain(Kept(), "f20", "overall") == pytest.approx((4.0, 4.0, 4.0))


def test_competing_classes_are_nearest_and_apart_is_relative():
    rows = np.array([[0.0, 0.0], [1.0, 0.0], [10.0, 0.0]])
    rival = repulsion_inside.nearest(rows)
    assert rival.tolist() == [1, 0, 1]
    expected = ((1 + 1 + 9) / 3) / ((1 + 10 + 9) / 3)
    assert repulsion_inside.apart(rows, rival) == pytest.approx(expected)
    assert repulsion_inside.apart(5 * rows, rival) == pytest.approx(expected)


# ---- convolutions ----------------------------------------------------------------------------


def pictures(count=512):
    rng = np.random.default_rng(0)
    labels = [("dark", "light")[n % 2] for n in range(count)]
    low = np.array([0 if label == "dark" else 128 for label in labels])[:, None, None, None]
    images = [*(low + rng.integers(0, 128, (count, 32, 32, 3))).astype(np.uint8)]
    classes = ("dark", "light")
    return ImageDataset("made_up", images, labels, "train", "0" * 16, classes, None, False)


def test_trained_convolutions_are_written_with_their_origin_and_make_features(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("CIL_CACHE", str(tmp_path / "cache"))
    data, said = pictures(), []
    pretrain(data, data, tmp_path, epochs=1, device="cpu", say=said.append)
    origin = json.loads((tmp_path / "weights.json").read_text())
    assert (origin["epochs"], origin["begun_as"]) == (1, [])
    assert not (tmp_path / "checkpoint.pt").exists()
    features = convolutions.internal_features(data, tmp_path / "weights.safetensors")
    assert features.shape == (512, 1024)
    again = convolutions.internal_features(data, tmp_path / "weights.safetensors")
    assert np.array_equal(features, again)


def test_an_interrupted_training_goes_on_and_says_so(tmp_path):
    class Enough(Exception):  # noqa: N818 - an interruption, not an error
        pass

    def stop(line):
        raise Enough

    data = pictures(256)
    with pytest.raises(Enough):
        pretrain(data, data, tmp_path, epochs=3, device="cpu", say=stop)
    said = []
    pretrain(data, data, tmp_path, epochs=2, device="cpu", say=said.append)
    assert len(said) == 2  # The second epoch, and the accuracy.
    origin = json.loads((tmp_path / "weights.json").read_text())
    assert origin["begun_as"] == ["--epochs 3, interrupted after 1"]


def test_pictures_are_shifted_and_mirrored_but_hold_what_they_held():
    batch = np.arange(2 * 32 * 32 * 3, dtype=np.int64).reshape(2, 32, 32, 3)
    seen = shifted(batch, np.random.default_rng(0))
    assert seen.shape == batch.shape
    for before, after in zip(batch, seen, strict=True):
        assert np.isin(after, before).all()
        assert not np.array_equal(before, after)


def test_missing_weights_name_the_command(tmp_path):
    with pytest.raises(MissingWeightsError, match=r"python -m cil_nodes\.evaluation\.convolutions"):
        convolutions.internal_features(pictures(2), tmp_path / "none.safetensors")
