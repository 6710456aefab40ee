"""Snapshots: for each version the file that answers, whole or not there at all."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cil_nodes.teaching.errors import StorageError

SUFFIX = ".safetensors"


class TornSnapshot(Exception):  # noqa: N818 - a finding, repaired by the caller
    """A snapshot file is missing or is not the one that the journal names."""


@dataclass(frozen=True)
class Snapshot:
    """A file in the snapshot folder, and the hash by which it is known to be whole."""

    name: str
    sha256: str


class SnapshotStore:
    """The folder of snapshots. A file appears under its name only when it is whole on the disk.

    Parameters
    ----------
    folder : pathlib.Path
        Made when it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StorageError(f"Cannot make {folder}: {error.strerror}.") from error

    def keep(self, source: Path, version: int) -> Snapshot:
        """Copy a finished file in under a name of its own; on the disk when it returns.

        Raises
        ------
        StorageError
            If there is no room or no permission; no part of it is left behind.
        """
        part = self.folder / f"v{version}.part"
        try:
            sha256 = _copy_hashed(source, part)
            name = f"v{version:06d}{SUFFIX}"
            os.replace(part, self.folder / name)
            _sync_folder(self.folder)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise StorageError(
                f"Cannot write a snapshot to {self.folder}: {error.strerror}. Make room on the "
                "disk; what was labelled is safe in the journal."
            ) from error
        return Snapshot(name, sha256)

    def path_of(self, name: str, sha256: str) -> Path:
        """Return the path of a whole snapshot.

        Raises
        ------
        TornSnapshot
            If it is missing or its content is not what was written.
        """
        path = self.folder / name
        if not name or not path.is_file():
            raise TornSnapshot(f"The snapshot {path} is missing.")
        if file_hash(path) != sha256:
            raise TornSnapshot(f"The snapshot {path} is not what was written.")
        return path

    def newest(self) -> int:
        """Return the highest version of which a file is here; 0 for none."""
        return max(self.versions(), default=0)

    def versions(self) -> dict[int, Path]:
        """Return the files by the version in their names."""
        files = {path.stem[1:]: path for path in self.folder.glob(f"v*{SUFFIX}")}
        return {int(number): path for number, path in files.items() if number.isdecimal()}

    def remove_others(self, keep: Iterable[str]) -> None:
        """Delete every file but those named: half-written ones and those of no version."""
        kept = set(keep)
        for path in self.folder.iterdir():
            if path.is_file() and path.name not in kept:
                path.unlink(missing_ok=True)


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _copy_hashed(source: Path, target: Path) -> str:
    """Copy to the disk itself, not only its cache; return the hash of what was copied."""
    with source.open("rb") as read, target.open("wb") as written:
        os.fchmod(written.fileno(), 0o600)
        shutil.copyfileobj(read, written, 1 << 20)
        written.flush()
        os.fsync(written.fileno())
    return file_hash(source)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
