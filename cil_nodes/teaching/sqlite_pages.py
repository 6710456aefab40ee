"""Rows out of a torn SQLite file, page by page.

SQLite itself finds a row through the pages above it, and gives up where one of those is torn. Here
every page of the file is looked at by itself: a leaf of a table holds whole rows, whatever became
of the rest. Format: https://www.sqlite.org/fileformat2.html, sections 1.6 (b-tree pages), 2.1
(record format) and 4.1 (write-ahead log).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLE_LEAF, INDEX_LEAF = 0x0D, 0x0A
_WAL_HEADER, _FRAME_HEADER = 32, 24
_PAGE_SIZES = tuple(2**power for power in range(9, 17))
_DEFAULT_PAGE = 4096
_MAX_PAYLOAD = 2**26  # bytes; a row that claims more is torn


class TornRow(Exception):  # noqa: N818 - a finding; the row is left out
    """The bytes of a row make no sense."""


@dataclass(frozen=True)
class RawRow:
    """A row as it lies in a leaf; ``rowid`` is 0 in a table without row ids."""

    rowid: int
    values: tuple[Any, ...]


class TornFile:
    """The pages of a SQLite file and of the write-ahead log beside it.

    Parameters
    ----------
    path : pathlib.Path
        The file; the log is expected at the same name with ``-wal``.
    """

    def __init__(self, path: Path) -> None:
        self._data = path.read_bytes() if path.is_file() else b""
        self.page_size = _page_size(self._data)
        self._newer = _pages_of_log(path.with_name(path.name + "-wal"), self.page_size)

    def rows(self) -> Iterator[RawRow]:
        """Return every row that can be read, in the order of pages; one may come more than once."""
        last = max([len(self._data) // self.page_size, *self._newer])
        for number in range(1, last + 1):
            page = self._page(number)
            start = 100 if number == 1 else 0  # the file begins with its header
            if len(page) > start + 8 and page[start] in (TABLE_LEAF, INDEX_LEAF):
                yield from self._rows_of(page, start)

    def _page(self, number: int) -> bytes:
        if number in self._newer:
            return self._newer[number]
        begin = (number - 1) * self.page_size
        return self._data[begin : begin + self.page_size]

    def _rows_of(self, page: bytes, start: int) -> Iterator[RawRow]:
        count = int.from_bytes(page[start + 3 : start + 5], "big")
        for cell in range(min(count, self.page_size // 4)):
            place = start + 8 + 2 * cell
            pointer = int.from_bytes(page[place : place + 2], "big")
            try:
                yield self._cell(page, pointer, page[start] == TABLE_LEAF)
            except (TornRow, IndexError, struct.error, UnicodeDecodeError):
                continue

    def _cell(self, page: bytes, place: int, has_rowid: bool) -> RawRow:
        size, place = _varint(page, place)
        rowid = 0
        if has_rowid:
            rowid, place = _varint(page, place)
        if not 0 < size <= _MAX_PAYLOAD:
            raise TornRow
        return RawRow(rowid, _record(self._payload(page, place, size, has_rowid)))

    def _payload(self, page: bytes, place: int, size: int, is_table: bool) -> bytes:
        """Return a row's bytes, from the leaf and the pages into which it flows over."""
        usable = self.page_size
        most = usable - 35 if is_table else (usable - 12) * 64 // 255 - 23
        if size <= most:
            return _cut(page, place, size)
        least = (usable - 12) * 32 // 255 - 23
        local = least + (size - least) % (usable - 4)
        local = local if local <= most else least
        payload = bytearray(_cut(page, place, local))
        after = int.from_bytes(_cut(page, place + local, 4), "big")
        while len(payload) < size:
            overflow = self._page(after) if after else b""
            after = int.from_bytes(_cut(overflow, 0, 4), "big")
            payload += _cut(overflow, 4, min(usable - 4, size - len(payload)))
        return bytes(payload)


def _page_size(data: bytes) -> int:
    """Return the size of a page as the header says; SQLite's own where it says nonsense."""
    size = int.from_bytes(data[16:18], "big")
    size = 65536 if size == 1 else size
    return size if size in _PAGE_SIZES and data[:6] == b"SQLite" else _DEFAULT_PAGE


def _pages_of_log(path: Path, page_size: int) -> dict[int, bytes]:
    """Return the newest committed state of each page in a write-ahead log."""
    data = path.read_bytes() if path.is_file() else b""
    salts = data[16:24]
    pages: dict[int, bytes] = {}
    waiting: dict[int, bytes] = {}
    step = _FRAME_HEADER + page_size
    for begin in range(_WAL_HEADER, len(data) - step + 1, step):
        number, commits = struct.unpack_from(">II", data, begin)
        if data[begin + 8 : begin + 16] != salts:
            break  # left from before the log was begun again
        waiting[number] = data[begin + _FRAME_HEADER : begin + step]
        if commits:
            pages.update(waiting)
            waiting.clear()
    return pages


def _cut(data: bytes, begin: int, size: int) -> bytes:
    piece = data[begin : begin + size]
    if len(piece) != size:
        raise TornRow
    return piece


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """Return a number of 1 to 9 bytes and the place after it."""
    value = 0
    for step in range(8):
        byte = data[place + step]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + step + 1
    return value << 8 | data[place + 8], place + 9


def _record(payload: bytes) -> tuple[Any, ...]:
    """Return the values of a row."""
    end, place = _varint(payload, 0)
    if end > len(payload):
        raise TornRow
    kinds = []
    while place < end:
        kind, place = _varint(payload, place)
        kinds.append(kind)
    values = []
    for kind in kinds:
        size = _size_of(kind)
        values.append(_value(kind, _cut(payload, place, size)))
        place += size
    if place != len(payload):
        raise TornRow
    return tuple(values)


def _size_of(kind: int) -> int:
    if kind >= 12:
        return (kind - 12) // 2
    if kind in (10, 11):
        raise TornRow
    return (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)[kind]


def _value(kind: int, data: bytes) -> Any:
    if kind == 0:
        return None
    if kind <= 6:
        return int.from_bytes(data, "big", signed=True)
    if kind == 7:
        return struct.unpack(">d", data)[0]
    if kind in (8, 9):
        return kind - 8
    return data if kind % 2 == 0 else data.decode()
