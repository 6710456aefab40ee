"""Feature vectors with their labels, and what is cut out of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Labelled:
    """Feature vectors with their labels.

    Attributes
    ----------
    features : ndarray of shape (n, d), float
        One row a picture.
    labels : ndarray of shape (n,), str
        What each picture shows.
    """

    features: NDArray[np.floating]
    labels: NDArray[np.str_]

    def __post_init__(self) -> None:
        if self.features.ndim != 2 or len(self.features) != len(self.labels):
            raise ValueError(
                f"features {self.features.shape} and labels {self.labels.shape} do not belong "
                "together: expected (n, d) and (n,)."
            )

    @property
    def classes(self) -> tuple[str, ...]:
        """All labels that occur, sorted."""
        return tuple(np.unique(self.labels).tolist())

    def of(self, classes: Sequence[str]) -> Labelled:
        """Keep only these classes, in the order stored."""
        kept = np.isin(self.labels, list(classes))
        return Labelled(self.features[kept], self.labels[kept])

    def take(self, positions: ArrayLike) -> Labelled:
        """Keep the rows at these positions, in the order given."""
        chosen = np.asarray(positions, dtype=np.int64)
        return Labelled(self.features[chosen], self.labels[chosen])

    def __len__(self) -> int:
        return len(self.labels)


def joined(parts: Sequence[Labelled]) -> Labelled:
    """Put labelled features one after the other; at least one part."""
    return Labelled(
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )


def few_of_each(train: Labelled, shots: int, seed: int = 0) -> Labelled:
    """Draw ``shots`` samples of every class, or all where a class has fewer; order is kept.

    Parameters
    ----------
    train : Labelled
        What is drawn from.
    shots : int
        Samples of each class: 1, 5 and 10 are usual.
    seed : int
        Another seed draws others. What 5 shots draw begins with what 1 shot draws.
    """
    if shots < 1:
        raise ValueError(f"shots is {shots}: at least one sample of each class is needed.")
    ranks = np.random.default_rng(seed).permutation(len(train))
    kept = [
        positions[np.argsort(ranks[positions])[:shots]]
        for positions in (np.flatnonzero(train.labels == name) for name in train.classes)
    ]
    return train.take(np.sort(np.concatenate(kept)))


def held_out_split(train: Labelled, share: float, seed: int) -> tuple[Labelled, Labelled]:
    """Split training data, class by class, into what is fitted and what is validated on.

    Parameters
    ----------
    train : Labelled
        Training pictures.
    share : float
        Share of every class that is held out, in (0, 1); at least one sample of each.
    seed : int
        Another seed holds out others.

    Returns
    -------
    tuple of Labelled
        Fitted and held out, each in the order stored.
    """
    if not 0.0 < share < 1.0:
        raise ValueError(f"share is {share}: it must lie between 0 and 1.")
    rng = np.random.default_rng(seed)
    out = np.zeros(len(train), dtype=bool)
    for name in train.classes:
        positions = np.flatnonzero(train.labels == name)
        out[rng.permutation(positions)[: max(1, round(share * len(positions)))]] = True
    return train.take(np.flatnonzero(~out)), train.take(np.flatnonzero(out))


def unit_rows(features: ArrayLike) -> NDArray[np.float64]:
    """Scale rows to length 1; a row of zeros stays as it is."""
    rows = np.asarray(features, dtype=np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1.0)
