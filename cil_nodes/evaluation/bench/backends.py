"""Where the parts of a benchmark run: here, in processes beside us, or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
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
        Parts at the same time; 1 with loky runs them here, one after the other. On a cluster -1
        takes all of its workers.
    address : str
        Scheduler of a running cluster; by default ``DASK_SCHEDULER_ADDRESS`` or ``RAY_ADDRESS``,
        and where that is empty a cluster of this machine, for the length of the run.
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
            for number, function in jobs:
                yield number, function()
            return
        from joblib import Parallel, delayed

        with ExitStack() as stack:
            how = _ENTER[self.name](self, stack)
            calls = [delayed(_numbered)(number, function) for number, function in jobs]
            yield from Parallel(return_as="generator_unordered", **how)(calls)


def _numbered(number: int, function: Callable[[], Any]) -> tuple[int, Any]:
    return number, function()


def _enter_loky(backend: Backend, stack: ExitStack) -> dict[str, Any]:
    return {"backend": "loky", "n_jobs": backend.jobs}


def _enter_dask(backend: Backend, stack: ExitStack) -> dict[str, Any]:
    try:
        from dask.distributed import Client
    except ImportError as error:
        raise BackendError(_missing("dask", "dask[distributed]")) from error
    address = backend.address or os.environ.get("DASK_SCHEDULER_ADDRESS", "")
    if address:
        try:
            client = Client(address, timeout="10s")
        except OSError as error:
            raise BackendError(
                f"No Dask scheduler answers at {address}. Start one (`dask scheduler`), or leave "
                "the address out for a cluster of this machine."
            ) from error
    else:
        workers = os.cpu_count() if backend.jobs < 0 else backend.jobs
        client = Client(n_workers=workers, threads_per_worker=1, dashboard_address=None)
    stack.enter_context(client)
    return {"backend": "dask", "n_jobs": -1}


def _enter_ray(backend: Backend, stack: ExitStack) -> dict[str, Any]:
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError as error:
        raise BackendError(_missing("ray", "ray")) from error
    address = backend.address or os.environ.get("RAY_ADDRESS") or None
    cores = None if address or backend.jobs < 0 else backend.jobs
    ray.init(address=address, num_cpus=cores, include_dashboard=False, log_to_driver=False)
    stack.callback(ray.shutdown)
    register_ray()
    return {"backend": "ray", "n_jobs": backend.jobs}


def _missing(name: str, package: str) -> str:
    return (
        f"--backend {name} needs a package that is not installed: pip install '{package}' (or "
        f"'cil-nodes[{name}]')."
    )


_ENTER: dict[str, Callable[[Backend, ExitStack], dict[str, Any]]] = {
    "loky": _enter_loky,
    "dask": _enter_dask,
    "ray": _enter_ray,
}
