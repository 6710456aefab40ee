"""A folder of folders: one for each class, named for it, with its pictures."""

from __future__ import annotations

from pathlib import Path

from cil_nodes.datasets.images import (
    DatasetError,
    DatasetMissingError,
    ImageDataset,
    LazyImages,
    decode,
    fingerprint,
)

PICTURE_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".tif", ".tiff"})
_SPLITS = ("train", "val", "test")


def read_folders(path: Path, split: str = "all") -> ImageDataset:
    """Return the pictures below a folder; the name of each inner folder is a label.

    Parameters
    ----------
    path
        ``path/<class>/*.jpg``, or ``path/<split>/<class>/*.jpg``.
    split
        ``all`` reads the first form; ``train``, ``val`` and ``test`` the second. Pictures are
        never split here: neighbours in a folder are often neighbours in a video.

    Raises
    ------
    DatasetMissingError
        When the folder does not exist.
    DatasetError
        When it has no pictures, or no folder of the split.
    """
    if not path.is_dir():
        raise DatasetMissingError(f"There is no folder {path}.")
    root = path if split == "all" else path / split
    if not root.is_dir():
        raise DatasetError(
            f"{path} has no folder {split!r}, so it has no such split. "
            "Make one, or read all of it with split='all'."
        )
    if split == "all" and any((path / name).is_dir() for name in _SPLITS):
        raise DatasetError(f"{path} is split into {', '.join(_SPLITS)}: name the split to read.")
    pictures = find_pictures(root)
    labels = [file.parent.name for file in pictures]
    return ImageDataset(
        name=path.resolve().name,
        images=LazyImages(len(pictures), lambda i: decode(pictures[i].read_bytes(), pictures[i])),
        labels=labels,
        split=split,
        data_hash=fingerprint(pictures, root, split),
        classes=tuple(sorted(set(labels))),
    )


def find_pictures(root: Path) -> list[Path]:
    """Return the pictures in the folders of `root`, in order of folder and name.

    Raises
    ------
    DatasetError
        When there are none.
    """
    pictures = sorted(
        file
        for folder in root.iterdir()
        if folder.is_dir() and not folder.name.startswith(".")
        for file in folder.iterdir()
        if file.suffix.lower() in PICTURE_ENDINGS
    )
    if not pictures:
        raise DatasetError(
            f"No pictures in {root}: expected {root}/<class>/<picture>, with one of the endings "
            f"{', '.join(sorted(PICTURE_ENDINGS))}."
        )
    return pictures
