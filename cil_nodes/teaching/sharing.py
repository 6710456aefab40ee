"""Model files handed out, and fetched, in pieces: merging without a shared disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cil_nodes.teaching.errors import BadModelFileError, NoSuchSharedModelError, StorageError
from cil_nodes.teaching.snapshots import file_hash

CHUNK = 1 << 20
"""Bytes of one piece at most; the bound of ``GetModelChunk.srv``."""

KEPT = 2
"""Handed-out models kept at a time: a new one does not cut off a peer that still reads."""


@dataclass(frozen=True)
class Chunk:
    """One piece of a model file, and what it belongs to; fields as in ``GetModelChunk.srv``."""

    snapshot: str
    sha256: str
    total_bytes: int
    data: bytes


class Shelf:
    """The folder of model files that others may read.

    Parameters
    ----------
    folder : pathlib.Path
        Made when it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, save: Callable[[Path], object]) -> str:
        """Have ``save(path)`` write a model; return the name under which it can be read."""
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            part = self.folder / "part"
            save(part)
            name = file_hash(part)
            part.replace(self.folder / name)
            (self.folder / name).touch()
            self._evict()
        except OSError as error:
            raise StorageError(
                f"Cannot keep a model for others in {self.folder}: {error.strerror}. Make room on "
                "the disk."
            ) from error
        return name

    def _evict(self) -> None:
        files = [path for path in self.folder.iterdir() if path.is_file()]
        files.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in files[KEPT:]:
            path.unlink(missing_ok=True)

    def read(self, name: str, offset: int) -> Chunk:
        """Return the piece that begins at ``offset``; empty at the end.

        Raises
        ------
        NoSuchSharedModelError
            If it is no longer here.
        """
        path = self.folder / Path(name).name
        if not name or not path.is_file():
            raise NoSuchSharedModelError(
                f"No model is handed out as {name!r} any more; ask without a name for a new one."
            )
        with path.open("rb") as file:
            file.seek(offset)
            return Chunk(name, name, path.stat().st_size, file.read(CHUNK))


def fetch(ask: Callable[[str, int], Chunk], path: Path, peer: str) -> Path:
    """Write a peer's model to ``path``, piece by piece.

    Parameters
    ----------
    ask : callable
        ``ask(snapshot, offset)`` returns a piece.
    peer : str
        Who is asked, for the message.

    Raises
    ------
    BadModelFileError
        If what came is not what was sent.
    """
    digest, chunk = hashlib.sha256(), ask("", 0)
    with path.open("wb") as file:
        done = 0
        while chunk.data:
            file.write(chunk.data)
            digest.update(chunk.data)
            done += len(chunk.data)
            if done >= chunk.total_bytes:
                break
            chunk = ask(chunk.snapshot, done)
    if done != chunk.total_bytes or digest.hexdigest() != chunk.sha256:
        raise BadModelFileError(
            f"The model of {peer} came torn: {done} of {chunk.total_bytes} bytes. Merge it again."
        )
    return path
