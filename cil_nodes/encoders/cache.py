"""The folder of what is made once and kept: ONNX graphs and features.

A file appears under its name only when it is whole, and a digest beside it tells a torn or foreign
file from ours. A lock that the system frees when its owner dies keeps two processes from making
the same file at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

_LOG = logging.getLogger(__name__)


def cache_folder(folder: str | os.PathLike[str] | None = None) -> Path:
    """Return the cache: `folder`, else ``$CIL_CACHE``, else ``~/.cache/cil``."""
    chosen = folder or os.environ.get("CIL_CACHE") or "~/.cache/cil"
    return Path(chosen).expanduser()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def seal(path: Path) -> None:
    """Write the digest of a finished file beside it."""
    write_atomically(_digest_file(path), f"{file_sha256(path)}  {path.name}\n".encode())


def is_sealed(path: Path) -> bool:
    """Tell whether a file is there, whole, and the one that was sealed."""
    with contextlib.suppress(OSError):
        return _digest_file(path).read_text(encoding="ascii").split()[:1] == [file_sha256(path)]
    return False


def made_once(path: Path, make: Callable[[], bytes]) -> Path:
    """Return a cached file, made by `make` where it is missing, torn or foreign."""
    if is_sealed(path):
        return path
    with locked(path):
        if is_sealed(path):
            return path
        if path.exists():
            _LOG.warning("%s is torn or not ours; it is made again.", path)
        write_atomically(path, make())
        seal(path)
    return path


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the only right, among processes, to write a cached file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _digest_file(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")
