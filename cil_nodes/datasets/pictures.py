"""Frames from pictures on disk: a folder, a folder for each class, a data set."""

from __future__ import annotations

import itertools
import warnings
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .frames import CannotShowError, Frame, FrameSource, SourceError, bgr_to_rgb, existing_path
from .images import DatasetError, ImageDataset
from .turntable import NoSuchObjectError

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm"}
)


class FolderSource(FrameSource):
    """The pictures of a folder in the order of their names; broken ones are skipped and named.

    Parameters
    ----------
    path : str or Path
    loop : bool
        Begin again at the end.
    """

    def __init__(self, path: str | Path, loop: bool = False) -> None:
        self.path = existing_path(path, folder=True)
        self.endless = self._loop = loop
        self._files = _images_in(self.path)
        if not self._files:
            raise SourceError(
                f"The folder {self.path} holds no pictures ({_suffixes()}). Remedy: name the "
                "folder that holds the pictures themselves; for a folder per class use "
                f"classes:{self.path}."
            )
        self._waiting = deque(self._files)

    @property
    def ending(self) -> str:
        """What to say at the end."""
        if not self.endless:
            return super().ending
        return (
            f"None of the {len(self._files)} pictures of {self.path} can be read any more: was the "
            "folder emptied, or a disk taken out?"
        )

    def next_frame(self) -> Frame | None:
        """Read the next picture that can be read; None at the end."""
        for _ in range(len(self._files)):
            if not self._waiting and self._loop:
                self._waiting.extend(self._files)
            if not self._waiting:
                return None
            file = self._waiting.popleft()
            image = read_image(file)
            if image is not None:
                return Frame(image, None, None, file.name)
        return None


@dataclass(frozen=True)
class Labelled:
    """One labelled picture that is read when it is needed."""

    name: str
    label: str
    read: Callable[[], NDArray[np.uint8] | None]


class LabelledSource(FrameSource):
    """Labelled pictures, played in order or shown on request.

    Parameters
    ----------
    pictures : sequence of Labelled
    fresh : sequence of Labelled, optional
        Pictures for ``show(..., fresh_backdrop=True)``: a test split.
    loop, shuffle, seed : bool, bool, int
        Begin again at the end; play in random order, drawn from the seed.
    on_request : bool
        Send a frame only when :meth:`show` asks for it.
    """

    def __init__(
        self,
        pictures: Sequence[Labelled],
        fresh: Sequence[Labelled] = (),
        *,
        loop: bool = False,
        shuffle: bool = False,
        seed: int = 0,
        on_request: bool = False,
    ) -> None:
        order = np.arange(len(pictures))
        if shuffle:
            np.random.default_rng(seed).shuffle(order)
        self._all = [pictures[int(i)] for i in order]
        self.objects = tuple(sorted({p.label for p in [*pictures, *fresh]}))
        self.can_show = on_request
        self.endless = self._loop = loop and not on_request
        self._waiting = deque(() if on_request else self._all)
        self._stock = {False: _by_label(self._all), True: _by_label(fresh)} if on_request else {}

    @property
    def ending(self) -> str:
        """What to say at the end."""
        if not self.endless:
            return super().ending
        return f"None of the {len(self._all)} labelled pictures can be read any more."

    def show(self, label: str, views: int = 1, fresh_backdrop: bool = False) -> int:
        """Queue the next pictures of a class, of the test split for ``fresh_backdrop``.

        No picture comes twice in one call; later calls go round.
        """
        if not self.can_show:
            return super().show(label, views, fresh_backdrop)
        if label not in self.objects:
            raise NoSuchObjectError(label, self.objects, pictures=True)
        stock = self._stock[fresh_backdrop][label]
        if not stock:
            missing = "for testing; leave fresh_backdrop out" if fresh_backdrop else "for teaching"
            raise CannotShowError(f"There are no pictures of {label!r} {missing}.")
        queued = min(views, len(stock))
        self._waiting.extend(itertools.islice(stock, queued))
        stock.rotate(-queued)  # the next call goes on behind these, and begins again at the end
        return queued

    def next_frame(self) -> Frame | None:
        """Read the next picture that can be read; None when there is none."""
        for _ in range(max(len(self._all), len(self._waiting))):
            if not self._waiting and self._loop:
                self._waiting.extend(self._all)
            if not self._waiting:
                return None
            picture = self._waiting.popleft()
            image = picture.read()
            if image is not None:
                return Frame(image, picture.label, None, picture.name)
        return None


