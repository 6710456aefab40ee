"""The folder a run leaves: contents, equal bytes, a report that needs nothing else."""

import csv
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from cil_nodes.evaluation import canonical
from cil_nodes.evaluation.report.svg import spread, ticks
from cil_nodes.evaluation.run_folder import Environment, write_run_folder
from cil_nodes.evaluation.run_record import PredictionRow, RunRecord

PLACE = Environment({"numpy": "2.0"}, "1a2b3c4", "2 cores, no GPU")
VOID = {"meta", "img", "link", "br", "input", "hr"}


class Page(HTMLParser):
    """Collects what the tests ask about, and checks that elements are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.images, self.drawings, self.text = [], [], [], [], ""
        self.links, self.headings = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found[key] for key in ("src", "href") if key in found]
        self.images += [found] if tag == "img" else []
        self.drawings += [found] if tag == "svg" else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def page_of(folder, record):
    return Page(write_run_folder(folder, record, PLACE).read_text(encoding="utf-8"))


def test_the_same_run_leaves_the_same_bytes(tmp_path, make_record):
    for name in ("a", "b"):
        write_run_folder(tmp_path / name, make_record(pictures=True), PLACE)
    for name in ("results.json", "predictions.csv", "timing.json", "report.html"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    other = tmp_path / "c"
    write_run_folder(other, make_record(seed=1), PLACE)
    name = "results.json"
    assert (other / name).read_bytes() != (tmp_path / "a" / name).read_bytes()
    assert sorted(path.name for path in other.iterdir()) == [
        "predictions.csv",
        "report.html",
        "results.json",
        "timing.json",
    ]


def test_results_hold_no_clock_times(tmp_path, make_record):
    record = make_record()
    slow = replace(
        record,
        predictions=tuple(replace(row, latency_ms=1e3) for row in record.predictions),
    )
    write_run_folder(tmp_path / "fast", record, PLACE)
    write_run_folder(tmp_path / "slow", slow, PLACE)
    for name in ("results.json", "predictions.csv"):
        fast_bytes = (tmp_path / "fast" / name).read_bytes()
        assert fast_bytes == (tmp_path / "slow" / name).read_bytes()
    timing = json.loads((tmp_path / "slow" / "timing.json").read_text())
    assert timing["latency_idle"]["p99_ms"] == 1000.0
    assert timing["p99_ratio"] == 1.0


def test_results_and_predictions_agree(tmp_path, make_record):
    record = make_record()
    write_run_folder(tmp_path, record, PLACE)
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    with open(tmp_path / "predictions.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(record.predictions)
    last = [row for row in rows if row["phase"] == "3" and row["taught"] == "1"]
    hits = sum(row["truth"] == row["label"] for row in last)
    assert results["final_accuracy"] == pytest.approx(hits / len(last), abs=1e-6)
    assert results["accuracy_matrix"][0][1] is None
    assert results["versions"] == {"numpy": "2.0"}
    assert results["commit"] == "1a2b3c4"
    assert len(results["unknown"]["by_phase"]) == 3
    assert results["goals_met"]["final_accuracy"] is False


def test_report_is_whole_and_fetches_nothing(tmp_path, make_record):
    page = page_of(tmp_path, make_record(pictures=True))
    assert page.open == []
    assert page.headings == [
        "Accuracy over phases",
        "Unknown objects",
        "Confusion",
        "Latency",
        "Worst mistakes",
        "How it was made",
    ]
    assert len(page.ids) == len(set(page.ids))
    assert page.links
    assert all(link.startswith("data:image/jpeg;base64,") for link in page.links)


def test_report_tells_those_who_cannot_see_it(tmp_path, make_record):
    page = page_of(tmp_path, make_record(pictures=True))
    assert len(page.drawings) == 5
    assert all(drawing["role"] == "img" for drawing in page.drawings)
    assert all(re.search(r"\d", drawing["aria-label"]) for drawing in page.drawings)
    assert all("shown; " in image["alt"] for image in page.images)
    # Whether a goal is reached is said in words.
    assert "✗ missed" in page.text
    assert "✓ met" in page.text


def test_names_cannot_break_out_of_the_page(tmp_path):
    rows = tuple(
        PredictionRow(1, '<script>alert("x")</script>', "b&b", 0.5, False, 0.2, True)
        for _ in range(3)
    )
    record = RunRecord("<b>", "m", 0, (('<script>alert("x")</script>', "b&b"),), rows)
    text = write_run_folder(tmp_path, record, PLACE).read_text(encoding="utf-8")
    assert "<script" not in text
    assert Page(text).open == []


@pytest.mark.parametrize(
    "record",
    [
        RunRecord("Empty", "m", 0, (), ()),
        RunRecord("Before", "m", 0, (), (PredictionRow(0, "a", "", 0.0, True, 1.0, False),)),
        RunRecord("One", "m", 0, (("a",),), (PredictionRow(1, "a", "a", 1.0, False, 0.0, True),)),
        RunRecord(
            "Only strange", "m", 0, (("a",),), (PredictionRow(1, "z", "a", 1, True, 1, False),)
        ),
        RunRecord(
            "Perfect",
            "m",
            0,
            (("a",), ("b",)),
            tuple(
                PredictionRow(2, name, name, 1.0, name == "z", float(name == "z"), name != "z", 5.0)
                for name in "abz"
            ),
        ),
    ],
    ids=lambda record: record.title,
)
def test_unusual_runs_make_a_report(tmp_path, record):
    assert page_of(tmp_path, record).open == []


def test_many_classes_make_a_report(tmp_path, make_record):
    classes = tuple(f"class {n}" for n in range(81))
    page = page_of(tmp_path, make_record(phases=9, classes=classes, strangers=(), views=2))
    assert "81 classes" in page.text


def test_canonical_json_has_one_spelling():
    spelled = canonical.dumps({"b": (1, float("nan")), "a": -0.0, "c": 0.1234567})
    assert spelled == '{\n  "a": 0.0,\n  "b": [\n    1,\n    null\n  ],\n  "c": 0.123457\n}\n'


def test_labels_move_apart_and_stay_inside():
    moved = spread([10.0, 11.0, 12.0, 99.0], gap=10, low=0, high=100)
    assert moved == sorted(moved)
    assert all(b - a >= 10 - 1e-9 for a, b in pairwise(moved))
    assert max(moved) <= 100


def test_ticks_are_round_and_inside():
    assert ticks(0, 100) == [0, 20, 40, 60, 80, 100]
    assert ticks(70, 100) == [70, 80, 90, 100]
    assert ticks(0, 0.153, 4) == [0, 0.05, 0.1, 0.15]
    assert ticks(3, 3) == [3]
