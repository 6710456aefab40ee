"""What a benchmark works in: seeds, parts that are kept and spread, progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cil_nodes.evaluation.bench import kept
from cil_nodes.evaluation.bench.backends import Backend
from cil_nodes.evaluation.bench.registry import Bench

CODE = (
    "datasets",
    "encoders",
    "evaluation/detectors",
    "evaluation/metrics",
    "evaluation/peers",
    "evaluation/protocols",
    "evaluation/run_record.py",
    "evaluation/run_summary.py",
    "learners",
)
"""What the figures of a benchmark depend on, besides the benchmark's own module."""


@dataclass(frozen=True)
class Work:
    """One part of a benchmark that depends on no other.

    Attributes
    ----------
    key : mapping
        Configuration of the part; another configuration is another part.
    function : callable
        Does the work; returns what JSON can hold. It may run in another process or on another
        machine, so it should read its features by itself, from the cache.
    table : str
        The table it belongs to, one of the benchmark's ``budgets``; may be empty.
    code : tuple of str
        Folders and files of the package whose change makes it stale; empty for the learners, all
        that they are measured with, and the benchmark's own module.
    """

    key: Mapping[str, Any]
    function: Callable[[], Mapping[str, Any]]
    table: str = ""
    code: tuple[str, ...] = ()


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
    backend : Backend
        Where parts run.
    """

    def __init__(
        self,
        entry: Bench,
        seeds: Sequence[int],
        folder: Path,
        quiet: bool = False,
        backend: Backend | None = None,
    ) -> None:
        self.entry, self.seeds, self.folder, self._quiet = entry, tuple(seeds), folder, quiet
        self.backend = backend or Backend()

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
        code: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """Return a part of the result: computed here, or taken from an earlier run.

        Parameters
        ----------
        key, compute, code
            As in :class:`Work`.
        """
        work = Work(key, compute, code=code)
        path = self._path(work)
        found = kept.read_part(path)
        return kept.write_part(path, key, compute()) if found is None else found

    def parts(
        self,
        works: Sequence[Work | tuple[Mapping[str, Any], Callable[[], Mapping[str, Any]]]],
        words: str = "parts",
        span: tuple[float, float] = (0.0, 1.0),
    ) -> list[dict[str, Any]]:
        """Return parts that do not depend on each other, spread as the backend says.

        Each is kept the moment it is finished, so an interrupted run loses only what was running.

        Parameters
        ----------
        works : sequence of Work or (key, function)
            What to do; equal keys are worked out once.
        words : str
            What the progress bar calls them.
        span : tuple of float
            Where the progress bar stands before and after.

        Returns
        -------
        list of dict
            In the order of ``works``.
        """
        wanted = [work if isinstance(work, Work) else Work(*work) for work in works]
        paths = [self._path(work) for work in wanted]
        found = {path: kept.read_part(path) for path in dict.fromkeys(paths)}
        missing = {
            path: work for path, work in zip(paths, wanted, strict=True) if found[path] is None
        }
        before, start = len(found) - len(missing), span[0]
        share = (span[1] - span[0]) / max(len(found), 1)
        self.progress(start + before * share, f"{words}, {before} of {len(found)}")
        self._bar.initial = self._bar.n  # What was kept took no time: it would flatter "left".
        for done, (path, result) in enumerate(self._worked(missing), start=before + 1):
            found[path] = kept.write_part(path, missing[path].key, result)
            self.progress(start + done * share, f"{words}, {done} of {len(found)}")
        return [found[path] or {} for path in paths]

    def _worked(self, missing: Mapping[Path, Work]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        paths = list(missing)
        jobs = [(number, missing[path].function) for number, path in enumerate(paths)]
        for number, result in self.backend.run(jobs) if jobs else ():
            yield paths[number], result

    def is_kept(self, work: Work) -> bool:
        """Say whether a part was finished by an earlier run of the same code."""
        return self._path(work).is_file()

    def arrays(
        self,
        key: Mapping[str, Any],
        compute: Callable[[], kept.Arrays],
        code: tuple[str, ...] = ("encoders", "datasets"),
    ) -> kept.Arrays:
        """Like :meth:`part`, for arrays such as features."""
        path = kept.part_path(self.folder, key, code, "npz")
        found = kept.read_arrays(path)
        return kept.write_arrays(path, compute()) if found is None else found

    def _path(self, work: Work) -> Path:
        return kept.part_path(self.folder, work.key, work.code or self._code, "json")

    @cached_property
    def _code(self) -> tuple[str, ...]:
        """Source files behind this benchmark's figures."""
        own = Path(self.entry.run.__code__.co_filename).resolve()
        inside = own.is_relative_to(kept.ROOT)
        present = tuple(part for part in CODE if (kept.ROOT / part).exists())
        return (*present, own.relative_to(kept.ROOT).as_posix()) if inside else present
