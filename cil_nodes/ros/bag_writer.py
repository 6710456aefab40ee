"""Write an MCAP bag, laid out as rosbag2 does it, on a thread of its own.

The message definitions go into the file, so that Foxglove and ``ros2 bag`` read it anywhere.
Knows no node: topics and serialised messages come in, a folder comes out.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

Payload = bytes | Callable[[], bytes]
"""A serialised message, or what makes it when its turn comes (encoding, off the callbacks)."""

_FOREVER = QosTime(2147483647, 4294967295)


def next_free(folder: Path) -> Path:
    """Return ``folder``, or ``folder_2``, ``folder_3``, ... if it exists already."""
    number, candidate = 1, folder
    while candidate.exists():
        number += 1
        candidate = folder.with_name(f"{folder.name}_{number}")
    return candidate


def offered_qos(reliable: bool = True, latched: bool = False, depth: int = 10) -> Qos:
    """Return the profile written beside a topic, which ``ros2 bag play`` offers again."""
    return Qos(
        QosHistory.KEEP_LAST,
        depth,
        QosReliability.RELIABLE if reliable else QosReliability.BEST_EFFORT,
        QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        _FOREVER,
        _FOREVER,
        QosLiveliness.AUTOMATIC,
        _FOREVER,
        False,
    )


def message_types() -> Typestore:
    """Return the types of ROS 2 with those of cil_msgs, read from its installed texts."""
    store = get_typestore(Stores.ROS2_JAZZY)
    texts = Path(get_package_share_directory("cil_msgs")) / "msg"
    types = {}
    for path in sorted(texts.glob("*.msg")):
        types.update(get_types_from_msg(path.read_text("utf-8"), f"cil_msgs/msg/{path.stem}"))
    if not types:
        raise FileNotFoundError(
            f"{texts} holds no message texts; build cil_msgs again (colcon build, or ./cil)."
        )
    store.register(types)
    return store


class BagWriter:
    """One bag being written.

    Parameters
    ----------
    folder : Path
        The bag's folder; must not exist.
    waiting : int, default 512
        Messages that may wait for the disk; what comes when it is full is dropped and counted.
    on_error : callable
        Told once, in words, when writing fails (disk full); the bag is closed as far as it got.

    Attributes
    ----------
    written, dropped : int
    """

    def __init__(
        self,
        folder: Path,
        waiting: int = 512,
        on_error: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.folder = folder
        self.written = 0
        self.dropped = 0
        self._on_error = on_error
        self._types = message_types()
        self._writer = Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP)
        try:
            self._writer.open()
        except OSError as error:
            raise OSError(
                f"Cannot make the bag {folder}: {error.strerror}. Set `folder` (record:=FOLDER) to "
                "one that can be written."
            ) from error
        self._topics: dict[str, Connection] = {}
        self._queue: queue.Queue[tuple[str, int, Payload] | None] = queue.Queue(waiting)
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="bag-writer", daemon=True)

    def add_topic(self, topic: str, kind: str, offered: Qos) -> None:
        """Announce a topic of type ``kind`` (``pkg/msg/Name``); before `start`."""
        self._topics[topic] = self._writer.add_connection(
            topic, kind, typestore=self._types, offered_qos_profiles=[offered]
        )

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, topic: str, stamp_ns: int, payload: Payload) -> None:
        """Hand over a message received at ``stamp_ns``; never waits."""
        if self._failed:
            return
        try:
            self._queue.put_nowait((topic, stamp_ns, payload))
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Write what waits, then the index and ``metadata.yaml``."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        if self._writer.storage is not None:
            try:
                self._writer.close()
            except OSError as error:
                self._fail(error)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if self._failed:
                continue
            topic, stamp_ns, payload = item
            try:
                data = payload if isinstance(payload, bytes) else payload()
                self._writer.write(self._topics[topic], stamp_ns, data)
                self.written += 1
            except OSError as error:
                self._fail(error)
            except Exception as error:  # one message that cannot be encoded
                self.dropped += 1
                self._on_error(f"A message on {topic} was not recorded: {error}")

    def _fail(self, error: OSError) -> None:
        """Stop writing, once."""
        if not self._failed:
            self._failed = True
            self._on_error(
                f"Recording to {self.folder} stopped: {error}. Free space or set `folder` to "
                "another disk, then deactivate and activate the recorder."
            )
