"""One file for one learner: safetensors arrays, everything else as JSON in the header.

Never a pickle: reading a file runs none of its content. A checksum over all arrays tells a file
that was altered from one that is whole; safetensors itself notices one that was cut short.
"""

from __future__ import annotations

import json
import os
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from cil_nodes.learners.outcomes import TornFileError

FORMAT = "cil-learner"
FORMAT_VERSION = 1


def torn(path: Path, what: str) -> str:
    """Return the sentence for a file that cannot be read."""
    return (
        f"{path} is not a whole learner file: {what}. "
        "Load an earlier file, or rebuild the model from the journal."
    )


def checksum(tensors: dict[str, np.ndarray]) -> int:
    """Return CRC-32 over names, types, shapes and bytes, in order of names."""
    value = 0
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        value = zlib.crc32(f"{name}|{array.dtype.str}|{array.shape}".encode(), value)
        if array.size:
            value = zlib.crc32(array.reshape(-1).view(np.uint8).data, value)
    return value


def write(path: Path, header: dict[str, Any], tensors: dict[str, np.ndarray]) -> Path:
    """Write ``path`` so that it is either the old file or the whole new one.

    Parameters
    ----------
    path : Path
    header : dict
        JSON values; the key ``method`` is required.
    tensors : dict of arrays

    Raises
    ------
    TypeError
        When the header holds something that JSON cannot; the message names the parameter.
    """
    whole = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    text = _dumps(header | {"checksum": checksum(whole)})
    metadata = {"format": FORMAT, "format_version": str(FORMAT_VERSION), "learner": text}
    data = to_safetensors(whole, metadata=metadata)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def _dumps(header: dict[str, Any]) -> str:
    """Return the header as JSON."""
    try:
        return json.dumps(header, sort_keys=True, default=_plain)
    except TypeError as error:
        raise TypeError(
            f"A learner can be saved only when its parameters are numbers, texts, truth values "
            f"or None: {error}. Pass an int as random_state."
        ) from error


def _plain(value: Any) -> Any:
    """Turn NumPy scalars into Python's."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} is a {type(value).__name__}")


def read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read what `write` wrote.

    Raises
    ------
    TornFileError
        When the file is cut short, altered, of another kind or of a newer format.
    FileNotFoundError
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"No learner file at {path}. Was it saved under another name?")
    try:
        with safe_open(str(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            header = _header(path, metadata)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise TornFileError(torn(path, str(error))) from error
    if checksum(tensors) != header.get("checksum"):
        raise TornFileError(torn(path, "its checksum does not match its content"))
    return header, tensors


def _header(path: Path, metadata: dict[str, str]) -> dict[str, Any]:
    """Check the format's name and version; return the JSON part."""
    if metadata.get("format") != FORMAT:
        raise TornFileError(torn(path, f"its header does not say {FORMAT!r}"))
    version = metadata.get("format_version", "")
    if not version.isdecimal() or int(version) > FORMAT_VERSION:
        raise TornFileError(
            f"{path} has format version {version!r}; this program reads up to {FORMAT_VERSION}. "
            "Update the program that reads it."
        )
    try:
        header = json.loads(metadata.get("learner", ""))
    except json.JSONDecodeError as error:
        raise TornFileError(torn(path, f"its header is no JSON ({error})")) from error
    if not isinstance(header, dict):
        raise TornFileError(torn(path, "its header holds no values"))
    return header


def pack_text(text: str) -> np.ndarray:
    """Return a text as uint8 array, to be stored among the tensors."""
    return np.frombuffer(text.encode("utf-8"), dtype=np.uint8)


def unpack_text(array: np.ndarray) -> str:
    """Undo `pack_text`."""
    return array.tobytes().decode("utf-8")