def open_classes(path: str | Path, **options: Any) -> LabelledSource:
    """Open a folder with a folder of pictures for each class, named for the class.

    Classes and pictures come in the order of their names. Options as for :class:`LabelledSource`.
    """
    root = existing_path(path, folder=True)
    folders = sorted(p for p in root.iterdir() if p.is_dir())
    pictures = [_labelled_file(root, file) for folder in folders for file in _images_in(folder)]
    if not pictures:
        raise SourceError(
            f"The folder {root} holds no folders of pictures ({_suffixes()}). Remedy: make one "
            f"folder for each class, such as {root}/mug/1.jpg; for pictures without classes use "
            f"folder:{root}."
        )
    return LabelledSource(pictures, **options)


def _labelled_file(root: Path, file: Path) -> Labelled:
    return Labelled(str(file.relative_to(root)), file.parent.name, lambda: read_image(file))


def open_named(
    name: str, *, data_dir: str | Path | None = None, on_request: bool = False, **options: Any
) -> LabelledSource:
    """Open a data set by name, ``NAME`` or ``NAME:SPLIT`` (train unless said).

    With ``on_request`` both splits stand ready: :meth:`LabelledSource.show` takes pictures of the
    named split, and of the test split for ``fresh_backdrop``. Other options as for
    :class:`LabelledSource`.
    """
    from .reading import open_dataset

    base, split = name, "train"
    if ":" in name and name.rpartition(":")[2] in ("train", "val", "test", "all"):
        base, _, split = name.rpartition(":")
    pictures = _of_dataset(open_dataset(base, split, data_dir=data_dir), split)
    fresh: list[Labelled] = []
    if on_request:
        fresh = _of_dataset(open_dataset(base, "test", data_dir=data_dir), "test")
    return LabelledSource(pictures, fresh, on_request=on_request, **options)


def _of_dataset(dataset: ImageDataset, split: str) -> list[Labelled]:
    def reader(i: int) -> Callable[[], NDArray[np.uint8] | None]:
        return lambda: _whole_or_none(dataset, i)

    return [
        Labelled(f"{dataset.name}/{split}/{i}", label, reader(i))
        for i, label in enumerate(dataset.labels)
    ]


def _whole_or_none(dataset: ImageDataset, i: int) -> NDArray[np.uint8] | None:
    """Read one picture; a broken one gives None and a warning that names it."""
    try:
        return dataset.images[i]
    except DatasetError as error:
        warnings.warn(f"Skipped picture {i} of {dataset.name}: {error}", stacklevel=2)
        return None


def read_image(path: str | Path) -> NDArray[np.uint8] | None:
    """Read a picture as (height, width, 3) uint8 RGB; a broken one gives None and a warning."""
    try:
        data = np.fromfile(path, dtype=np.uint8)  # OpenCV's own reader fails on some file names
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    except (OSError, cv2.error):
        image = None
    if image is None:
        warnings.warn(f"Skipped {path}: not a readable picture.", stacklevel=2)
        return None
    return bgr_to_rgb(image)


def _by_label(pictures: Sequence[Labelled]) -> defaultdict[str, deque[Labelled]]:
    stock: defaultdict[str, deque[Labelled]] = defaultdict(deque)
    for picture in pictures:
        stock[picture.label].append(picture)
    return stock


def _images_in(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file())


def _suffixes() -> str:
    return ", ".join(sorted(IMAGE_SUFFIXES))
