"""Finished parts of benchmarks: kept in the cache by configuration and by the code behind them."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation import canonical

Arrays = dict[str, NDArray[Any]]

ROOT = Path(__file__).resolve().parents[2]
"""Folder of this package."""


def parts_folder(name: str) -> Path:
    """Folder of a benchmark's finished parts, in the cache."""
    from cil_nodes.encoders.cache import cache_folder

    return cache_folder() / "bench" / name


@cache
def code_hash(parts: tuple[str, ...]) -> str:
    """Hash of the source files of parts of this package: other code, other result.

    Parameters
    ----------
    parts : tuple of str
        Folders and files inside ``cil_nodes``.

    Raises
    ------
    FileNotFoundError
        For a part that does not exist: it would never make anything stale.
    """
    digest = hashlib.sha256()
    for part in sorted(parts):
        whole = ROOT / part
        if not whole.exists():
            raise FileNotFoundError(f"{whole}: there is no such part of the package.")
        for path in sorted(whole.rglob("*.py")) if whole.is_dir() else [whole]:
            digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def part_path(folder: Path, key: Mapping[str, Any], code: tuple[str, ...], ending: str) -> Path:
    """Return where a part is kept, whether or not it is there.

    Parameters
    ----------
    folder : Path
        Of the benchmark.
    key : mapping
        Configuration; another configuration is another part.
    code : tuple of str
        As :func:`code_hash` takes it.
    ending : str
        ``json`` or ``npz``.
    """
    whole = canonical.dumps({"key": dict(key), "code": code_hash(code)})
    return folder / f"{hashlib.sha256(whole.encode()).hexdigest()[:20]}.{ending}"


def read_part(path: Path) -> dict[str, Any] | None:
    """Return a kept part, or None where it is not there."""
    if not path.is_file():
        return None
    return json.loads(path.read_text(encoding="utf-8"))["result"]


def write_part(path: Path, key: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a part; returns it as it will be read again."""
    plain = canonical.plain(dict(result))
    canonical.write(path, {"key": dict(key), "result": plain})
    return plain


def read_arrays(path: Path) -> Arrays | None:
    """Return kept arrays, or None where they are not there."""
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def write_arrays(path: Path, arrays: Arrays) -> Arrays:
    """Keep arrays by name."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    canonical.write_bytes(path, buffer.getvalue())
    return arrays
