"""Parts of a benchmark: kept one by one, spread over processes or a cluster, planned beforehand."""

import importlib.util
import os
import socket
import sys

import pytest

from cil_nodes.evaluation import bench
from cil_nodes.evaluation.bench import Backend, BackendError, Context, Work, registry


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CIL_CACHE", str(tmp_path / "cache"))


def context_in(tmp_path, backend=None):
    entry = bench.Bench("toy", "Squares.", lambda context: None, minutes=1)
    return Context(entry, (0,), tmp_path / "parts", quiet=True, backend=backend)


def squares(numbers, diary):
    """Parts that write down in a file that they were worked out, and by which process."""

    def part(number):
        def work():
            with open(diary, "a") as file:
                file.write(f"{number} {os.getpid()}\n")
            return {"square": number * number}

        return Work({"number": number}, work)

    return [part(number) for number in numbers]


def read(diary):
    lines = [line.split() for line in diary.read_text().splitlines()] if diary.exists() else []
    return sorted(int(number) for number, _ in lines), {int(pid) for _, pid in lines}


def test_parts_come_back_in_order_and_are_worked_out_once(tmp_path):
    context, diary = context_in(tmp_path), tmp_path / "diary"
    found = context.parts(squares([3, 1, 2, 3], diary))
    assert [entry["square"] for entry in found] == [9, 1, 4, 9]
    assert read(diary) == ([1, 2, 3], {os.getpid()})
    assert [entry["square"] for entry in context.parts(squares([2, 5], diary))] == [4, 25]
    assert read(diary)[0] == [1, 2, 3, 5]


def test_a_pair_of_key_and_function_is_a_part_too(tmp_path):
    context = context_in(tmp_path)
    assert context.parts([({"n": 1}, lambda: {"a": 1})]) == [{"a": 1}]
    assert context.part({"n": 1}, lambda: {"a": 2}) == {"a": 1}
    assert context.parts([({"n": 2}, dict)]) == [{}]
    assert context.parts([]) == []


def test_what_was_finished_before_a_failure_is_kept(tmp_path):
    context, diary = context_in(tmp_path), tmp_path / "diary"

    def broken():
        raise RuntimeError("the disk is on fire")

    works = [*squares([1, 2], diary), Work({"number": 3}, broken), *squares([4], diary)]
    with pytest.raises(RuntimeError, match="on fire"):
        context.parts(works)
    assert [context.is_kept(work) for work in works] == [True, True, False, False]


@pytest.mark.parametrize("name", ["loky", "dask", "ray"])
def test_two_workers_share_the_parts(name, tmp_path):
    package = {"loky": "joblib", "dask": "distributed", "ray": "ray"}[name]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed: pip install 'cil-nodes[{name}]'")
    context, diary = context_in(tmp_path, Backend(name, jobs=2)), tmp_path / "diary"
    found = context.parts(squares(range(8), diary))
    assert [entry["square"] for entry in found] == [n * n for n in range(8)]
    numbers, processes = read(diary)
    assert numbers == list(range(8))
    assert os.getpid() not in processes, "the parts ran here instead of in workers"
    assert all(context.is_kept(work) for work in squares(range(8), diary))


@pytest.mark.parametrize("name", ["dask", "ray"])
def test_an_absent_backend_says_what_to_install(name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, {"dask": "distributed", "ray": "ray"}[name], None)
    context = context_in(tmp_path, Backend(name, jobs=2))
    with pytest.raises(BackendError, match=rf"pip install .*cil-nodes\[{name}\]"):
        context.parts(squares([1], tmp_path / "diary"))


@pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None,
    reason="dask is not installed: pip install 'cil-nodes[dask]'",
)
def test_a_cluster_that_does_not_answer_is_named(tmp_path):
    with socket.socket() as taken:  # Bound, but nobody listens.
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        context = context_in(tmp_path, Backend("dask", -1, address))
        with pytest.raises(BackendError, match=f"No Dask scheduler answers at {address}"):
            context.parts(squares([1], tmp_path / "diary"))


def test_backends_that_cannot_be_are_refused():
    with pytest.raises(BackendError, match="choose one of loky, dask, ray"):
        Backend("slurm")
    with pytest.raises(BackendError, match="--jobs 0"):
        Backend("loky", 0)


def test_a_dry_run_lists_by_table_what_is_kept_and_what_is_left(tmp_path, monkeypatch):
    registry.available()
    diary = tmp_path / "diary"

    def plan(context):
        first = [Work(work.key, work.function, "table 3") for work in squares([1, 2, 3, 4], diary)]
        second = [Work(work.key, work.function, "table 4") for work in squares([9], diary)]
        return [*first, *second]

    def run(context):
        context.parts(plan(context)[:1])
        return bench.BenchResult(())

    budgets = {"table 3": 20.0, "table 4": 5.0}
    entry = bench.Bench("toy", "Squares.", run, minutes=25, budgets=budgets, plan=plan)
    monkeypatch.setitem(registry._registered, "toy", entry)
    assert "table 3: 0 of 4 kept, 20.0 min left" in bench.estimate("toy")
    assert read(diary)[0] == []
    bench.run("toy", tmp_path, quiet=True)
    words = bench.estimate("toy")
    assert "table 3: 1 of 4 kept, 15.0 min left" in words
    assert "table 4: 0 of 1 kept, 5.0 min left" in words
    assert "in all 20.0 min left on two cores" in words


def test_a_result_file_names_seeds_budgets_and_versions(tmp_path, monkeypatch):
    registry.available()
    entry = bench.Bench(
        "toy", "Nothing.", lambda context: bench.BenchResult(()), 1, 2, 1993, {"table 3": 4.0}
    )
    monkeypatch.setitem(registry._registered, "toy", entry)
    bench.run("toy", tmp_path, quiet=True)
    content = bench.pages.read_content(tmp_path / "benchmarks" / "toy.json")
    assert content["seeds"] == [1993, 1994]
    assert content["budgets"] == {"table 3": 4.0}
    assert "numpy" in content["versions"]
