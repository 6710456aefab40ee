"""From pictures of any size to the array that a network takes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cil_nodes.encoders.errors import ImageError, PreprocessingError

_INTERPOLATIONS = {
    "bicubic": cv2.INTER_CUBIC,
    "bilinear": cv2.INTER_LINEAR,
    "area": cv2.INTER_AREA,
    "nearest": cv2.INTER_NEAREST,
}
_CHOICES = {
    "fit": ("stretch", "crop", "pad"),
    "interpolation": ("auto", *_INTERPOLATIONS),
    "color_order": ("rgb", "bgr"),
}

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes the input of a network.

    Attributes
    ----------
    size
        Height and width in pixels of what the network takes.
    fit
        ``stretch`` shows the whole picture and gives up its aspect; ``crop`` keeps the aspect and
        the middle; ``pad`` keeps both and fills up with the mean.
    keep
        How much of the shorter side ``crop`` keeps, in (0, 1].
    interpolation
        ``auto`` averages areas when it shrinks and is bicubic when it enlarges, so that neither
        aliases; or one of ``bicubic``, ``bilinear``, ``area``, ``nearest``.
    mean, std
        For each channel, on the scale 0..255: the network takes ``(x - mean) / std``. Not used
        where a network takes bytes.
    color_order
        Order of the channels that the network takes; pictures are always given as RGB.
    output
        Name of the output to take where a file has several; empty: the only one.
    """

    size: tuple[int, int]
    fit: str = "stretch"
    keep: float = 1.0
    interpolation: str = "auto"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    color_order: str = "rgb"
    output: str = ""

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise PreprocessingError(
                    f"{name} is {getattr(self, name)!r}; expected one of {', '.join(choices)}."
                )
        if min(self.size) < 1 or len(self.size) != 2:
            raise PreprocessingError(f"size is {self.size}; expected [height, width] in pixels.")
        if not 0 < self.keep <= 1:
            raise PreprocessingError(f"keep is {self.keep}; expected a part in (0, 1].")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise PreprocessingError(
                f"mean is {self.mean} and std is {self.std}; expected three numbers each, "
                "on the scale 0..255, std above 0."
            )

    def key(self) -> str:
        """Return a text that is equal exactly where two preprocessings are."""
        return json.dumps(asdict(self), sort_keys=True)


def read_sidecar(path: Path) -> dict[str, Any]:
    """Return the fields of `Preprocessing` that a sidecar file gives.

    Parameters
    ----------
    path
        A JSON object, for example ``{"mean": [127, 127, 127], "std": [128, 128, 128]}``.

    Raises
    ------
    PreprocessingError
        When it is no JSON object, or has a field that does not exist.
    """
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise PreprocessingError(f"{path} cannot be read as JSON: {problem}.") from problem
    known = [field.name for field in fields(Preprocessing)]
    if not isinstance(given, dict) or not set(given) <= set(known):
        wrong = sorted(set(given) - set(known)) if isinstance(given, dict) else type(given).__name__
        raise PreprocessingError(
            f"{path}: expected an object with fields among {', '.join(known)}; found {wrong}."
        )
    if isinstance(given.get("size"), int):
        given["size"] = [given["size"]] * 2
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
    }


def check_image(image: NDArray[Any], position: int = 0) -> None:
    """Raise `ImageError` unless an array is a picture of shape (h, w, 3), uint8, not empty."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        kind = image.dtype if isinstance(image, np.ndarray) else type(image).__name__
        raise ImageError(f"Image {position}: expected a NumPy array of uint8, got {kind}.")
    if image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ImageError(
            f"Image {position}: expected shape (height, width, 3), RGB, got {image.shape}."
        )


def resize(image: NDArray[np.uint8], how: Preprocessing, whole: bool = True) -> NDArray[np.uint8]:
    """Return a picture (h, w, 3) at the size of `how`.

    A picture that is not `whole` is a cut-out of one thing: all of it is shown, stretched.
    """
    height, width = how.size
    if how.fit == "crop" and whole:
        image = _middle(image, height, width, how.keep)
    elif how.fit == "pad":
        return _pad(image, height, width, how)
    return _scale(image, height, width, how.interpolation)


def _middle(image: NDArray[np.uint8], height: int, width: int, keep: float) -> NDArray[np.uint8]:
    """Cut out the middle, of the aspect height : width, as large as fits, times `keep`."""
    scale = keep * min(image.shape[0] / height, image.shape[1] / width)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (image.shape[0] - rows) // 2, (image.shape[1] - columns) // 2
    return image[top : top + rows, left : left + columns]


def _scale(
    image: NDArray[np.uint8], height: int, width: int, interpolation: str
) -> NDArray[np.uint8]:
    if image.shape[:2] == (height, width):
        return image
    if interpolation == "auto":
        shrinks = image.shape[0] * image.shape[1] > height * width
        interpolation = "area" if shrinks else "bicubic"
    resized = cv2.resize(image, (width, height), interpolation=_INTERPOLATIONS[interpolation])
    return resized  # type: ignore[return-value]


def _pad(
    image: NDArray[np.uint8], height: int, width: int, how: Preprocessing
) -> NDArray[np.uint8]:
    scale = min(height / image.shape[0], width / image.shape[1])
    rows, columns = (max(1, round(length * scale)) for length in image.shape[:2])
    # Grey where no mean is known: neither black nor white borders for a network that takes bytes.
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[:] = np.round(how.mean) if any(how.mean) else 127
    top, left = (height - rows) // 2, (width - columns) // 2
    scaled = _scale(image, rows, columns, how.interpolation)
    canvas[top : top + rows, left : left + columns] = scaled
    return canvas


def to_bytes(
    images: Sequence[NDArray[np.uint8]], how: Preprocessing, whole: Sequence[bool] | None = None
) -> NDArray[np.uint8]:
    """Return pictures of any size as one array (n, height, width, 3) of bytes.

    `whole` says of each whether it is a whole picture (the default) or a cut-out.
    """
    batch = np.empty((len(images), *how.size, 3), np.uint8)
    for position, image in enumerate(images):
        check_image(image, position)
        batch[position] = resize(image, how, whole is None or whole[position])
    return batch if how.color_order == "rgb" else np.ascontiguousarray(batch[..., ::-1])


def normalise(batch: NDArray[np.uint8], how: Preprocessing) -> NDArray[np.float32]:
    """Return ``(x - mean) / std`` of a batch (n, h, w, 3) in float32, channels as given."""
    scale = 1.0 / np.asarray(how.std, np.float32)
    shift = np.asarray(how.mean, np.float32) * scale
    return batch * scale - shift
