"""The int8 profile: a float graph, quantised by ONNX Runtime on drawn pictures.

Weights become int8 for each channel, activations uint8; their ranges are the smallest and largest
values (MinMax) seen on calibration pictures. Nobody has data on a bare machine, so these pictures
are drawn here: gradients, patches, stripes, blobs and grain in random colours. They need not show
things; they have to drive the network over the range that photographs drive it over.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cil_nodes.encoders.errors import MissingPackageError

_LOG = logging.getLogger(__name__)

CALIBRATION_PICTURES = 64


def quantise(path: Path, pictures: Sequence[NDArray[np.uint8]] | None = None) -> bytes:
    """Return a quantised ONNX file.

    Parameters
    ----------
    path
        A float graph of the catalogue: it takes bytes (n, h, w, 3).
    pictures
        What to calibrate on, each (h, w, 3) at the graph's own size; default: drawn ones.

    Raises
    ------
    MissingPackageError
        When the package ``onnx``, which ONNX Runtime's quantiser needs, is not installed.
    """
    try:
        from onnxruntime import InferenceSession, quantization
        from onnxruntime.quantization.shape_inference import quant_pre_process
    except ImportError as problem:
        raise MissingPackageError(
            f"The int8 profile is made once, and that needs a package more ({problem}): "
            "pip install 'cil-nodes[cpu,encoders]'"
        ) from problem
    taken = InferenceSession(str(path), providers=["CPUExecutionProvider"]).get_inputs()[0]
    shown = pictures or list(drawn_pictures(CALIBRATION_PICTURES, int(taken.shape[1])))
    _LOG.info("Quantising %s on %d pictures; this is done once.", path.name, len(shown))

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(shown)

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            picture = next(self.left, None)
            return None if picture is None else {taken.name: picture[None]}

    with tempfile.TemporaryDirectory(prefix="cil_int8_") as folder:
        prepared, quantised = Path(folder) / "prepared.onnx", Path(folder) / "int8.onnx"
        # Runtime's own optimisations stay out: they bind the file to this version and processor.
        quant_pre_process(
            str(path), str(prepared), skip_optimization=True, skip_symbolic_shape=True
        )
        quantization.quantize_static(
            str(prepared),
            str(quantised),
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            calibrate_method=quantization.CalibrationMethod.MinMax,
        )
        return quantised.read_bytes()


def drawn_pictures(count: int, size: int, seed: int = 0) -> Iterator[NDArray[np.uint8]]:
    """Yield drawn pictures (size, size, 3), uint8; the same for the same seed."""
    for child in np.random.SeedSequence(seed).spawn(count):
        yield _draw(np.random.default_rng(child), size)


def _draw(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    canvas = _gradient(rng, size)
    for _ in range(int(rng.integers(2, 14))):
        mask = _MASKS[int(rng.integers(len(_MASKS)))](rng, size)
        softness = float(rng.choice([0.0, 0.0, 1.5, 6.0]))
        if softness:
            mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), softness), np.float32)
        canvas += mask[..., None] * (_gradient(rng, size) - canvas)
    canvas += rng.normal(0, float(rng.choice([2, 8, 25])), canvas.shape)
    return np.clip(canvas, 0, 255).astype(np.uint8)


def _gradient(rng: np.random.Generator, size: int) -> NDArray[np.float32]:
    """Return a smooth field of colours: a few random ones, enlarged."""
    corners = rng.uniform(0, 255, (int(rng.integers(1, 4)), int(rng.integers(1, 4)), 3))
    return np.asarray(
        cv2.resize(corners.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR),
        np.float32,
    )


def _patch(rng: np.random.Generator, size: int) -> NDArray[np.float32]:
    mask = np.zeros((size, size), np.float32)
    corners = rng.integers(-size // 4, size + size // 4, (int(rng.integers(3, 7)), 2))
    hull: Any = cv2.convexHull(corners.astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 1.0)
    return mask


def _blob(rng: np.random.Generator, size: int) -> NDArray[np.float32]:
    mask = np.zeros((size, size), np.float32)
    x, y = (int(v) for v in rng.integers(0, size, 2))
    axes = tuple(int(v) for v in rng.integers(size // 16, size // 2, 2))
    cv2.ellipse(mask, (x, y), axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
    return mask


def _stripes(rng: np.random.Generator, size: int) -> NDArray[np.float32]:
    angle, wave = rng.uniform(0, np.pi), rng.uniform(4, size / 4)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    waves = np.sin((x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / wave))
    return (waves > rng.uniform(-0.5, 0.9)).astype(np.float32) * _blob(rng, size)


def _cloud(rng: np.random.Generator, size: int) -> NDArray[np.float32]:
    coarse = rng.uniform(0, 1, (int(rng.integers(4, 40)),) * 2).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC), np.float32)


_MASKS = (_patch, _blob, _stripes, _cloud)
