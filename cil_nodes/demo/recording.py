"""Pictures out of the bag that the recorder wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rosbags.highlevel import AnyReader


def pictures_by_stamp(bag: Path) -> dict[int, bytes]:
    """Read the recorded pictures.

    Parameters
    ----------
    bag : Path
        Folder of the bag.

    Returns
    -------
    dict of int to bytes
        JPEGs by the stamp of the image in nanoseconds.
    """
    pictures: dict[int, bytes] = {}
    with AnyReader([bag]) as reader:
        wanted = [c for c in reader.connections if c.topic.endswith("image/compressed")]
        for connection, _, data in reader.messages(connections=wanted):
            message: Any = reader.deserialize(data, connection.msgtype)
            stamp = message.header.stamp
            pictures[stamp.sec * 1_000_000_000 + stamp.nanosec] = message.data.tobytes()
    return pictures
