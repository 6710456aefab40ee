"""Frames from a camera or a video file, by OpenCV."""

from __future__ import annotations

import glob
import time
from pathlib import Path
from typing import Any

import cv2

from .frames import Frame, FrameSource, SourceError, bgr_to_rgb, existing_path


class DeviceSource(FrameSource):
    """A camera that OpenCV opens by its number.

    Parameters
    ----------
    number : int or str
        0 is the first camera, /dev/video0 on Linux.
    width, height : int, optional
        Size to ask for; refused where the camera answers with another.
    fps : float, optional
        Rate to ask for; the camera may keep its own.
    """

    endless = True

    @property
    def ending(self) -> str:
        """What to say when the camera has gone."""
        return f"{self._name} sends no more frames: is it unplugged, or taken by another program?"

    def __init__(
        self,
        number: int | str,
        width: int | None = None,
        height: int | None = None,
        fps: float | None = None,
    ) -> None:
        if not str(number).isdigit():
            raise SourceError(f"device:N takes a number such as device:0, got {number!r}.")
        self._name = f"device:{number}"
        self._capture = _quiet_capture(int(number))
        if not self._capture.isOpened():
            found = ", ".join(sorted(glob.glob("/dev/video*"))) or "none at all"
            raise SourceError(
                f"No camera answers at {self._name}. Video devices here: {found}. Remedy: plug the "
                "camera in, choose another number, or add your user to the group 'video'."
            )
        self._ask(width, height, fps)

    def _ask(self, width: int | None, height: int | None, fps: float | None) -> None:
        if fps:
            self._capture.set(cv2.CAP_PROP_FPS, fps)
        asked = ((cv2.CAP_PROP_FRAME_WIDTH, width), (cv2.CAP_PROP_FRAME_HEIGHT, height))
        for key, value in asked:
            if value:
                self._capture.set(key, value)
        got = tuple(int(self._capture.get(key)) for key, _ in asked)
        if any(value and value != answer for (_, value), answer in zip(asked, got, strict=True)):
            self.close()
            raise SourceError(
                f"{self._name} was asked for {width} x {height} pixels and answers with "
                f"{got[0]} x {got[1]}. Remedy: ask for a size that the camera has."
            )

    def next_frame(self) -> Frame | None:
        """Wait for the camera's next frame; None when it has gone."""
        good, image = self._capture.read()
        if not good:
            return None
        return Frame(bgr_to_rgb(image), None, time.time_ns(), self._name)

    def close(self) -> None:
        """Release the camera."""
        self._capture.release()


class VideoSource(FrameSource):
    """A video file, frame by frame, as fast as it is asked.

    Parameters
    ----------
    path : str or Path
    loop : bool
        Begin again at the end.
    """

    def __init__(self, path: str | Path, loop: bool = False) -> None:
        self.path = existing_path(path)
        self.endless = self._loop = loop
        self._number = 0
        self._capture = _quiet_capture(str(self.path))
        self._first: Frame | None = self._read()
        if self._first is None:
            raise SourceError(
                f"{self.path} holds no video that OpenCV can read. Remedy: check the file, or "
                "convert it, for instance to MP4 with H.264."
            )

    @property
    def ending(self) -> str:
        """What to say at the end."""
        return f"{self.path} can no longer be read." if self.endless else super().ending

    @property
    def fps(self) -> float:
        """Frames a second that the file says, 0 where it says nothing."""
        return float(self._capture.get(cv2.CAP_PROP_FPS))

    def next_frame(self) -> Frame | None:
        """Decode the next frame; None at the end."""
        frame, self._first = self._first or self._read(), None
        if frame is None and self._loop:
            self._capture.release()
            self._capture, self._number = _quiet_capture(str(self.path)), 0
            frame = self._read()
        return frame

    def _read(self) -> Frame | None:
        good, image = self._capture.read()
        if not good:
            return None
        self._number += 1
        return Frame(bgr_to_rgb(image), None, None, f"{self.path.name}#{self._number - 1}")

    def close(self) -> None:
        """Close the file."""
        self._loop, self._first = False, None
        self._capture.release()


def _quiet_capture(what: int | str) -> cv2.VideoCapture:
    """Open a capture without OpenCV's own complaints, which would come before ours."""
    log: Any = cv2.utils.logging
    before = log.getLogLevel()
    log.setLogLevel(log.LOG_LEVEL_SILENT)
    try:
        return cv2.VideoCapture(what)
    finally:
        log.setLogLevel(before)
