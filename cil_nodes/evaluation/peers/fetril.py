"""Past classes made up by moving samples of new ones (FeTrIL)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.peers.peer import Peer, PeerModel, held_out, widened
from cil_nodes.evaluation.peers.softmax_head import Head, Schedule, doubts, prepared
from cil_nodes.evaluation.peers.threshold import calibrate
from cil_nodes.evaluation.peers.trained_heads import train_and_tally
from cil_nodes.evaluation.protocols import unit_rows
from cil_nodes.learners.base import Knowledge, Learned, Phase, Reason
from cil_nodes.learners.ledger import Ledger


@dataclass(frozen=True)
class TranslationModel(PeerModel):
    """Class means and a head.

    Attributes
    ----------
    counts : ndarray of shape (C,)
    means : ndarray of shape (C, d)
    weights, bias : ndarrays of shape (d, C), (C,)
        As in `Head`.
    tallied : ndarray
        Doubts about held-out samples, counted.
    """

    counts: NDArray[np.float64]
    means: NDArray[np.float64]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    tallied: NDArray[np.int64]

    @property
    def head(self) -> Head:
        """What answers."""
        return Head(self.weights, self.bias)


@dataclass(frozen=True)
class Translated:
    """Samples of a phase, and the same moved onto the means of other classes.

    Attributes
    ----------
    X : ndarray of shape (n, d)
        Samples of the phase.
    sources : ndarray of shape (m,)
        Row that each sample is made from.
    positions : ndarray of shape (m,)
        Class that it stands for.
    shifts : ndarray of shape (C, d)
        What is added for each class.
    """

    X: NDArray[np.float32]
    sources: NDArray[np.int64]
    positions: NDArray[np.int64]
    shifts: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.positions)

    def rows(self, chosen: NDArray[np.int64]) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
        """Make rows up; nothing larger than a batch is ever stored."""
        positions = self.positions[chosen]
        return prepared(self.X[self.sources[chosen]] + self.shifts[positions]), positions


def translated(
    X: NDArray[np.floating], positions: NDArray[np.int64], means: NDArray[np.float64]
) -> Translated:
    """Give every class samples: those of the phase's class with the most similar mean, moved.

    ``f + mu_p - mu_n`` for a sample f of class n, to stand for class p (Eq. 1). A class of the
    phase is its own source; where it was known before, its samples move onto its mean over all.

    Parameters
    ----------
    X, positions : ndarrays of shape (n, d), (n,)
        Samples of the phase and their classes.
    means : ndarray of shape (C, d)
        Of all classes, over everything seen.
    """
    present = np.unique(positions)
    own = np.stack([X[positions == n].mean(axis=0) for n in present])
    nearest = np.argmax(unit_rows(means) @ unit_rows(own).T, axis=1)
    nearest[present] = np.arange(len(present))
    rows = [np.flatnonzero(positions == n) for n in present]
    sources = [rows[source] for source in nearest]
    classes = [np.full(len(r), p) for p, r in enumerate(sources)]
    return Translated(
        X.astype(np.float32),
        np.concatenate(sources),
        np.concatenate(classes),
        (means - own[nearest]).astype(np.float32),
    )


class FeTrIL(Peer):
    """FeTrIL: a linear head trained on new samples and on past classes made up from them.

    Petit et al., FeTrIL: Feature Translation for Exemplar-Free Class-Incremental Learning, WACV
    2023, section 3: of a past class only its mean is kept; its samples are made up by moving
    those of the most similar new class (k = 1) onto that mean. The head is trained anew in each
    phase. It is the paper's fully connected variant; its linear SVM takes minutes a phase.

    Parameters
    ----------
    epochs : int in [1, 10000]
        Passes over new and made-up samples.
    rate : float in [1e-6, 100]
        Learning rate at the start.
    random_state : int
        Shuffles the samples.
    """

    method: ClassVar[str] = "fetril"
    model_type: ClassVar[type[PeerModel]] = TranslationModel
    for_learning: ClassVar[tuple[str, ...]] = ("counts", "means", "tallied")
    reason: ClassVar[Reason] = Reason.LOW_CONFIDENCE

    def __init__(self, epochs: int = 30, rate: float = 0.1, random_state: Any = 0) -> None:
        self.epochs = epochs
        self.rate = rate
        self.random_state = random_state

    def _learn(
        self,
        known: Knowledge | None,
        ledger: Ledger,
        X: np.ndarray,
        positions: np.ndarray,
        phase: Phase,
    ) -> Learned:
        old: TranslationModel | None = known.model if known else None
        classes = len(ledger.classes)
        counts = np.bincount(positions, minlength=classes).astype(np.float64)
        totals = np.zeros((classes, X.shape[1]))
        np.add.at(totals, positions, X)
        if old:
            totals += widened(old.means * old.counts[:, None], classes)
            counts += widened(old.counts, classes)
        means = totals / counts[:, None]
        samples = translated(X, positions, means)
        # Held out are real samples together with everything made from them.
        held = held_out(positions)[samples.sources]
        head, counted, losses = train_and_tally(
            Head.of(X.shape[1], classes),
            samples,
            held,
            Schedule(self.epochs, self.rate),
            np.random.default_rng(ledger.seeds()),
            phase,
        )
        model = TranslationModel(counts, means, *head, counted)
        return Learned(model, *calibrate(counted, classes), losses=losses)

    def _judge(self, model: Any, X: np.ndarray) -> tuple[NDArray[np.floating], ...]:
        logits = model.head.logits(prepared(X))
        return logits, doubts(logits)

    def _without(self, known: Knowledge, position: int, X: np.ndarray | None) -> Learned:
        old: TranslationModel = known.model
        model = TranslationModel(
            np.delete(old.counts, position),
            np.delete(old.means, position, axis=0),
            *old.head.without(position),
            old.tallied,
        )
        return Learned(model, known.threshold, known.calibrated)
