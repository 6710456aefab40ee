"""The faces of the CLIFER benchmark, and the auto-encoder trained on people it never tests."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cil_nodes.learners.networks import load_torch

EXPRESSIONS = ("neutral", "happy", "surprised", "angry", "fearful", "sad")
"""In the order in which the paper's main experiment teaches them."""

TRAINERS = 12
"""People whose faces the auto-encoder is trained on; the rest are tested."""

TAUGHT_VIEWS = 8
"""Of twelve pictures of a person and expression; the others are held out."""

MARGIN = 6
SIZES: dict[str, dict[str, Any]] = {
    "small": {
        "size": 32,
        "width": 0.25,
        "generator": "code",
        "rate": 8e-4,
        "identity": False,
        "epochs": 150,
        "threads": 1,
    },
    "medium": {
        "size": 48,
        "width": 0.5,
        "generator": "code",
        "rate": 4e-4,
        "identity": True,
        "epochs": 100,
        "threads": 2,
    },
    "paper": {
        "size": 96,
        "width": 1.0,
        "generator": "paper",
        "rate": 2e-4,
        "identity": True,
        "epochs": 200,
        "threads": 2,
    },
}
"""The auto-encoders by the name that the variable `CHOICE` takes."""

CHOICE = "CIL_CLIFER_SIZE"
"""Left out: the paper's size where there is a GPU, else the small one."""


@dataclass(frozen=True)
class Views:
    """One tested person's faces as z, and which of them are taught.

    Attributes
    ----------
    z : (n, 50) array
    labels : (n,) int array
        Position in `EXPRESSIONS`.
    taught : (n,) bool array
    """

    z: np.ndarray
    labels: np.ndarray
    taught: np.ndarray

    def of(self, label: int) -> np.ndarray:
        """Return the taught z of one expression, in the order of the views."""
        return self.z[self.taught & (self.labels == label)]


def settings() -> dict[str, Any]:
    """Return how the auto-encoder is trained here.

    Raises
    ------
    ValueError
        Where the variable `CHOICE` names no size.
    """
    torch = load_torch("clifer")
    default = "paper" if torch.cuda.is_available() else "small"
    name = os.environ.get(CHOICE) or default
    if name not in SIZES:
        raise ValueError(f"{CHOICE} must be one of {', '.join(SIZES)}; got {name!r}.")
    return dict(SIZES[name])


def plan(chosen: dict[str, Any]) -> Any:
    """Return the plan of `settings` for training."""
    from cil_nodes.learners.clifer.caae import Shape
    from cil_nodes.learners.clifer.caae_training import Plan

    shape = Shape(len(EXPRESSIONS), chosen["size"], chosen["width"], chosen["generator"])
    margin = MARGIN * chosen["size"] // 48
    return Plan(
        shape,
        chosen["epochs"],
        margin,
        chosen["rate"],
        chosen["identity"],
        threads=chosen["threads"],
    )


@lru_cache(maxsize=2)
def faces(size: int) -> Any:
    """Return all faces, ``size`` pixels and a margin wide."""
    from cil_nodes.datasets.ict_faces import read_ict_faces
    from cil_nodes.datasets.reading import data_folder

    return read_ict_faces(data_folder(), size + MARGIN * size // 48)


def weights_file(chosen: dict[str, Any]) -> Path:
    """Return where the trained auto-encoder is kept, in the cache."""
    from cil_nodes.encoders.cache import cache_folder

    every = faces(chosen["size"])
    taught = every.of(every.subjects[:TRAINERS], EXPRESSIONS)
    return cache_folder() / "clifer" / f"caae-{plan(chosen).key(taught.data_hash)}.safetensors"


def trained(chosen: dict[str, Any], report: Any = None) -> Any:
    """Return the trained auto-encoder's imagination; trains it first, or on, where needed.

    Parameters
    ----------
    chosen : dict
        As `settings` returns it.
    report : callable, optional
        Called with (epoch, losses) after every epoch.
    """
    load_torch("clifer")
    from cil_nodes.learners.clifer.caae_training import Trainer, load_caae, metadata
    from cil_nodes.learners.clifer.faces import FaceImagination

    path = weights_file(chosen)
    if not path.is_file() or int(metadata(path)["epoch"]) < chosen["epochs"]:
        every = faces(chosen["size"])
        taught = every.of(every.subjects[:TRAINERS], EXPRESSIONS)
        labels = taught.labels(EXPRESSIONS)
        seen = _perception() if chosen["identity"] else None
        Trainer(taught.pictures, labels, plan(chosen), seen).train(path, report)
    caae, _ = load_caae(path)
    return FaceImagination(caae)


def _perception() -> Any:
    """Return the frozen network of the identity loss."""
    from cil_nodes.encoders.catalogue import locate_weights, look_up
    from cil_nodes.encoders.torch_file import read_state_dict
    from cil_nodes.learners.clifer.perceptual import Perception
    from cil_nodes.learners.networks import running

    spec, _ = look_up("efficientnet_lite0")
    return Perception(read_state_dict(locate_weights(spec)), running.device_of("auto"))


def tested(chosen: dict[str, Any]) -> Any:
    """Return the faces of the people that the auto-encoder never saw, cut to its size."""
    every = faces(chosen["size"])
    rest = every.of(every.subjects[TRAINERS:], EXPRESSIONS)
    edge = (rest.pictures.shape[1] - chosen["size"]) // 2
    stop = edge + chosen["size"]
    return rest, np.ascontiguousarray(rest.pictures[:, edge:stop, edge:stop])


def views_of(imagination: Any, chosen: dict[str, Any]) -> dict[str, Views]:
    """Return every tested person's faces as z."""
    rest, pictures = tested(chosen)
    z, labels = imagination.encode(pictures), rest.labels(EXPRESSIONS)
    whose = np.array([face.subject for face in rest.faces])
    taught = np.array([face.view < TAUGHT_VIEWS for face in rest.faces])
    return {
        name: Views(z[whose == name], labels[whose == name], taught[whose == name])
        for name in rest.subjects
    }


def sheet(imagination: Any, chosen: dict[str, Any], source: str, people: int = 4) -> bytes:
    """Return a PNG: for each person a face, the same decoded again, and every expression imagined.

    Parameters
    ----------
    imagination : FaceImagination
    chosen : dict
    source : str
        Expression of the faces to start from.
    people : int
        Rows.
    """
    rest, pictures = tested(chosen)
    rows = []
    for subject in rest.subjects[:people]:
        first = next(
            i
            for i, face in enumerate(rest.faces)
            if (face.subject, face.expression) == (subject, source)
        )
        z = imagination.encode(pictures[first : first + 1])
        count = len(EXPRESSIONS)
        own = EXPRESSIONS.index(source)
        made = imagination.decode(np.repeat(z, count + 1, 0), [own, *range(count)])
        rows.append(np.concatenate([pictures[first], *made], axis=1))
    grid = np.concatenate(rows)
    larger = cv2.resize(grid, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    return cv2.imencode(".png", np.ascontiguousarray(larger[..., ::-1]))[1].tobytes()
