"""The bench core: records, parts that are kept, result files, the page."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from cil_nodes.evaluation import bench
from cil_nodes.evaluation.bench import kept, registry
from cil_nodes.evaluation.bench.pages import read_result

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CIL_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def toy(monkeypatch):
    """A benchmark of a few additions; the list tells which seeds were worked out."""
    registry.available()
    worked = []

    def run(context):
        values = []
        for number, seed in enumerate(context.seeds):
            context.progress(number / len(context.seeds), f"seed {seed}")

            def compute(seed=seed):
                worked.append(seed)
                if worked.count(2) == 1 and seed == 2:
                    raise KeyboardInterrupt
                return {"accuracy": 90.0 + seed, "curve": [95.0, 90.0 + seed]}

            values.append(context.part({"seed": seed}, compute))
        figure = bench.measured(
            "toy.accuracy",
            [value["accuracy"] for value in values],
            unit="%",
            goal="> every reference",
            reference={"a guess": 92.5},
            note="A toy is not meant to win.",
        )
        curves = {"all taught so far": [value["curve"] for value in values]}
        return bench.BenchResult((figure,), {"seeds": len(values)}, {"curves": curves})

    entry = bench.Bench("toy", "Additions.", run, minutes=1, seeds=4)
    monkeypatch.setitem(registry._registered, "toy", entry)
    return worked


def test_an_interrupted_run_goes_on_where_it_stopped(toy, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        bench.run("toy", tmp_path, quiet=True)
    assert toy == [0, 1, 2]
    assert not (tmp_path / "benchmarks" / "toy.json").exists()
    words = bench.run("toy", tmp_path, quiet=True)
    assert toy == [0, 1, 2, 2, 3]
    assert "toy.accuracy" in words
    assert "MISSED" in words


def test_fresh_works_everything_out_again(toy, tmp_path):
    toy.append(2)  # The toy stops at seed 2 the first time only.
    bench.run("toy", tmp_path, quiet=True)
    bench.run("toy", tmp_path, fresh=True, quiet=True)
    assert toy == [2, 0, 1, 2, 3, 0, 1, 2, 3]


def test_the_same_run_leaves_the_same_file(toy, tmp_path):
    toy.append(2)
    for name in ("a", "b"):
        bench.run("toy", tmp_path / name, fresh=True, quiet=True)
    first, second = ((tmp_path / name / "benchmarks" / "toy.json").read_bytes() for name in "ab")
    assert first == second
    record = json.loads(first)["records"][0]
    assert (record["value"], record["runs"]) == (91.5, 4)
    assert record["spread"] == pytest.approx(1.291, abs=1e-3)
    assert record["command"] == "cil bench run toy"


def test_fewer_seeds_are_told_in_the_command(toy, tmp_path):
    bench.run("toy", tmp_path, seeds=2, quiet=True)
    record = json.loads((tmp_path / "benchmarks" / "toy.json").read_text())["records"][0]
    assert record["command"] == "cil bench run toy --seeds 2"
    with pytest.raises(ValueError, match="--seeds 0: at least one seed is needed"):
        bench.run("toy", tmp_path, seeds=0)


def test_other_code_is_another_part():
    whole = kept.code_hash(("evaluation",))
    assert whole != kept.code_hash(("evaluation/goals.py",))
    assert whole == kept.code_hash(("evaluation",))
    with pytest.raises(FileNotFoundError, match="no such part of the package"):
        kept.code_hash(("evaluatoin",))


def test_a_dry_run_says_how_long_and_does_nothing(toy):
    words = bench.estimate("toy", seeds=2)
    assert "2 seeds, about 0.5 min on two cores; 0 finished parts" in words
    assert toy == []


def test_the_page_shows_figures_misses_and_notes(toy, tmp_path):
    toy.append(2)
    bench.run("toy", tmp_path, quiet=True)
    page, complaints = bench.report(tmp_path)
    text = page.read_text(encoding="utf-8")
    assert complaints == []
    assert "1 figures; 0 goals met, 1 missed." in text
    assert "| `toy.accuracy` | 91.5 ± 1.291 % (4 runs) | > every reference ✗ **missed** |" in text
    assert "- `toy.accuracy`: A toy is not meant to win." in text
    drawing = ElementTree.parse(tmp_path / "benchmarks" / "toy.svg").getroot()
    assert drawing.tag.endswith("svg")
    listed = json.loads((tmp_path / "benchmarks.json").read_text())
    assert [entry["id"] for entry in listed] == ["toy.accuracy"]


def test_misses_without_a_reason_and_ids_used_twice_are_complained_about(tmp_path):
    record = bench.Record("toy.accuracy", 1.0, goal=">= 2").plain()
    content = {"summary": "", "minutes_on_two_cores": 1, "records": [record]}
    for name in ("one", "two"):
        path = tmp_path / "benchmarks" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"name": name, **content}))
    _, complaints = bench.report(tmp_path)
    assert "toy.accuracy misses its goal (>= 2) and no note says why." in complaints
    assert "toy.accuracy is in both one and two." in complaints


def test_a_foreign_file_is_named(tmp_path):
    path = tmp_path / "benchmarks" / "odd.json"
    path.parent.mkdir()
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"odd\.json is no result file .* run its benchmark again"):
        bench.report(tmp_path)
    with pytest.raises(FileNotFoundError, match="cil bench run demo-sim"):
        bench.report(tmp_path / "elsewhere")


def test_records_refuse_what_would_mislead():
    with pytest.raises(ValueError, match=r"'Demo\.Sim' is no record id"):
        bench.Record("Demo.Sim", 1.0)
    with pytest.raises(ValueError, match='better must be "higher"'):
        bench.Record("a.b", 1.0, better="up")
    with pytest.raises(ValueError, match=r"a\.b is nan; write None and a note"):
        bench.Record("a.b", float("nan"))
    with pytest.raises(ValueError, match=r"a\.b has no value and no note"):
        bench.Record("a.b", None)
    assert bench.Record("a.b", "clare").met is None
    assert bench.Record("a.b", 4.9, goal="< 5").met is True


def test_committed_results_and_pages_agree(tmp_path):
    """What stands in docs/benchmarks.md is what the committed result files say."""
    paths = sorted((DOCS / "benchmarks").glob("*.json"))
    if not paths:
        pytest.skip("no benchmark results are committed yet")
    (tmp_path / "benchmarks").mkdir()
    for path in paths:
        (tmp_path / "benchmarks" / path.name).write_bytes(path.read_bytes())
        assert read_result(path).name == path.stem
    page, complaints = bench.report(tmp_path)
    assert complaints == []
    for name in ("benchmarks.md", "benchmarks.json"):
        assert (DOCS / name).read_bytes() == (tmp_path / name).read_bytes(), (
            f"docs/{name} is out of date: run `cil bench report`"
        )
    assert page.name == "benchmarks.md"
