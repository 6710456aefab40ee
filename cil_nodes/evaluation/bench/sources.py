"""Where a comparison's pictures come from: a data set's features, in phases, in some order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from cil_nodes.evaluation.bench.features import DEFAULT_ENCODER, features_of
from cil_nodes.evaluation.bench.phase_runs import Stream
from cil_nodes.evaluation.protocols import (
    Labelled,
    dealt_out,
    look_alike_chain,
    side_by_side,
    split_phases,
)

SIDE_BY_SIDE = "side by side"
DEALT_OUT = "dealt out"


@dataclass(frozen=True)
class Source:
    """A data set taught in phases; small enough to travel to another process.

    Attributes
    ----------
    dataset : str
        As `open_dataset` takes it; its splits "train" and "test" are used.
    phases : int
        Of equal size, as far as that goes.
    order : int or str
        Seed of the class order, or `SIDE_BY_SIDE` (look-alikes in a row) or `DEALT_OUT` (the same
        row dealt out over the phases).
    each : int
        Training pictures of each class; 0 for all.
    encoder : str
        As `features_of` takes it.
    """

    dataset: str
    phases: int
    order: int | str = 1993
    each: int = 0
    encoder: str = DEFAULT_ENCODER

    def stream(self) -> Stream:
        """Return phases and pictures."""
        pictures = _pictures(self.dataset, self.encoder)
        stream = Stream(self._phases(pictures), pictures.train, pictures.test)
        return stream.part(self.each) if self.each else stream

    def _phases(self, pictures: _Pictures) -> tuple[tuple[str, ...], ...]:
        if isinstance(self.order, int):
            return split_phases(pictures.classes, self.phases, self.order)
        families = pictures.families
        row = side_by_side(families) if families else look_alike_chain(pictures.train)
        if self.order == SIDE_BY_SIDE:
            return split_phases(row, self.phases, seed=None)
        return dealt_out(row, self.phases)

    def key(self) -> dict[str, Any]:
        """Name all that decides what is taught and shown."""
        return {**vars(self), "data": _pictures(self.dataset, self.encoder).hashes}


@dataclass(frozen=True)
class _Pictures:
    """Features of both splits; families only where the data set's own make sense as look-alikes."""

    train: Labelled
    test: Labelled
    classes: tuple[str, ...]
    families: dict[str, str]
    hashes: tuple[str, str]


@lru_cache(maxsize=2)
def _pictures(dataset: str, encoder: str) -> _Pictures:
    (train, taught), (test, shown) = (features_of(dataset, s, encoder) for s in ("train", "test"))
    # Grocery's coarse classes hold things that look alike; CIFAR-100's hold whales and dolphins,
    # but also a bowl and a bottle, so there the row is found from the features.
    families = dict(taught.coarse or {}) if dataset == "grocery" else {}
    known = set(np.unique(train.labels).tolist())
    classes = tuple(c for c in taught.classes if c in known)
    families = {c: families[c] for c in classes if c in families}
    return _Pictures(train, test, classes, families, (taught.data_hash, shown.data_hash))
