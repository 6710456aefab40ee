"""JSON with one spelling for one content, so that equal runs leave equal files."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

DIGITS = 6
"""Decimal places kept of every float."""


def plain(value: Any) -> Any:
    """Turn dataclasses, arrays, tuples and mappings into what JSON knows; NaN becomes null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, float):
        # Adding zero turns -0.0 into 0.0.
        return round(value, DIGITS) + 0.0 if math.isfinite(value) else None
    return value


def dumps(value: Any) -> str:
    """Spell a value: sorted keys, two spaces, six decimals, one newline at the end."""
    return json.dumps(plain(value), sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def write(path: Path, value: Any) -> Path:
    """Write a value as canonical JSON in one step (a torn file is never left behind)."""
    return write_text(path, dumps(value))


def write_text(path: Path, text: str) -> Path:
    """Write a text file in one step, as :func:`write_bytes` does."""
    return write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> Path:
    """Write a file in one step: a reader sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    aside.write_bytes(content)
    os.replace(aside, path)
    return path
