"""The benchmarks by name."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cil_nodes.evaluation.bench.context import Context, Work
    from cil_nodes.evaluation.bench.runner import BenchResult

_MODULES = (
    "clare_mnist",
    "clifer_faces",
    "demo_sim",
    "demo_grocery",
    "innamp",
    "int8",
    "oracil_cifar100",
    "oracil_grocery",
    "oracil_merge",
    "oracil_scale",
    "repulsion_replay",
    "robot",
    "unknown",
)
_registered: dict[str, Bench] = {}


@dataclass(frozen=True)
class Bench:
    """A benchmark.

    Attributes
    ----------
    name : str
        As given to ``cil bench run``.
    summary : str
        What is measured, in one sentence.
    run : callable
        Does the work in a context, and returns records.
    minutes : float
        Time budget on two cores without a GPU, for all seeds.
    seeds : int
        Number of seeds by default.
    first_seed : int
        The first of them; later than 0 where earlier ones were looked at while choices were made.
    budgets : mapping of str to float
        Minutes on two cores by table, where the benchmark prints several.
    plan : callable or None
        Lists the parts in a context without doing them, for ``--dry-run``.
    """

    name: str
    summary: str
    run: Callable[[Context], BenchResult]
    minutes: float
    seeds: int = 1
    first_seed: int = 0
    budgets: Mapping[str, float] = field(default_factory=dict)
    plan: Callable[[Context], Sequence[Work]] | None = None


def bench(
    name: str, summary: str, minutes: float, **more: Any
) -> Callable[[Callable[[Context], BenchResult]], Callable[[Context], BenchResult]]:
    """Register a function as a benchmark; the parameters are those of :class:`Bench`."""

    def register(
        run: Callable[[Context], BenchResult],
    ) -> Callable[[Context], BenchResult]:
        _registered[name] = Bench(name, summary, run, minutes, **more)
        return run

    return register


def _load() -> None:
    for module in _MODULES:
        importlib.import_module(f"cil_nodes.evaluation.bench.{module}")


def available() -> list[Bench]:
    """Return all benchmarks, by name."""
    _load()
    return sorted(_registered.values(), key=lambda entry: entry.name)


def find(name: str) -> Bench:
    """Return one benchmark.

    Raises
    ------
    ValueError
        For an unknown name, with close matches.
    """
    _load()
    if name in _registered:
        return _registered[name]
    close = difflib.get_close_matches(name, _registered, n=3, cutoff=0.5)
    guess = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    known = ", ".join(sorted(_registered))
    raise ValueError(f"No benchmark is called {name!r}.{guess} There are: {known}.")
