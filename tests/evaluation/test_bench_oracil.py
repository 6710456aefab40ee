"""The ORACIL and unknown benches on a data set small enough for a test."""

from dataclasses import replace

import numpy as np
import pytest

from cil_nodes.evaluation.bench import contenders, oracil_plan, oracil_records, oracil_tables
from cil_nodes.evaluation.bench import sources as source_module
from cil_nodes.evaluation.bench import unknown as unknown_bench
from cil_nodes.evaluation.bench.context import Context
from cil_nodes.evaluation.bench.oracil_plan import Plan, Results
from cil_nodes.evaluation.bench.registry import find
from cil_nodes.evaluation.bench.sources import DEALT_OUT, SIDE_BY_SIDE, Source
from cil_nodes.evaluation.peers import JointRidge, NearestClassMean
from cil_nodes.evaluation.protocols import Labelled
from cil_nodes.learners.oracil import Oracil

CLASSES = tuple("abcdefghi")


def clouds(seed, each=14):
    centres = np.random.default_rng(3).normal(size=(len(CLASSES), 20))
    rng = np.random.default_rng(seed)
    labels = np.repeat(CLASSES, each)
    features = np.repeat(centres, each, axis=0) + 0.9 * rng.normal(size=(len(labels), 20))
    return Labelled(np.abs(features).astype(np.float32), labels)


@pytest.fixture(name="pictures", autouse=True)
def small_data_set(monkeypatch):
    """Stand for the features of any data set."""
    made = source_module._Pictures(clouds(0), clouds(1), CLASSES, {}, ("one", "two"))
    monkeypatch.setattr(source_module, "_pictures", lambda dataset, encoder: made)
    return made


class SmallPlan(Plan):
    """The whole plan with narrow learners and two peers."""

    default = replace(contenders.ours("ORACIL", M=64), name="ORACIL")
    accurate = replace(default, name="ORACIL, accurate", settings={"M": 96})
    paper = contenders.paper_form((1, 3), M=32, reservoir=8, group_capacity=3)
    leak = replace(paper, name="LEAK", view=contenders.leak_beside, at=(3,))
    head_only = contenders.Contender(
        "head only", Oracil, {"M": 64, "router": "none"}, before=contenders.thrown_away
    )
    peers = (
        contenders.peer("nearest class mean", NearestClassMean),
        contenders.peer("joint ridge", JointRidge, (1, 3)),
    )
    larger = (contenders.peer("stronger joint ridge", JointRidge, (3,), strength=0.5),)
    options = (contenders.paper_form((3,), M=32, reservoir=8, similarity="euclidean"),)


@pytest.fixture(name="results", scope="module")
def run_everything(tmp_path_factory):
    made = source_module._Pictures(clouds(0), clouds(1), CLASSES, {}, ("one", "two"))
    patch = pytest.MonkeyPatch()
    patch.setattr(source_module, "_pictures", lambda dataset, encoder: made)
    folder = tmp_path_factory.mktemp("parts")
    plan = SmallPlan("small", 3, (1, 3), (1993, 1994))
    yield Results(plan, Context(find("oracil-grocery"), (1993, 1994), folder, quiet=True))
    patch.undo()


def test_every_table_is_laid_out_and_names_its_budget(results):
    tables = oracil_tables.all_tables(results, {"peers": 4.0, "ORACIL": 2.0})
    titles = " ".join(table.title for table in tables)
    for shape in ("Tables 3 to 5", "Table 6", "Table 2", "Tables 8 and 9", "Tables A1 to A3"):
        assert shape in titles
    assert tables[0].minutes == 6.0
    assert all(table.rows for table in tables)


def test_the_leak_is_labelled_wherever_it_is_printed(results):
    tables = oracil_tables.all_tables(results, {})
    told = [row for table in tables for row in table.rows if "told the phase" in str(row[0])]
    assert told
    assert all(str(row[0]).startswith("LEAK") for row in told)
    record = next(r for r in oracil_records.paper_records(results) if r.id.endswith(".leak"))
    assert record.note.startswith("LEAK")
    assert record.better == ""


