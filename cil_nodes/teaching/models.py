"""Model files that leave or enter a session.

A model file is a learner's own file (`cil_nodes.learners.load` reads it) whose header also says
which encoder it belongs to, under ``session``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from cil_nodes.learners import persistence, registry
from cil_nodes.learners.base import IncrementalLearner, TornFileError
from cil_nodes.teaching.books import Books
from cil_nodes.teaching.content import History
from cil_nodes.teaching.errors import (
    BadLabelError,
    BadModelFileError,
    LessonFailedError,
    StorageError,
    UnteachableError,
    WrongEncoderError,
)
from cil_nodes.teaching.folders import MODELS
from cil_nodes.teaching.journal import Event
from cil_nodes.teaching.labels import normalise_label
from cil_nodes.teaching.samples import FeatureSpace
from cil_nodes.teaching.snapshots import SnapshotStore, file_hash
from cil_nodes.teaching.training import learner_class
from cil_nodes.teaching.worker import Worker


def model_folder(folder: Path) -> Path:
    """Return, and make, the folder of model files that learning started from."""
    path = folder / MODELS
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StorageError(f"Cannot make {path}: {error.strerror}.") from error
    return path


def save(worker: Worker, books: Books, history: History, path: Path) -> Path:
    """Write the worker's model with its encoder and the names its classes go by."""
    if history.content.is_empty:
        raise LessonFailedError("Nothing has been taught yet: there is no model to save.")
    if path.is_dir():
        raise StorageError(f"Cannot write the model to {path}: it is a folder. Name a file in it.")
    assert books.space is not None
    raw = worker.scratch / "export.safetensors"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        worker.export(raw, statistics=True)
        header, tensors = persistence.read(raw)
        labels = books.labels()
        outer = {inner: labels[number] for number, inner in books.inner_names().items()}
        ledger = header["ledger"]
        ledger["classes"] = [outer.get(name, name) for name in ledger["classes"]]
        header["session"] = {"encoder_id": books.space.encoder_id}
        persistence.write(path, header, tensors)
    except OSError as error:
        raise StorageError(
            f"Cannot write the model to {path}: {error.strerror}. Choose a folder that can be "
            "written and has room."
        ) from error
    finally:
        raw.unlink(missing_ok=True)
    return path


def take_in(
    path: Path, folder: Path, books: Books, history: History, snapshots: SnapshotStore
) -> Event:
    """Copy a model file into the session; return the event that makes it answer."""
    header, tensors, learner = _read(path)
    space = _space(path, header, books)
    books.adopt_space(space)
    numbers = books.class_numbers([str(name) for name in header["ledger"]["classes"]])
    inner = books.inner_names()
    counts = dict(zip(map(str, numbers), header["ledger"]["counts"], strict=True))
    # Inside, the classes go by this session's own names.
    header["ledger"]["classes"] = [inner[number] for number in numbers]
    header["ledger"]["label_dtype"] = "object"
    version = history.latest + 1
    part, answers = folder / "part", folder / "answers"
    try:
        persistence.write(part, header, tensors)
        base = f"{file_hash(part)[:32]}.safetensors"
        registry.load(part).save(answers, statistics=False)
        snapshot = snapshots.keep(answers, version)
        os.replace(part, folder / base)
    except OSError as error:
        raise StorageError(
            f"Cannot keep the model in {folder}: {error.strerror}. Make room on the disk, then "
            "load it again."
        ) from error
    finally:
        for left in (part, answers):
            left.unlink(missing_ok=True)
    return Event(
        "switch",
        version,
        history.latest,
        0,
        str(header["method"]),
        {k: v for k, v in header["parameters"].items() if k != "random_state"},
        int(header["parameters"].get("random_state") or 0),
        detail={
            "base": base,
            "counts": counts,
            "classes": numbers,
            "samples": sum(header["ledger"]["counts"]),
            "memory_bytes": learner.memory_bytes(),
        },
        snapshot=snapshot.name,
        snapshot_sha256=snapshot.sha256,
    )


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any], IncrementalLearner]:
    """Read a model file whole, so that nothing of a bad one is taken in."""
    if path.is_dir():
        raise BadModelFileError(f"Cannot load {path}: it is a folder. Name a model file in it.")
    try:
        header, tensors = persistence.read(path)
        learner_class(str(header["method"]))
        learner = registry.load(path)
        for name in header["ledger"]["classes"]:
            normalise_label(str(name))
    except (TornFileError, OSError, ValueError, LookupError, TypeError, BadLabelError) as error:
        raise BadModelFileError(f"Cannot load {path}: {_reason(error)}") from error
    if not header.get("can_learn", True):
        raise UnteachableError(
            f"{path} was saved without what learning on needs; it could answer but never learn. "
            "Save it again with its statistics."
        )
    return header, tensors, learner


def _reason(error: Exception) -> str:
    """Return an error's own sentence; a bare key or type says nothing to a person."""
    if isinstance(error, (LookupError, TypeError)):
        return f"it is not a whole model file ({type(error).__name__}: {error}). Save it again."
    return str(error)


def _space(path: Path, header: dict[str, Any], books: Books) -> FeatureSpace:
    encoder_id = header.get("session", {}).get("encoder_id", "")
    dimension = int(header["n_features"])
    here = books.space
    if not encoder_id and here is None:
        raise WrongEncoderError(
            f"{path} does not say which encoder it belongs to, and nothing has been seen here yet. "
            "Start the extractor first, or save the model from a session."
        )
    if here is not None and encoder_id and encoder_id != here.encoder_id:
        raise WrongEncoderError(
            f"{path} was taught with encoder {encoder_id!r}; this session has {here.encoder_id!r}."
        )
    if here is not None and dimension != here.dimension:
        raise BadModelFileError(
            f"{path} takes {dimension} features; the encoder here gives {here.dimension}."
        )
    return FeatureSpace(encoder_id or (here.encoder_id if here else ""), dimension)
