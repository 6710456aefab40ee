"""INNAMP's benchmark on a tiny table: protocol, peers, records."""

from __future__ import annotations

import numpy as np
import pytest

from cil_nodes.datasets.tables import Table
from cil_nodes.evaluation.bench import innamp, innamp_runs
from cil_nodes.evaluation.bench.registry import find
from cil_nodes.evaluation.metrics import auroc
from cil_nodes.evaluation.open_set_peers import PEERS, threshold_of, verdicts


@pytest.fixture
def tiny(monkeypatch):
    """Five easy classes, three of them first."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(5, 4)) * 5
    y = np.repeat(np.arange(5), 30)
    X = (centres[y] + rng.normal(size=(150, 4))).astype(np.float32)
    monkeypatch.setattr(innamp_runs, "table", lambda name: Table(name, X, y.astype(str)))
    monkeypatch.setitem(innamp_runs.FIRST, "tiny", 3)
    return X, y


def test_one_fold_of_ours_has_every_figure_of_every_way(tiny):
    found = innamp_runs.ours("tiny", 0, 0)
    assert set(found) == set(innamp_runs.VARIANTS)
    for way, figures in found.items():
        for figure in ("known", "unseen", "auroc", "overall", "retrained"):
            assert 0 <= figures[figure] <= 100, (way, figure)
        assert figures["curve"][0][0] == 3
        assert figures["curve"][-1] == [5, figures["overall"]]
    assert found["closed"]["overall"] > 80


def test_a_fold_teaches_no_test_sample_and_shows_unseen_classes(tiny):
    here = innamp_runs.fold_of("tiny", 1, 4)
    taught = {row.tobytes() for row in here.train.X}
    assert not any(row.tobytes() in taught for row in here.test.X)
    assert set(here.test.y) == set(here.order)


@pytest.mark.parametrize("who", PEERS)
def test_a_peer_knows_what_it_was_taught_and_finds_the_far_away(tiny, who):
    X, y = tiny
    known = y < 4
    held = np.arange(known.sum()) % 5 == 0
    threshold = threshold_of(PEERS[who], X[known], y[known], held, 0.9, 0)
    judge = PEERS[who](X[known][~held], y[known][~held], 0)
    said = verdicts(judge, X[known][held], threshold)
    assert np.mean((said.best == y[known][held]) & ~said.unknown) >= 0.8
    if who in ("largest logit", "MLP, retrained", "fuzzy ARTMAP"):
        return  # open regions: far away need not look new
    told = verdicts(judge, X[~known], threshold)
    assert auroc(said.novelty, told.novelty) > 0.7


def test_records_name_the_hard_monitor_and_every_peer(tiny):
    runs = [innamp_runs.ours("tiny", 0, fold) for fold in (0, 1)]
    peers = {"nearest class mean": [innamp_runs.peer("tiny", 0, 0, "nearest class mean")]}
    records = {r.id: r for r in innamp.records_of("car", runs, peers)}
    assert len(records) == 20
    unseen = records["innamp.car.closed.unseen"]
    assert set(unseen.reference) == {"hard monitor", "nearest class mean"}
    assert unseen.runs == 2
    assert unseen.met is not None
    assert records["innamp.car.hard.unseen"].goal == "reported"


def test_the_plan_has_every_data_set_and_peer_once(tmp_path):
    from cil_nodes.evaluation.bench.context import Context

    context = Context(find("innamp"), (1, 2), tmp_path, quiet=True)
    works = innamp.works(context)
    keys = [repr(work.key) for work in works]
    assert len(keys) == len(set(keys))
    assert {work.key["data"] for work in works if "data" in work.key} == set(innamp_runs.FIRST)
    assert {work.key.get("peer") for work in works} >= set(PEERS)


def test_the_toy_shows_what_open_and_closed_regions_do():
    from cil_nodes.evaluation.bench import innamp_toy

    one, hard, closed, retrained, hard_added, closed_added = innamp_toy.panels()
    assert (one.found, one.claimed) == (0.0, 1.0)
    assert hard.found > 0.3
    assert closed.found > 0.9
    assert closed.claimed < hard.claimed < one.claimed
    assert closed_added.claimed < 0.6 * hard_added.claimed < 0.6 * retrained.claimed
    assert min(hard.known, closed.known, hard_added.known, closed_added.known) > 0.9
    assert innamp_toy.picture([one] * 6).ndim == 3
