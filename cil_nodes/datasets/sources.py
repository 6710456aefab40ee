"""Where frames come from: the simulator, a camera, a video, a folder, a data set.

One small interface for all of them, so that a camera node only has to ask for the next frame:

>>> with open_source("sim") as source:
...     queued = source.show("mug", views=2)
...     [frame.label for frame in source]
['mug', 'mug']
"""

from __future__ import annotations

import inspect
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

from .captures import DeviceSource, VideoSource
from .frames import CannotShowError, Frame, FrameSource, SourceError
from .pictures import FolderSource, LabelledSource, open_classes, open_named
from .stacks import StackSource
from .turntable import NoSuchObjectError, Turntable

__all__ = [
    "CannotShowError",
    "DeviceSource",
    "FolderSource",
    "Frame",
    "FrameSource",
    "LabelledSource",
    "NoSuchObjectError",
    "SimSource",
    "SourceError",
    "StackSource",
    "VideoSource",
    "accepted_options",
    "open_classes",
    "open_named",
    "open_source",
]

KINDS = (
    "sim",
    "device:N",
    "file:VIDEO",
    "folder:IMAGES",
    "classes:FOLDER_PER_CLASS",
    "dataset:NAME[:SPLIT]",
)


def open_source(spec: str, **options: Any) -> FrameSource:
    """Open a frame source by its name.

    Parameters
    ----------
    spec : str
        ``sim``, ``device:N``, ``file:PATH`` (a video, or a ``.npy`` stack of pictures),
        ``folder:PATH`` (pictures in the order of their names), ``classes:PATH`` (a folder for each
        class) or ``dataset:NAME[:SPLIT]`` (a data set that
        :func:`cil_nodes.datasets.open_dataset` knows).
    **options
        Arguments of the source's class: :class:`SimSource`, :class:`DeviceSource`,
        :class:`VideoSource`, :class:`StackSource`, :class:`FolderSource`, :func:`open_classes`,
        :func:`open_named`.

    Raises
    ------
    SourceError
        Unknown kind or option, or nothing there; the message names the remedy.
    """
    opener, place = _opener(spec)
    accepted = accepted_options(spec)
    wrong = sorted(set(options) - set(accepted))
    if wrong:
        raise SourceError(
            f"The frame source {spec!r} takes no option {', '.join(map(repr, wrong))}; it takes: "
            f"{', '.join(accepted)}."
        )
    return opener(*place, **options)


def accepted_options(spec: str) -> tuple[str, ...]:
    """Names of the options that a source takes, for callers that hold options for every kind."""
    opener, place = _opener(spec)
    own = inspect.signature(opener).parameters
    names = [n for n, p in own.items() if p.kind is not p.VAR_KEYWORD][len(place) :]
    if any(p.kind is p.VAR_KEYWORD for p in own.values()):
        names += [n for n in inspect.signature(LabelledSource).parameters if n not in _GIVEN]
    return tuple(dict.fromkeys(names))


def open_file(path: str, loop: bool = False) -> FrameSource:
    """Open a video, or a ``.npy`` stack of pictures."""
    return (StackSource if path.endswith(".npy") else VideoSource)(path, loop)


_GIVEN = ("pictures", "fresh")
_OPENERS: dict[str, Callable[..., FrameSource]] = {
    "device": DeviceSource,
    "file": open_file,
    "folder": FolderSource,
    "classes": open_classes,
    "dataset": open_named,
}


def _opener(spec: str) -> tuple[Callable[..., FrameSource], list[str]]:
    """What opens the source, and the part of the name that it is given."""
    kind, _, place = spec.partition(":")
    if spec == "sim":
        return SimSource, []
    if kind not in _OPENERS or not place:
        raise SourceError(f"There is no frame source {spec!r}. Use one of: {', '.join(KINDS)}.")
    return _OPENERS[kind], [place]


class SimSource(FrameSource):
    """The simulated turntable: frames come when :meth:`show` asks for them.

    Parameters
    ----------
    seed : int
        Of the things and of their views; equal calls on equal seeds give equal frames.
    width, height : int
        Size of the frames in pixels.
    """

    can_show = True

    def __init__(self, seed: int = 0, width: int = 320, height: int = 240) -> None:
        self.turntable = Turntable(seed=seed, width=width, height=height)
        self.objects = self.turntable.objects
        self._seed = seed
        self._queue: deque[tuple[str, str, int]] = deque()
        self._drawn: defaultdict[tuple[str, str], int] = defaultdict(int)

    def show(self, label: str, views: int = 1, fresh_backdrop: bool = False) -> int:
        """Queue new views of a thing; a later call goes on where the last one ended."""
        if label and label not in self.objects:
            raise NoSuchObjectError(label, self.objects)
        split = "fresh" if fresh_backdrop else "teach"
        for _ in range(views):
            self._queue.append((label, split, self._drawn[label, split]))
            self._drawn[label, split] += 1
        return views

    def next_frame(self) -> Frame | None:
        """Draw the next view that was asked for; None when all were drawn."""
        if not self._queue:
            return None
        label, split, index = self._queue.popleft()
        image = self.turntable.view(label, index, split=split, seed=self._seed)
        return Frame(image, label, None, f"sim/{label or 'empty'}/{split}/{index}")
