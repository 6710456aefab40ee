"""Where the parts of a benchmark run: here, in processes beside us, or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

NAMES = ("loky", "dask", "ray")
"""What spreads parts: processes of this machine, a Dask cluster, a Ray cluster."""

Job = tuple[int, Callable[[], Any]]


class BackendError(RuntimeError):
    """A backend cannot be used; says what to install or to set."""


@dataclass(frozen=True)
class Backend:
    """How parts are spread.

    Attributes
    ----------
    name : {"loky", "dask", "ray"}
        See ``NAMES``.
    jobs : int
        Parts at the same time; 1 with loky runs them here, one after the other; -1 takes every
        core. A running cluster uses all of its workers, whatever is said here.
    address : str
        Scheduler of a running cluster; by default ``DASK_SCHEDULER_ADDRESS`` or ``RAY_ADDRESS``,
        and where that is empty workers of this machine, for the length of the run.
    """

    name: str = "loky"
    jobs: int = 1
    address: str = ""

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise BackendError(f"--backend {self.name}: choose one of {', '.join(NAMES)}.")
        if self.jobs == 0:
            raise BackendError("--jobs 0: at least one part must run; -1 takes every core.")

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Any]]:
        """Run jobs that do not depend on each other; yield (number, result) as each ends.

        Raises
        ------
        BackendError
            When the backend is not installed or its cluster does not answer.
        """
        if self.name == "loky" and self.jobs == 1:
            yield from ((number, function()) for number, function in jobs)
            return
        yield from _RUN[self.name](self, jobs)


def _on_loky(backend: Backend, jobs: Sequence[Job]) -> Iterator[tuple[int, Any]]:
    from joblib import Parallel, delayed

    spread = Parallel(n_jobs=backend.jobs, backend="loky", return_as="generator_unordered")
    yield from spread(delayed(_numbered)(number, function) for number, function in jobs)


def _numbered(number: int, function: Callable[[], Any]) -> tuple[int, Any]:
    return number, function()


# joblib can spread over Dask and Ray too, but hands results back only when the last one is there:
# a run that is interrupted would lose all of them.


def _on_dask(backend: Backend, jobs: Sequence[Job]) -> Iterator[tuple[int, Any]]:
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise BackendError(_missing("dask", "dask[distributed]")) from error
    with _dask_client(Client, backend) as client:
        futures = {client.submit(function, pure=False): number for number, function in jobs}
        for future in as_completed(list(futures)):
            yield futures[future], future.result()


def _dask_client(make: Any, backend: Backend) -> Any:
    address = backend.address or os.environ.get("DASK_SCHEDULER_ADDRESS", "")
    if not address:
        workers = os.cpu_count() if backend.jobs < 0 else backend.jobs
        return make(n_workers=workers, threads_per_worker=1, dashboard_address=":0")
    try:
        return make(address, timeout="5s")
    except OSError as error:
        raise BackendError(
            f"No Dask scheduler answers at {address}. Start one (`dask scheduler`), or leave the "
            "address out for a cluster of this machine."
        ) from error


def _on_ray(backend: Backend, jobs: Sequence[Job]) -> Iterator[tuple[int, Any]]:
    try:
        import ray
    except ImportError as error:
        raise BackendError(_missing("ray", "ray")) from error
    address = backend.address or os.environ.get("RAY_ADDRESS") or None
    cores = None if address or backend.jobs < 0 else backend.jobs
    try:
        ray.init(address=address, num_cpus=cores, include_dashboard=False, log_to_driver=False)
    except ConnectionError as error:
        raise BackendError(
            f"No Ray cluster answers at {address}. Start one (`ray start --head`), or leave the "
            "address out for a cluster of this machine."
        ) from error
    try:
        work = ray.remote(max_retries=0)(_called)
        futures = {work.remote(function): number for number, function in jobs}
        while futures:
            for future in ray.wait(list(futures))[0]:
                yield futures.pop(future), ray.get(future)
    finally:
        ray.shutdown()


def _called(function: Callable[[], Any]) -> Any:
    return function()


def _missing(name: str, package: str) -> str:
    return (
        f"--backend {name} needs a package that is not installed: pip install '{package}' (or "
        f"'cil-nodes[{name}]')."
    )


_RUN: dict[str, Callable[[Backend, Sequence[Job]], Iterator[tuple[int, Any]]]] = {
    "loky": _on_loky,
    "dask": _on_dask,
    "ray": _on_ray,
}
