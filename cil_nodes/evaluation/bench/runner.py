"""Runs benchmarks: parts that are kept, progress, one result file a run."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation import canonical, environment
from cil_nodes.evaluation.bench.records import Record
from cil_nodes.evaluation.bench.registry import Bench, find

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class BenchResult:
    """What a benchmark returns.

    Attributes
    ----------
    records : tuple of Record
        Its figures; command, commit and machine are filled in by the runner.
    configuration : mapping
        Everything needed to repeat it.
    details : mapping
        What stands behind the figures, such as the figures of each seed. ``curves`` maps names to
        one list of accuracies by phase for each seed, and is drawn.
    """

    records: tuple[Record, ...]
    configuration: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


def parts_folder(name: str) -> Path:
    """Folder of a benchmark's finished parts, in the cache."""
    from cil_nodes.encoders.cache import cache_folder

    return cache_folder() / "bench" / name


@cache
def code_hash(parts: tuple[str, ...]) -> str:
    """Hash of the source files of parts of this package: other code, other result.

    Parameters
    ----------
    parts : tuple of str
        Folders and files inside ``cil_nodes``.

    Raises
    ------
    FileNotFoundError
        For a part that does not exist: it would never make anything stale.
    """
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    for part in sorted(parts):
        whole = root / part
        if not whole.exists():
            raise FileNotFoundError(f"{whole}: there is no such part of the package.")
        for path in sorted(whole.rglob("*.py")) if whole.is_dir() else [whole]:
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


class Context:
    """What a benchmark works in.

    Parameters
    ----------
    entry : Bench
        The benchmark.
    seeds : sequence of int
        Seeds to run.
    folder : Path
        Where finished parts are kept.
    quiet : bool
        No progress bar.
    """

    def __init__(
        self, entry: Bench, seeds: Sequence[int], folder: Path, quiet: bool = False
    ) -> None:
        self.entry, self.seeds, self.folder, self._quiet = entry, tuple(seeds), folder, quiet

    @cached_property
    def _bar(self) -> Any:
        from tqdm import tqdm

        shape = "{desc:<44.44} {percentage:3.0f}% |{bar:24}| {elapsed}, left {remaining}"
        return tqdm(total=1.0, disable=self._quiet or None, bar_format=shape)

    def progress(self, fraction: float, words: str) -> None:
        """Show how much of the benchmark is done, and what is being done."""
        self._bar.set_description_str(f"{self.entry.name}: {words}", refresh=False)
        self._bar.n = min(max(fraction, 0.0), 1.0)
        self._bar.refresh()

    def close(self) -> None:
        """End the progress bar."""
        self._bar.close()

    def stage(self, part: int, parts: int) -> Callable[[float, str], None]:
        """Return a progress callback for part number ``part`` of ``parts``."""
        return lambda fraction, words: self.progress((part + fraction) / parts, words)

    def part(
        self,
        key: Mapping[str, Any],
        compute: Callable[[], Mapping[str, Any]],
        code: tuple[str, ...] = ("learners", "encoders", "datasets", "evaluation"),
    ) -> dict[str, Any]:
        """Return a part of the result: computed, or taken from an earlier run of the same code.

        Parameters
        ----------
        key : mapping
            Configuration of the part; another configuration is another part.
        compute : callable
            Does the work; returns what JSON can hold.
        code : tuple of str
            Folders and files of the package whose change makes the part stale.
        """
        path = self._path(key, code, "json")
        if path.is_file():
            return json.loads(path.read_text(encoding="utf-8"))["result"]
        result = canonical.plain(dict(compute()))
        canonical.write(path, {"key": dict(key), "result": result})
        return result

    def arrays(
        self,
        key: Mapping[str, Any],
        compute: Callable[[], Arrays],
        code: tuple[str, ...] = ("encoders", "datasets"),
    ) -> Arrays:
        """Like :meth:`part`, for arrays such as features."""
        path = self._path(key, code, "npz")
        if path.is_file():
            with np.load(path, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        made, buffer = compute(), io.BytesIO()
        np.savez(buffer, **made)  # type: ignore[arg-type]
        canonical.write_bytes(path, buffer.getvalue())
        return made

    def _path(self, key: Mapping[str, Any], code: tuple[str, ...], ending: str) -> Path:
        whole = canonical.dumps({"key": dict(key), "code": code_hash(code)})
        name = hashlib.sha256(whole.encode()).hexdigest()[:20]
        return self.folder / f"{name}.{ending}"


def seeds_of(entry: Bench, seeds: int | None) -> range:
    """Return the seeds to run: as many as asked for, or the benchmark's own number."""
    number = entry.seeds if seeds is None else seeds
    if number < 1:
        raise ValueError(f"--seeds {number}: at least one seed is needed.")
    return range(entry.first_seed, entry.first_seed + number)


def estimate(name: str, seeds: int | None = None) -> str:
    """Say what a run would do, and how long it takes on two cores.

    Parameters
    ----------
    name : str
        The benchmark.
    seeds : int, optional
        As given to :func:`run`.
    """
    entry = find(name)
    number = len(seeds_of(entry, seeds))
    kept = len(list(parts_folder(name).glob("*.json")))
    minutes = entry.minutes * number / entry.seeds
    return (
        f"{name}: {entry.summary}\n  {number} seeds, about {minutes:.1f} min on two cores; "
        f"{kept} finished parts are kept and used where they fit"
    )


def run(
    name: str, docs: Path, seeds: int | None = None, fresh: bool = False, quiet: bool = False
) -> str:
    """Run a benchmark and write its result file.

    Parameters
    ----------
    name : str
        The benchmark.
    docs : Path
        The result goes to ``benchmarks/<name>.json`` in here.
    seeds : int, optional
        Number of seeds; by default the benchmark's own.
    fresh : bool
        Drop finished parts of earlier runs first.
    quiet : bool
        No progress bar.

    Returns
    -------
    str
        What came out, for people.
    """
    entry = find(name)
    wanted = seeds_of(entry, seeds)
    kept = parts_folder(name)
    if fresh:
        shutil.rmtree(kept, ignore_errors=True)
    context = Context(entry, wanted, kept, quiet)
    try:
        result = entry.run(context)
    finally:
        context.close()
    records = [_stamped(record, name, len(wanted), entry) for record in result.records]
    path = canonical.write(
        Path(docs) / "benchmarks" / f"{name}.json",
        {
            "name": name,
            "summary": entry.summary,
            "minutes_on_two_cores": entry.minutes,
            "configuration": dict(result.configuration),
            "versions": environment.package_versions(),
            "records": [record.plain() for record in records],
            "details": dict(result.details),
        },
    )
    return "\n".join([*map(_line, records), f"  written to {path}"])


def _stamped(record: Record, name: str, seeds: int, entry: Bench) -> Record:
    more = "" if seeds == entry.seeds else f" --seeds {seeds}"
    return replace(
        record,
        command=f"cil bench run {name}{more}",
        commit=environment.git_commit()[:7],
        machine=environment.machine(),
    )


def _line(record: Record) -> str:
    spread = f" ± {record.spread:g}" if record.spread is not None else ""
    verdict = {True: "met", False: "MISSED", None: ""}[record.met]
    goal = "" if record.goal == "reported" else f"goal {record.goal} {verdict}"
    return f"  {record.id:<40} {record.value}{spread} {record.unit:<4} {goal}".rstrip()