def test_records_compare_with_peers_of_the_same_width_and_with_all(results):
    records = {
        r.id.removeprefix("oracil.small."): r for r in oracil_records.accuracy_records(results)
    }
    assert set(records["final_accuracy"].reference) == {"nearest class mean", "joint ridge"}
    assert "stronger joint ridge" in records["accurate.final_accuracy"].reference
    assert records["final_accuracy"].runs == 2
    assert records["best_peer"].value == max(records["best_peer"].reference.values())
    assert "points" in records["final_accuracy"].note


def test_the_joint_head_does_not_depend_on_the_order(results):
    figures = oracil_tables.order_figures(results)
    joint = [o.final for o in results.outcomes(results.plan.default, "joint")]
    assert joint[0] == pytest.approx(joint[1])
    assert figures["regret_aopd"] >= 0


def test_what_is_left_out_is_named_in_its_record(tmp_path):
    out = ("ORACIL, accurate", "LEAK", "built orders", "stronger joint ridge")
    plan = SmallPlan("small", 3, (1, 3), (1993,), out)
    context = Context(find("oracil-grocery"), (1993,), tmp_path, quiet=True)
    results = Results(plan, context)
    records = [
        *oracil_records.accuracy_records(results),
        *oracil_records.order_records(results),
        *oracil_records.paper_records(results),
    ]
    blank = {r.id for r in records if r.value is None}
    assert {"oracil.small.accurate.final_accuracy", "oracil.small.leak"} <= blank
    assert all(r.note for r in records if r.value is None)
    assert oracil_tables.all_tables(results, {})


def test_built_orders_hold_every_class_once_and_differ(pictures):
    side, dealt = (Source("small", 3, order).stream().phases for order in (SIDE_BY_SIDE, DEALT_OUT))
    assert sorted(c for phase in side for c in phase) == sorted(CLASSES)
    assert sorted(c for phase in dealt for c in phase) == sorted(CLASSES)
    assert set(side[0]) != set(dealt[0])


def test_a_part_of_the_training_pictures_keeps_every_class(pictures):
    stream = Source("small", 3, each=4).stream()
    assert np.unique(stream.train.labels, return_counts=True)[1].tolist() == [4] * len(CLASSES)
    assert len(stream.test.labels) == len(pictures.test.labels)


def test_another_order_is_another_part_and_the_same_one_is_kept(tmp_path):
    plan = SmallPlan("small", 3, (1, 3), (1993,))
    context = Context(find("oracil-grocery"), (1993,), tmp_path, quiet=True)
    work = plan.peers[0].work(plan.source(1993))
    context.parts([work])
    assert context.is_kept(plan.peers[0].work(plan.source(1993)))
    assert not context.is_kept(plan.peers[0].work(plan.source(1994)))


def test_unknowns_are_told_apart_where_they_lie_elsewhere(monkeypatch):
    train, test = clouds(0), clouds(1)
    known, unknown = CLASSES[:6], CLASSES[6:]
    far = test.of(unknown)
    far.features[:, -4:] += 9  # another direction, far from all that is known
    shown = unknown_bench.World((train.of(known),), test.of(known), far)
    monkeypatch.setattr(unknown_bench, "world", lambda name, seed: shown)
    monkeypatch.setattr(unknown_bench, "Oracil", lambda: Oracil(M=64))
    found = unknown_bench.compare("small", 0)
    assert {unknown_bench.OURS, unknown_bench.HEAD, "knn", "openmax"} <= set(found)
    assert found["knn"]["auroc"] > 95
    for figures in found.values():
        assert figures["oscr"] <= 100
        assert 0 <= figures["fpr95"] <= 100


def test_plans_name_a_budget_for_each_of_their_tables():
    for name in ("oracil-cifar100", "oracil-grocery", "unknown"):
        entry = find(name)
        context = Context(entry, range(entry.first_seed, entry.first_seed + 2), ".", quiet=True)
        if name == "unknown":
            tables = {work.table for work in entry.plan(context)}
        else:
            plan = oracil_plan.Plan("small", 3, (1, 3), context.seeds, ("ORACIL, accurate",))
            tables = {table for table, _, _ in plan.runs()}
        assert tables <= set(entry.budgets)
        assert sum(entry.budgets.values()) <= 180
