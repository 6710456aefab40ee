"""The camera's thread with sources that end, go away, or wait to be asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from cil_nodes.datasets.frames import Frame, FrameSource, SourceError
from cil_nodes.ros import frame_loop
from cil_nodes.ros.frame_loop import FrameLoop


class Reel(FrameSource):
    """Plays numbered frames; with ``forever`` without end, as a device does."""

    def __init__(self, count: int, forever: bool = False) -> None:
        self.left, self.forever, self.closed = count, forever, False

    def next_frame(self) -> Frame | None:
        if not self.left:
            return None
        self.left -= 1
        stamp = time.time_ns() if self.forever else None
        return Frame(np.zeros((2, 2, 3), np.uint8), None, stamp, str(self.left))

    def close(self) -> None:
        self.closed = True


class Desk(Reel):
    can_show = True
    objects = ("mug",)

    def show(self, label: str, views: int = 1, fresh_backdrop: bool = False) -> int:
        self.left += views
        return views


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, f"waited 10 s for {what}"
        threading.Event().wait(0.005)


class Rig:
    def __init__(self, *sources: FrameSource | None, rate: float = 1000.0, live: bool = False):
        self.sources = list(sources)
        self.frames: list[str] = []
        self.times: list[float] = []
        self.said: list[str] = []
        self.loop = FrameLoop(
            self._open, self._take, lambda: rate, self.said.append, live=live, retry=0.02
        )

    def _open(self) -> FrameSource:
        source = self.sources.pop(0) if self.sources else None
        if source is None:
            raise SourceError("There is no camera 0.")
        return source

    def _take(self, frame: Frame) -> None:
        self.frames.append(frame.name)
        self.times.append(time.monotonic())

    def __enter__(self) -> Rig:
        self.loop.open()
        self.loop.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.close()


def test_every_frame_comes_in_order_and_the_end_is_told_once() -> None:
    reel = Reel(20)
    with Rig(reel) as rig:
        until(lambda: bool(rig.said), "the end to be told")
        assert rig.frames == [str(n) for n in reversed(range(20))]
    assert rig.said == ["The source has no more frames. Set the parameter 'loop' to start over."]
    assert reel.closed


def test_no_more_than_the_rate() -> None:
    with Rig(Reel(6), rate=50.0) as rig:
        until(lambda: len(rig.frames) == 6, "six frames")
    assert rig.times[-1] - rig.times[0] >= 4.5 / 50  # a late frame may be caught up with


def test_a_fast_device_is_thinned_out_not_delayed() -> None:
    with Rig(Reel(10**9, forever=True), rate=100.0, live=True) as rig:
        until(lambda: len(rig.frames) >= 5, "five frames")
        first, last = int(rig.frames[0]), int(rig.frames[4])
    assert first - last > 5, "frames in between are skipped"


def test_nothing_is_shown_until_asked_and_then_exactly_that() -> None:
    with Rig(Desk(0)) as rig:
        assert rig.loop.show("mug", 3, False) == 3
        assert rig.frames == [], "held back until the answer is out"
        rig.loop.release()
        until(lambda: len(rig.frames) == 3, "three views")
        rig.loop.show("mug", 2, True)
        rig.loop.release()
        until(lambda: len(rig.frames) == 5, "two more views")
    assert len(rig.frames) == 5
    assert rig.said == []


def test_a_device_that_goes_is_opened_again() -> None:
    with Rig(None, Reel(2, True), None, Reel(2, True), live=True, rate=1e6) as rig:
        until(lambda: len(rig.said) >= 4, "the camera to be back again")
        until(lambda: len(rig.frames) >= 2, "frames of the second")
    again = "Trying again in 0.02 s, then at least every 10 s."
    assert rig.said[0] == f"There is no camera 0. {again}"
    assert rig.said[1] == rig.said[3] == "The camera is back: frames come again."
    assert again in rig.said[2]


def test_a_device_that_opens_but_sends_nothing_is_not_back() -> None:
    empty = [Reel(0, True) for _ in range(3)]
    with Rig(Reel(1, True), *empty, Reel(10**9, True), live=True) as rig:
        until(lambda: len(rig.said) >= 2, "the camera to be back")
    assert "has no more frames" in rig.said[0]
    assert rig.said[1:2] == ["The camera is back: frames come again."]
    assert all(reel.closed for reel in empty)


def test_attempts_come_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_loop, "SLOWEST", 0.08)
    rig, paused = Rig(None, live=True), []
    wait = rig.loop._stop.wait
    rig.loop._stop.wait = lambda s=None: paused.append(s) or wait(0.001)  # type: ignore[method-assign]
    with rig:
        until(lambda: len(paused) >= 5, "five attempts")
    assert paused[:5] == [0.02, 0.04, 0.08, 0.08, 0.08]


def test_a_source_that_should_loop_is_opened_again_when_it_ends() -> None:
    ended, renewed = Reel(1), Reel(1)
    ended.endless = True
    with Rig(ended, renewed) as rig:
        until(lambda: len(rig.frames) == 2, "the frame of the second")
        until(lambda: len(rig.said) == 3, "its end to be told")
    assert ended.closed
    assert [text.partition(":")[0] for text in rig.said[1:2]] == ["The camera is back"]


def test_anything_else_that_cannot_be_opened_is_an_error_at_once() -> None:
    with pytest.raises(SourceError, match="no camera 0"):
        Rig(None).loop.open()


def test_a_bad_frame_is_told_and_the_next_one_comes() -> None:
    class Scratched(Reel):
        def next_frame(self) -> Frame | None:
            frame = super().next_frame()
            if frame is not None and frame.name == "2":
                raise OSError("unreadable")
            return frame

    with Rig(Scratched(4)) as rig:
        until(lambda: len(rig.said) == 2, "the bad frame and the end to be told")
    assert rig.said[0] == "A frame was lost: OSError: unreadable"
    assert rig.frames == ["3", "1", "0"]


def test_it_can_be_stopped_and_started_again() -> None:
    rig = Rig(Desk(0))
    with rig:
        rig.loop.stop()
        rig.loop.show("mug", 1, False)
        rig.loop.start()
        rig.loop.release()
        until(lambda: len(rig.frames) == 1, "a view after the second start")
