"""Merging model files of others into what a session knows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from cil_nodes.learners import persistence
from cil_nodes.learners.base import IncrementalLearner
from cil_nodes.learners.merging import CannotMergeError, merge
from cil_nodes.teaching import models
from cil_nodes.teaching.books import Books
from cil_nodes.teaching.content import Content, History
from cil_nodes.teaching.errors import (
    BadModelFileError,
    StorageError,
    WrongEncoderError,
    WrongMethodError,
)
from cil_nodes.teaching.journal import Event
from cil_nodes.teaching.snapshots import Snapshot, file_hash
from cil_nodes.teaching.training import HERE, Merged
from cil_nodes.teaching.workshop import figures

NOBODY = "a merged file"
"""Origin of a file that was put together, and taught nothing of its own."""


def keep(path: Path, folder: Path, books: Books, content: Content) -> str:
    """Copy a model file into the session's folder, under its own class names.

    Returns
    -------
    str
        The copy's name; equal files have equal names.

    Raises
    ------
    BadModelFileError, WrongMethodError, WrongEncoderError, StorageError
    """
    header, tensors, _ = models.read(path)
    method = content.recipe.method
    if header["method"] != method:
        raise WrongMethodError(
            f"{path} is a model of {header['method']!r}, here {method!r} answers; only models of "
            "one method can be merged."
        )
    numbers = models.make_ours(path, header, books)
    if len(set(numbers)) < len(numbers):
        raise BadModelFileError(
            f"Cannot merge {path}: two of its classes are one class here, by their names. Rename "
            "one of them where the model comes from."
        )
    _only_of_others(path, header)
    part = folder / "part"
    try:
        persistence.write(part, header, tensors)
        name = f"{file_hash(part)[:32]}.safetensors"
        os.replace(part, folder / name)
    except OSError as error:
        raise StorageError(
            f"Cannot keep the model in {folder}: {error.strerror}. Make room on the disk, then "
            "merge it again."
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return name


def _only_of_others(path: Path, header: dict[str, Any]) -> None:
    """Have a file that goes on as this very session bring only what others taught."""
    origins = header["values"].get("origins", {})
    if origins.get("name") != HERE:
        return
    if not origins["shares"]:
        raise BadModelFileError(
            f"{path} was saved by this session itself: nothing of others is in it. Load it to go "
            "back to it."
        )
    origins["name"] = NOBODY


def merge_files(paths: Sequence[Path], output: Path) -> IncrementalLearner:
    """Merge saved models into one file; what it is taught later is nobody's of them.

    Raises
    ------
    BadModelFileError, WrongEncoderError, CannotMergeError, StorageError
        With the file that does not fit; nothing is written then.
    """
    session: Mapping[str, Any] = {}
    learner: IncrementalLearner | None = None
    for path in paths:
        header, _, one = models.read(path)
        here = header.get("session", {})
        if session.get("encoder_id") and here.get("encoder_id", "") not in (
            "",
            session["encoder_id"],
        ):
            raise WrongEncoderError(
                f"{path} was taught with encoder {here['encoder_id']!r}, {paths[0]} with "
                f"{session['encoder_id']!r}."
            )
        session = session or here
        try:
            learner = one if learner is None else merge(learner, one)
        except CannotMergeError as error:
            raise CannotMergeError(f"Cannot merge {path}: {error}", error.what) from error
    if learner is None:
        raise ValueError("Give at least one model to merge.")
    cast(Any, learner).set_origin(NOBODY)
    _write(learner, session, output)
    return learner


def _write(learner: IncrementalLearner, session: Mapping[str, Any], output: Path) -> None:
    """Write a learner with the encoder it belongs to."""
    try:
        learner.save(output)
        if session:
            header, tensors = persistence.read(output)
            persistence.write(output, {**header, "session": dict(session)}, tensors)
    except OSError as error:
        raise StorageError(
            f"Cannot write the model to {output}: {error.strerror}. Choose a folder that can be "
            "written and has room."
        ) from error


def drop(folder: Path, name: str, history: History) -> None:
    """Delete a model file that no version is made of."""
    used = {file for version in history.events for file in history.content_of(version).files}
    if name not in used:
        (folder / name).unlink(missing_ok=True)


def event_of(
    file: str, merged: Merged, content: Content, history: History, books: Books, kept: Snapshot
) -> Event:
    """Return the event that makes a merged model answer.

    Parameters
    ----------
    file : str
        The model file's name in the session's folder.
    merged : Merged
        What the worker found.
    content : Content
        What was known before.
    kept : Snapshot
        Of the merged model.
    """
    recipe = content.recipe
    return Event(
        "merge",
        history.latest + 1,
        history.latest,
        0,
        recipe.method,
        recipe.parameters,
        recipe.seed,
        detail=_detail(file, merged, content, books),
        snapshot=kept.name,
        snapshot_sha256=kept.sha256,
    )


def _detail(file: str, merged: Merged, content: Content, books: Books) -> Mapping[str, Any]:
    """What the history tells about a merge."""
    numbers = {name: number for number, name in books.inner_names().items()}
    own = {
        number: content.counts[number] - content.foreign.get(number, 0) for number in content.counts
    }
    foreign = {
        number: n - own.get(number, 0)
        for number, n in ((numbers[name], n) for name, n in merged.counts.items())
    }
    foreign = {number: n for number, n in foreign.items() if n > 0}
    return {
        **figures(merged.measured),
        "file": file,
        "foreign": {str(number): n for number, n in foreign.items()},
        "classes": sorted(n for n in foreign if foreign[n] != content.foreign.get(n, 0)),
        "samples": sum(foreign.values()) - sum(content.foreign.values()),
    }
