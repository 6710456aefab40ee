"""Which classes a learner knows, under which numbers, and how it got them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

_KINDS = {"i": "whole numbers", "u": "whole numbers", "f": "numbers", "b": "truth values"}


def label_kind(labels: np.ndarray) -> str:
    """Return what kind of labels these are, in words; used to refuse a mixture."""
    return _KINDS.get(labels.dtype.kind, "texts")


@dataclass(frozen=True)
class Ledger:
    """The record every learner keeps beside its model.

    Attributes
    ----------
    classes : (C,) array
        Labels in order of arrival, new ones of one phase sorted.
    indices : (C,) int64 array
        Number of each label; never reused, also not after forgetting.
    counts : (C,) int64 array
        Samples learned of each class.
    next_index : int
        The number that the next new label gets.
    lessons : int
        Phases learned; the n-th draws from ``SeedSequence([seed, n])``.
    seed : int
        Resolved ``random_state``.
    """

    classes: np.ndarray
    indices: np.ndarray
    counts: np.ndarray
    next_index: int
    lessons: int
    seed: int

    @classmethod
    def empty(cls, seed: int, like: np.ndarray) -> Ledger:
        """Return a ledger that knows nothing, for labels of the kind of ``like``."""
        none = np.zeros(0, dtype=np.int64)
        return cls(like[:0].copy(), none, none, 0, 0, seed)

    def positions(self, labels: np.ndarray) -> np.ndarray:
        """Return the position in ``classes`` of every label, -1 where it is not known."""
        where = {label: i for i, label in enumerate(self.classes.tolist())}
        return np.array([where.get(label, -1) for label in labels.tolist()], dtype=np.int64)

    def with_phase(self, labels: np.ndarray) -> tuple[Ledger, np.ndarray, np.ndarray]:
        """Enter one phase.

        Returns
        -------
        ledger : Ledger
        positions : (n,) int array
            Of every sample, in the new ``classes``.
        new : (k,) array
            Labels met for the first time, sorted.
        """
        if len(self.classes) and label_kind(labels) != label_kind(self.classes):
            raise ValueError(
                f"Labels must stay of one kind: {label_kind(self.classes)} were taught so far, "
                f"this phase brings {label_kind(labels)} (such as {labels[0]!r}). "
                "Convert y before teaching."
            )
        new = np.unique(labels[self.positions(labels) < 0])
        classes = np.concatenate([self.classes, new]) if len(self.classes) else new
        fresh = np.arange(self.next_index, self.next_index + len(new), dtype=np.int64)
        grown = replace(
            self,
            classes=classes,
            indices=np.concatenate([self.indices, fresh]),
            next_index=self.next_index + len(new),
            lessons=self.lessons + 1,
        )
        positions = grown.positions(labels)
        counts = np.bincount(positions, minlength=len(classes)).astype(np.int64)
        counts[: len(self.counts)] += self.counts
        return replace(grown, counts=counts), positions, new

    def without(self, position: int) -> Ledger:
        """Drop one class; its number stays used up."""
        return replace(
            self,
            classes=np.delete(self.classes, position),
            indices=np.delete(self.indices, position),
            counts=np.delete(self.counts, position),
        )

    def seeds(self) -> np.random.SeedSequence:
        """Return the seed sequence of the lesson that made this ledger."""
        return np.random.SeedSequence([self.seed, self.lessons])

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a file's header."""
        return {
            "classes": self.classes.tolist(),
            "label_dtype": "object" if self.classes.dtype.kind == "O" else self.classes.dtype.str,
            "indices": self.indices.tolist(),
            "counts": self.counts.tolist(),
            "next_index": self.next_index,
            "lessons": self.lessons,
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Ledger:
        """Rebuild from `to_json`."""
        return cls(
            np.array(data["classes"], dtype=np.dtype(data["label_dtype"])),
            np.array(data["indices"], dtype=np.int64),
            np.array(data["counts"], dtype=np.int64),
            int(data["next_index"]),
            int(data["lessons"]),
            int(data["seed"]),
        )


def resolve_seed(random_state: Any) -> int:
    """Turn scikit-learn's ``random_state`` into one non-negative int.

    None draws fresh entropy; generators are asked for a number.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31 - 1))
    seed = int(random_state)
    if seed < 0:
        raise ValueError(f"random_state must be 0 or larger, got {seed}.")
    return seed
