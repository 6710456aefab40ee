"""Frames from an array file: pictures that need no decoding, for tests and measurements."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .frames import Frame, FrameSource, SourceError, existing_path


class StackSource(FrameSource):
    """Pictures stacked in one ``.npy`` file, as ``numpy.save`` writes it.

    Parameters
    ----------
    path : str or Path
        An array of shape (n, height, width, 3), uint8, RGB; it is read as it is needed.
    loop : bool
        Begin again at the end.

    Raises
    ------
    SourceError
        When the file is no such array.
    """

    def __init__(self, path: str | Path, loop: bool = False) -> None:
        self.path = existing_path(path)
        self._loop = loop
        self._next = 0
        try:
            self._stack = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (ValueError, OSError) as error:
            raise SourceError(
                f"{self.path} is no array file: {error}. Remedy: write it with numpy.save."
            ) from error
        shape, kind = self._stack.shape, self._stack.dtype
        if kind != np.uint8 or len(shape) != 4 or shape[3] != 3 or 0 in shape:
            raise SourceError(
                f"{self.path} holds {kind} of shape {shape}; expected uint8 of shape "
                "(n, height, width, 3), RGB. Remedy: save the pictures so."
            )

    def next_frame(self) -> Frame | None:
        """Return the next picture of the stack; None at the end."""
        if self._next == len(self._stack):
            if not self._loop:
                return None
            self._next = 0
        number, self._next = self._next, self._next + 1
        return Frame(np.asarray(self._stack[number]), None, None, f"{self.path.name}#{number}")

    def close(self) -> None:
        """Play no more."""
        self._loop, self._next = False, len(self._stack)
