"""A frozen network on ONNX Runtime: pictures in, feature vectors out."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cil_nodes.encoders import providers as execution
from cil_nodes.encoders.cache import file_sha256
from cil_nodes.encoders.errors import MissingPackageError, ModelFormatError
from cil_nodes.encoders.places import Places
from cil_nodes.encoders.preprocess import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Preprocessing,
    normalise,
    read_sidecar,
    to_bytes,
)

_LOG = logging.getLogger(__name__)
_DTYPES: dict[str, type[Any]] = {
    "tensor(uint8)": np.uint8,
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
}


@dataclass(frozen=True)
class InputLayout:
    """What the file says about its input: name, type, where the channels are, fixed sizes."""

    name: str
    dtype: type[Any]
    channels_first: bool
    batch: int | None
    size: tuple[int, int] | None


class Encoder:
    """A frozen backbone that turns pictures into feature vectors.

    Use `cil_nodes.encoders.open_encoder` to make one. It may be called from several threads.

    Parameters
    ----------
    path
        An ONNX file with one picture input (n, 3, h, w) or (n, h, w, 3), of uint8, float32 or
        float16. Names and shapes are read from it.
    encoder_id
        ``name@12hex``. Without it: the file's stem and the SHA-256 of file and sidecar.
    preprocessing
        Without it: the sidecar ``<path>.json`` if there is one, else defaults.
    providers
        See `cil_nodes.encoders.providers.choose`.
    threads
        Threads within one run; 0 leaves it to ONNX Runtime.
    spinning
        Whether threads wait busily: faster with two or more, but they take their cores whole.
    pinned
        Whether the threads beside the calling one stay on processors of their own; the calling
        thread then keeps off them by `enter_thread`. Only for one encoder that answers live: two
        would take the same processors.
    batch
        The most pictures in one run.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        encoder_id: str = "",
        preprocessing: Preprocessing | None = None,
        providers: str | Sequence[str] = "auto",
        threads: int = 1,
        spinning: bool = False,
        pinned: bool = False,
        batch: int = 32,
    ) -> None:
        self.path = Path(path)
        self._places = Places.choose(threads, pinned)
        self.session, self.provider = _start(self.path, providers, self._places, spinning)
        self._layout = _read_input(self.path, self.session.get_inputs())
        self.preprocessing = preprocessing or _preprocessing(self.path, self._layout)
        self._output = _pick_output(
            self.path, self.session.get_outputs(), self.preprocessing.output
        )
        self.encoder_id = encoder_id or _identify(self.path)
        self.batch = self._layout.batch or max(1, batch)
        # One grey picture: the sizes that a file leaves open show only in an answer, and the
        # first run, which is slow, is over before the first real picture comes.
        grey = np.full((*self.input_size, 3), 127, np.uint8)
        self.dimension = int(self._run([grey], [True]).shape[1])

    def enter_thread(self) -> None:
        """Keep the calling thread off the processors of pinned threads; else do nothing."""
        self._places.enter()

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width in pixels to which pictures are brought."""
        return self.preprocessing.size

    def encode(
        self, images: Sequence[NDArray[np.uint8]], whole: Sequence[bool] | None = None
    ) -> NDArray[np.float32]:
        """Return the feature vectors of pictures.

        Parameters
        ----------
        images
            Pictures (h, w, 3), uint8, RGB, each of its own size; none is an answer too.
        whole
            Of each, whether it is a whole picture, of which preprocessing may keep only the
            middle, or the cut-out of a region, which is shown to its edges. Default: all whole.

        Returns
        -------
        ndarray of shape (n, dimension), float32
            Raw embeddings: each learner scales them for itself.

        Raises
        ------
        ImageError
            When a picture has another shape or type.
        """
        whole = [True] * len(images) if whole is None else whole
        features = np.empty((len(images), self.dimension), np.float32)
        for start in range(0, len(images), self.batch):
            end = min(start + self.batch, len(images))
            features[start:end] = self._run(images[start:end], whole[start:end])
        return features

    def _run(
        self, images: Sequence[NDArray[np.uint8]], whole: Sequence[bool]
    ) -> NDArray[np.float32]:
        layout = self._layout
        x: NDArray[Any] = to_bytes(images, self.preprocessing, whole)
        if layout.dtype is not np.uint8:
            x = normalise(x, self.preprocessing).astype(layout.dtype, copy=False)
        if layout.channels_first:
            x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
        if layout.batch and len(x) < layout.batch:
            x = np.concatenate([x, np.repeat(x[-1:], layout.batch - len(x), axis=0)])
        answer = self.session.run([self._output], {layout.name: x})[0]
        return self._flat(np.asarray(answer))[: len(images)]

    def _flat(self, answer: NDArray[Any]) -> NDArray[np.float32]:
        flat = answer.reshape(answer.shape[0], -1) if answer.ndim > 1 else answer
        if flat.ndim != 2 or flat.shape[1] != max(answer.shape[1:]):
            raise ModelFormatError(
                f"{self.path}: expected one feature vector for each picture, shape (n, d), but "
                f"the output {self._output!r} has shape {answer.shape}. "
                "Export the network with global pooling as its last layer."
            )
        return flat.astype(np.float32, copy=False)

    def __repr__(self) -> str:
        height, width = self.input_size
        return (
            f"Encoder({self.encoder_id}, {height}x{width} -> {self.dimension}, on {self.provider})"
        )


def _start(
    path: Path, providers: str | Sequence[str], places: Places, spinning: bool
) -> tuple[Any, str]:
    """Return a session of ONNX Runtime and the name of the provider that runs it."""
    runtime = _runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = places.threads
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    if places.helpers:
        options.add_session_config_entry("session.intra_op_thread_affinities", places.option())
    wanted = execution.choose(providers, runtime.get_available_providers())
    if not path.is_file():
        raise ModelFormatError(f"There is no file {path}.")
    try:
        session = runtime.InferenceSession(str(path), options, providers=wanted)
    except Exception as problem:  # ONNX Runtime raises a dozen unrelated types of its own
        raise ModelFormatError(f"{path} is no model that runs here: {problem}") from problem
    explicit = providers not in ("auto", "cpu")
    return session, execution.check_started(wanted, session.get_providers(), explicit)


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise MissingPackageError(
            "Encoders run on ONNX Runtime, which is not installed: pip install 'cil-nodes[cpu]', "
            "or 'cil-nodes[gpu]' on a machine with an NVIDIA GPU; never both."
        ) from None
    return onnxruntime


def _read_input(path: Path, inputs: Sequence[Any]) -> InputLayout:
    if len(inputs) != 1:
        names = ", ".join(f"{i.name} {i.shape}" for i in inputs)
        raise ModelFormatError(
            f"{path}: expected one input, the pictures; found {len(inputs)}: {names}."
        )
    name, shape, kind = inputs[0].name, inputs[0].shape, inputs[0].type
    if len(shape) != 4 or kind not in _DTYPES or 3 not in (shape[1], shape[3]):
        raise ModelFormatError(
            f"{path}: expected an input of shape (n, 3, h, w) or (n, h, w, 3) and type uint8, "
            f"float or float16; the input {name!r} has shape {shape} and is a {kind}."
        )
    channels_first = shape[1] == 3
    height, width = shape[2:] if channels_first else shape[1:3]
    size = (height, width) if isinstance(height, int) and isinstance(width, int) else None
    batch = shape[0] if isinstance(shape[0], int) else None
    return InputLayout(name, _DTYPES[kind], channels_first, batch, size)


def _pick_output(path: Path, outputs: Sequence[Any], wanted: str) -> str:
    names = [output.name for output in outputs]
    if wanted in names:
        return wanted
    if len(names) == 1 and not wanted:
        return names[0]
    shapes = ", ".join(f"{output.name} {output.shape}" for output in outputs)
    found = f"no output named {wanted!r}" if wanted else f"{len(names)} outputs"
    raise ModelFormatError(
        f"{path}: found {found}; it has {shapes}. Name the feature vector in "
        f'{sidecar_path(path)}: {{"output": "{names[-1]}"}}'
    )


def sidecar_path(path: Path) -> Path:
    """Return where the preprocessing of a file is described: its path and ``.json``."""
    return path.with_name(path.name + ".json")


def _preprocessing(path: Path, layout: InputLayout) -> Preprocessing:
    sidecar = sidecar_path(path)
    given = read_sidecar(sidecar) if sidecar.is_file() else {}
    size = layout.size or given.get("size")
    if size is None:
        raise ModelFormatError(
            f"{path} leaves the size of its pictures open. Say it in {sidecar}: "
            '{"size": [224, 224]}'
        )
    if given.get("size") not in (None, size):
        raise ModelFormatError(f"{sidecar} says size {given['size']}, but {path} takes {size}.")
    how = replace(Preprocessing(size), **given)
    if layout.dtype is not np.uint8 and not {"mean", "std"} & set(given):
        _LOG.warning(
            "%s takes numbers, not bytes, and nothing says how they are scaled; ImageNet's mean "
            "and standard deviation are used. If it was trained otherwise its features are poor: "
            "say so in %s.",
            path,
            sidecar,
        )
        how = replace(how, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    return how


def _identify(path: Path) -> str:
    """Return name and hash of all that decides the features: file, weights beside it, sidecar."""
    digest = hashlib.sha256()
    beside = [path.with_name(path.name + end) for end in (".data", "_data", ".json")]
    for file in [path, *beside]:
        if file.is_file():
            digest.update(file_sha256(file).encode())
    return f"{path.stem}@{digest.hexdigest()[:12]}"
