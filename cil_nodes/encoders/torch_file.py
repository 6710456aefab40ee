"""Read a state dict from a PyTorch checkpoint without PyTorch, and without running its code.

A checkpoint of the time before PyTorch 1.6 is five pickles in a row (magic number, protocol
version, system information, the object, the keys of its storages), followed by each storage as a
64-bit count and raw values. The pickles are not unpickled: `pickletools.genops` only lists their
instructions, and the few that build plain containers are carried out here on plain values. Names
of functions stay names, so a file can describe tensors and do nothing else.
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from cil_nodes.encoders.errors import WeightsError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_STORAGES = {"torch FloatStorage": "<f4", "torch DoubleStorage": "<f8", "torch LongStorage": "<i8"}
_MARK = object()


@dataclass(frozen=True)
class _Name:
    """A ``module name`` that the pickle mentions; it is never imported."""

    text: str


@dataclass(frozen=True)
class _Storage:
    dtype: str
    key: str
    count: int


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_state_dict(path: Path) -> dict[str, NDArray[Any]]:
    """Return the tensors of a legacy PyTorch checkpoint by name.

    Parameters
    ----------
    path
        The file; check its hash before you trust what it says.

    Raises
    ------
    WeightsError
        When the file is cut short, of another format, or holds anything but tensors.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, struct.error) as problem:
        raise WeightsError(
            f"{path} cannot be read as a legacy PyTorch checkpoint ({problem}). "
            "Install its package again."
        ) from problem


def _read(file: BinaryIO) -> dict[str, NDArray[Any]]:
    magic, protocol, _system, described, keys = (_Machine().run(file) for _ in range(5))
    if magic != _MAGIC or protocol != _PROTOCOL:
        raise ValueError("the magic number is not that of a checkpoint")
    dtypes = {t.storage.key: t.storage.dtype for t in described.values()}
    storages = {key: _read_storage(file, dtypes[key]) for key in keys}
    return {name: _view(tensor, storages) for name, tensor in described.items()}


def _read_storage(file: BinaryIO, dtype: str) -> NDArray[Any]:
    (count,) = struct.unpack("<q", file.read(8))
    size = count * np.dtype(dtype).itemsize
    data = file.read(size)
    if len(data) != size:
        raise ValueError("the file ends within the values of a tensor")
    return np.frombuffer(data, dtype)


def _view(tensor: _Tensor, storages: dict[str, NDArray[Any]]) -> NDArray[Any]:
    """Lay a shape over a storage; weights that came from TensorFlow are stored transposed."""
    values = storages[tensor.storage.key]
    steps = zip(tensor.shape, tensor.strides, strict=True)
    last = tensor.offset + sum((length - 1) * step for length, step in steps)
    if min((tensor.offset, *tensor.shape, *tensor.strides), default=0) < 0 or last >= len(values):
        raise ValueError("a tensor reaches beyond its storage")
    strides = [step * values.itemsize for step in tensor.strides]
    view = np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, strides)
    return view.copy()


class _Machine:
    """Carries out the pickle instructions that build containers, numbers and text; no others."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, file: BinaryIO) -> Any:
        for opcode, argument, _ in pickletools.genops(file):
            if opcode.name == "STOP":
                return self.stack.pop()
            step = _STEPS.get(opcode.name)
            if step is None:
                raise ValueError(f"the instruction {opcode.name} is not allowed")
            step(self, argument)
        raise ValueError("a pickle does not end")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def since_mark(self) -> list[Any]:
        values: list[Any] = []
        while (value := self.stack.pop()) is not _MARK:
            values.append(value)
        return values[::-1]

    def pack(self, count: int) -> None:
        values = tuple(self.stack[-count:])
        del self.stack[-count:]
        self.push(values)

    def append(self, items: list[Any]) -> None:
        self.stack[-1].extend(items)

    def set_items(self, items: list[Any]) -> None:
        self.stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.stack[-1][key] = value

    def reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if function == _Name("collections OrderedDict") and arguments == ():
            self.push({})
        elif function == _Name("torch._utils _rebuild_tensor_v2"):
            storage, offset, shape, strides = arguments[:4]
            self.push(_Tensor(storage, offset, shape, strides))
        else:
            raise ValueError(f"it wants to call {function}")

    def persistent(self) -> None:
        kind, storage, key, _location, count, view = self.stack.pop()
        if kind != "storage" or view is not None:
            raise ValueError("it refers to something other than a whole storage")
        self.push(_Storage(_STORAGES[storage.text], key, count))


_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda m, a: None,
    "MARK": lambda m, a: m.push(_MARK),
    "NONE": lambda m, a: m.push(None),
    "NEWTRUE": lambda m, a: m.push(True),
    "NEWFALSE": lambda m, a: m.push(False),
    "EMPTY_DICT": lambda m, a: m.push({}),
    "EMPTY_LIST": lambda m, a: m.push([]),
    "EMPTY_TUPLE": lambda m, a: m.push(()),
    "TUPLE": lambda m, a: m.push(tuple(m.since_mark())),
    "TUPLE1": lambda m, a: m.pack(1),
    "TUPLE2": lambda m, a: m.pack(2),
    "TUPLE3": lambda m, a: m.pack(3),
    "APPEND": lambda m, a: m.append([m.stack.pop()]),
    "APPENDS": lambda m, a: m.append(m.since_mark()),
    "SETITEM": lambda m, a: m.set_item(),
    "SETITEMS": lambda m, a: m.set_items(m.since_mark()),
    "GLOBAL": lambda m, a: m.push(_Name(a)),
    "REDUCE": lambda m, a: m.reduce(),
    "BINPERSID": lambda m, a: m.persistent(),
    # The state of the outer dictionary: versions of its modules, of no use here.
    "BUILD": lambda m, a: m.stack.pop() and None,
    **dict.fromkeys(
        ("BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE"), lambda m, a: m.push(a)
    ),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), lambda m, a: m.memo.update({a: m.stack[-1]})),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda m, a: m.push(m.memo[a])),
}
