"""Open a dataset by its name; say what is missing where it is not there."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path

from cil_nodes.datasets.cifar import read_cifar
from cil_nodes.datasets.folders import read_folders
from cil_nodes.datasets.grocery import read_grocery
from cil_nodes.datasets.images import DatasetMissingError, ImageDataset
from cil_nodes.datasets.mnist import read_mnist

_READERS: dict[str, Callable[[str, Path], ImageDataset]] = {
    "grocery": read_grocery,
    "cifar100": lambda split, root: read_cifar("cifar100", split, root),
    "cifar10": lambda split, root: read_cifar("cifar10", split, root),
    "mnist": read_mnist,
}


def available_datasets() -> list[str]:
    """Return the names that `open_dataset` knows, besides ``folder:PATH``."""
    return list(_READERS)


def data_folder(data_dir: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of the datasets: `data_dir`, else ``$CIL_DATA``.

    Raises
    ------
    DatasetMissingError
        When neither is given, or the folder does not exist.
    """
    chosen = data_dir or os.environ.get("CIL_DATA")
    if not chosen:
        raise DatasetMissingError(
            "No folder with datasets is known. Name it by --data DIR or the variable CIL_DATA."
        )
    folder = Path(chosen).expanduser()
    if not folder.is_dir():
        raise DatasetMissingError(
            f"The folder of datasets {folder} does not exist. Correct --data or CIL_DATA."
        )
    return folder


def open_dataset(
    name: str, split: str = "train", data_dir: str | os.PathLike[str] | None = None
) -> ImageDataset:
    """Return a dataset; its pictures are read when they are asked for.

    Parameters
    ----------
    name
        ``grocery``, ``cifar100``, ``cifar10``, ``mnist``, or ``folder:PATH`` for a folder that
        holds one folder of pictures for each class.
    split
        ``train``, ``test``, ``val`` where the dataset has one; ``all`` for a plain folder.
    data_dir
        Folder of the datasets; default ``$CIL_DATA``.

    Raises
    ------
    DatasetMissingError
        When its files are not there: says which, and where they belong.
    DatasetError
        When the files are wrong, or have no such split.
    ValueError
        When the name is not known.
    """
    if name.startswith("folder:"):
        return read_folders(Path(name.removeprefix("folder:")).expanduser(), split)
    if name not in _READERS:
        close = difflib.get_close_matches(name, _READERS, n=1)
        hint = f"Did you mean {close[0]}? " if close else ""
        raise ValueError(
            f"There is no dataset {name!r}. {hint}"
            f"Known: {', '.join(_READERS)}, or folder:PATH for a folder per class."
        )
    return _READERS[name](split, data_folder(data_dir))
