"""CIFAR-100 and CIFAR-10, packed as one sprite for each class and split.

A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. The sprites hold the
32x32 pictures of a class in rows; ``index.json`` says how many and how wide.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from cil_nodes.datasets.images import (
    DatasetError,
    DatasetMissingError,
    Image,
    ImageDataset,
    LazyImages,
    decode,
    fingerprint,
)

_FOLDERS = {"cifar100": ("cifar100/webp",), "cifar10": ("cifar10/webp", "cifar10/webp_q90")}

# The 20 superclasses, as the description of CIFAR-100 lists them.
SUPERCLASSES: dict[str, str] = {
    "aquatic_mammals": "beaver dolphin otter seal whale",
    "fish": "aquarium_fish flatfish ray shark trout",
    "flowers": "orchid poppy rose sunflower tulip",
    "food_containers": "bottle bowl can cup plate",
    "fruit_and_vegetables": "apple mushroom orange pear sweet_pepper",
    "household_electrical_devices": "clock keyboard lamp telephone television",
    "household_furniture": "bed chair couch table wardrobe",
    "insects": "bee beetle butterfly caterpillar cockroach",
    "large_carnivores": "bear leopard lion tiger wolf",
    "large_man-made_outdoor_things": "bridge castle house road skyscraper",
    "large_natural_outdoor_scenes": "cloud forest mountain plain sea",
    "large_omnivores_and_herbivores": "camel cattle chimpanzee elephant kangaroo",
    "medium_mammals": "fox porcupine possum raccoon skunk",
    "non-insect_invertebrates": "crab lobster snail spider worm",
    "people": "baby boy girl man woman",
    "reptiles": "crocodile dinosaur lizard snake turtle",
    "small_mammals": "hamster mouse rabbit shrew squirrel",
    "trees": "maple_tree oak_tree palm_tree pine_tree willow_tree",
    "vehicles_1": "bicycle bus motorcycle pickup_truck train",
    "vehicles_2": "lawn_mower rocket streetcar tank tractor",
}


def read_cifar(name: str, split: str, root: Path) -> ImageDataset:
    """Return a split of ``cifar100`` or ``cifar10``, class by class in the index's order.

    Raises
    ------
    DatasetMissingError
        When the sprites are not below `root`.
    DatasetError
        When the split does not exist or a sprite is not as the index says.
    """
    folder = _find(name, root)
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    if split not in index["counts"]:
        known = ", ".join(index["counts"])
        raise DatasetError(f"{name} has the splits {known}; there is no {split!r}.")
    sprites = _Sprites(folder / split, index)
    counts = index["counts"][split]
    places = [(label, tile) for label in index["classes"] for tile in range(counts[label])]
    files = [folder / "index.json", *(folder / split).glob("*.webp")]
    return ImageDataset(
        name=name,
        images=LazyImages(len(places), lambda i: sprites.tile(*places[i])),
        labels=[label for label, _ in places],
        split=split,
        data_hash=fingerprint(files, folder, split),
        classes=tuple(index["classes"]),
        coarse=_coarse() if name == "cifar100" else None,
        whole=False,
    )


def _find(name: str, root: Path) -> Path:
    for folder in _FOLDERS[name]:
        if (root / folder / "index.json").is_file():
            return root / folder
    raise DatasetMissingError(
        f"{name} is missing: expected {root / _FOLDERS[name][0]}/index.json with one sprite "
        "<split>/<class>.webp for each class, 32x32 tiles row by row. Pack the published "
        "pictures so, or name another place by --data or CIL_DATA."
    )


def _coarse() -> dict[str, str]:
    return {fine: coarse for coarse, names in SUPERCLASSES.items() for fine in names.split()}


class _Sprites:
    """Cuts tiles from sprites; the sprites seen last stay decoded."""

    def __init__(self, folder: Path, index: dict[str, Any]) -> None:
        self.folder, self.size, self.columns = folder, index["tile"], index["columns"]
        # A class of CIFAR-100 takes 1.5 MB: enough for a shuffled pass over all hundred.
        self._sprite = lru_cache(maxsize=128)(self._decode)

    def _decode(self, label: str) -> Image:
        path = self.folder / f"{label}.webp"
        if not path.is_file():
            raise DatasetMissingError(f"The sprite {path} is missing.")
        return decode(path.read_bytes(), path)

    def tile(self, label: str, number: int) -> Image:
        row, column = divmod(number, self.columns)
        top, left = row * self.size, column * self.size
        tile = self._sprite(label)[top : top + self.size, left : left + self.size]
        if tile.shape != (self.size, self.size, 3):
            raise DatasetError(f"{self.folder}/{label}.webp has no tile {number}.")
        return tile.copy()
