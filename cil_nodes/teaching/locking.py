"""One owner for a session's folder: a lock file that names its holder."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
from contextlib import suppress
from pathlib import Path

import psutil

from cil_nodes.teaching.errors import FolderInUseError, StorageError


class FolderLock:
    """Holds ``folder/lock`` while it lives; a lock left by a process that died is taken over.

    The kernel's file lock decides, since it ends with its process. On a network disk it may not
    reach other machines: there the host written in the file counts as well.

    Parameters
    ----------
    folder : pathlib.Path
        An existing folder.

    Raises
    ------
    FolderInUseError
        If a living process, or one on another machine, holds the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lock"
        self.was_stale = False
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StorageError(f"Cannot write {self.path}: {error.strerror}.") from error
        try:
            self._take()
        except BaseException:
            os.close(self._file)
            raise

    def _take(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise StorageError(
                    f"Cannot lock {self.path}: {error.strerror}. Choose a folder on a local disk."
                ) from error
            raise FolderInUseError(
                f"The folder {self.path.parent} is in use by {self._holder_in_words()}. End that "
                "process, or give this session a folder of its own."
            ) from error
        holder = self._holder()
        elsewhere = holder and holder.get("host") != socket.gethostname()
        if elsewhere and _on_network_disk(self.path):
            raise FolderInUseError(
                f"The folder {self.path.parent} is in use by {self._holder_in_words()}. If that "
                f"machine is off, delete {self.path}."
            )
        self.was_stale = bool(holder)
        with suppress(OSError):  # on a full disk: the kernel's lock holds without a name in it
            self._write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))

    def _holder(self) -> dict:
        try:
            return dict(json.loads(os.pread(self._file, 4096, 0) or b"{}"))
        except (ValueError, TypeError):
            return {}

    def _holder_in_words(self) -> str:
        holder = self._holder()
        return f"process {holder.get('pid', '?')} on {holder.get('host', 'an unknown host')}"

    def _write(self, text: str) -> None:
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, text.encode(), 0)

    def release(self) -> None:
        """Give the folder free; a second call does nothing."""
        if self._file < 0:
            return
        # The file stays: removing it would let two others lock two different files.
        with suppress(OSError):
            self._write("")
        os.close(self._file)
        self._file = -1


def _on_network_disk(path: Path) -> bool:
    mounts = {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
    for folder in path.resolve().parents:
        if folder in mounts:
            return mounts[folder].startswith(("nfs", "cifs", "smb", "9p", "fuse.", "ceph"))
    return False
