"""What every frame source has in common: the frame, the interface, the errors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray


class SourceError(ValueError):
    """A frame source cannot be opened or does not exist; the message says what to do."""


class MissingPackageError(SourceError, ImportError):
    """A package that the source needs is not installed."""


class CannotShowError(SourceError):
    """The source plays what it has in its own order and cannot be asked for an object."""


@dataclass(frozen=True)
class Frame:
    """One picture.

    Attributes
    ----------
    image : (height, width, 3) uint8 RGB
    label : str or None
        What it shows, where that is known; "" for an empty turntable, None for not known.
    stamp_ns : int or None
        When it was taken, in nanoseconds since 1970, where the source is a live camera.
    name : str
        Which picture of the source it is: a file, a frame number, a view.
    """

    image: NDArray[np.uint8]
    label: str | None
    stamp_ns: int | None
    name: str


class FrameSource(ABC):
    """Something that yields frames one after another.

    Attributes
    ----------
    can_show : bool
        Whether :meth:`show` puts an object before the camera.
    objects : tuple of str
        What there is to show, or the labels that occur; empty where not known.
    endless : bool
        Whether frames should never end, so that an end is a fault and trying again makes sense.
    """

    can_show: bool = False
    objects: tuple[str, ...] = ()
    endless: bool = False

    @property
    def ending(self) -> str:
        """What to say when the frames have ended."""
        return "The source has no more frames. Set the parameter 'loop' to start over."

    @abstractmethod
    def next_frame(self) -> Frame | None:
        """Return the next frame; None when there is none left, or none asked for."""

    def show(self, label: str, views: int = 1, fresh_backdrop: bool = False) -> int:
        """Put an object before the camera and queue views of it.

        Parameters
        ----------
        label : str
            One of ``objects``; the simulator takes "" for an empty table.
        views : int
            How many frames to queue.
        fresh_backdrop : bool
            Frames that teaching never uses: other backdrops, or a data set's test split.

        Returns
        -------
        int
            Frames queued; fewer than asked for where a data set has no more.

        Raises
        ------
        CannotShowError, NoSuchObjectError
        """
        raise CannotShowError(
            f"{type(self).__name__} plays its frames in its own order and cannot show "
            f"{label!r} on request. Remedy: use the source 'sim', or a source of labelled pictures "
            "(classes:PATH, dataset:NAME) with on_request=True."
        )

    def close(self) -> None:  # noqa: B027 - most sources hold nothing open
        """Give back what the source holds open; a second call does nothing."""

    def __iter__(self) -> Iterator[Frame]:
        while (frame := self.next_frame()) is not None:
            yield frame

    def __enter__(self) -> FrameSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def bgr_to_rgb(image: NDArray) -> NDArray[np.uint8]:
    """Return OpenCV's channel order as ours."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def existing_path(path: str | Path, *, folder: bool = False) -> Path:
    """Return the path of a file, or of a folder, or say that there is none."""
    found = Path(path).expanduser()
    if folder and not found.is_dir():
        raise SourceError(f"There is no folder {found}. Remedy: check the path.")
    if not folder and not found.is_file():
        raise SourceError(f"There is no file {found}. Remedy: check the path.")
    return found
