"""Linear heads trained by gradient descent: on the current phase alone, and with exemplars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.peers.peer import Peer, PeerModel, held_out
from cil_nodes.evaluation.peers.softmax_head import (
    Head,
    Samples,
    Schedule,
    Stored,
    doubts,
    prepared,
    trained,
)
from cil_nodes.evaluation.peers.threshold import calibrate, tally
from cil_nodes.learners.base import Knowledge, Learned, Phase, Reason
from cil_nodes.learners.ledger import Ledger


def train_and_tally(
    head: Head,
    samples: Samples,
    held: NDArray[np.bool_],
    schedule: Schedule,
    rng: np.random.Generator,
    phase: Phase,
) -> tuple[Head, NDArray[np.int64], tuple[float, ...]]:
    """Train without the held-out samples, count the doubts about them, then train on with all.

    The second training is a fifth as long.

    Parameters
    ----------
    head : Head
    samples : Samples
    held : ndarray of shape (n,)
        Which samples are held out at first.
    schedule : Schedule
    rng : Generator
    phase : Phase
    """
    tallied = tally(np.zeros(0))
    losses: tuple[float, ...] = ()
    if held.any():
        rest = _Some(samples, np.flatnonzero(~held))
        head, losses = trained(head, rest, schedule, rng, phase.part(0.0, 0.8))
        tallied = tally(doubts(head.logits(samples.rows(np.flatnonzero(held))[0])))
    last = Schedule(
        max(1, schedule.epochs // 5) if held.any() else schedule.epochs,
        0.2 * schedule.rate if held.any() else schedule.rate,
        schedule.batch,
    )
    head, more = trained(head, samples, last, rng, phase.part(0.8, 1.0))
    return head, tallied, losses + more


@dataclass(frozen=True)
class _Some:
    """Part of other samples."""

    whole: Samples
    chosen: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.chosen)

    def rows(self, chosen: NDArray[np.int64]) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
        return self.whole.rows(self.chosen[chosen])


@dataclass(frozen=True)
class TrainedModel(PeerModel):
    """A head, and the samples kept for later phases.

    Attributes
    ----------
    weights, bias : ndarrays of shape (d, C), (C,)
        As in `Head`.
    exemplars : ndarray of shape (k, d)
        Samples kept, prepared for training; none for `FineTunedHead`.
    positions : ndarray of shape (k,)
        Their classes; those of one class in the order of herding.
    tallied : ndarray
        Doubts about held-out samples, counted.
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    exemplars: NDArray[np.float32]
    positions: NDArray[np.int64]
    tallied: NDArray[np.int64]

    @property
    def head(self) -> Head:
        """What answers."""
        return Head(self.weights, self.bias)


class FineTunedHead(Peer):
    """Fine-tuning: a linear softmax head trained on the samples of the current phase alone.

    The floor of every comparison in class-incremental learning (Masana et al., Class-Incremental
    Learning: Survey and Performance Evaluation, TPAMI 2023, section 5): nothing holds the old
    classes, and they are forgotten. Features are scaled to one length; all columns are trained.

    Parameters
    ----------
    epochs : int in [1, 10000]
        Passes over the phase.
    rate : float in [1e-6, 100]
        Learning rate at the start.
    random_state : int
        Shuffles the samples.
    """

    method: ClassVar[str] = "fine_tuned"
    model_type: ClassVar[type[PeerModel]] = TrainedModel
    for_learning: ClassVar[tuple[str, ...]] = ("exemplars", "positions", "tallied")
    reason: ClassVar[Reason] = Reason.LOW_CONFIDENCE
    _skip_checks: ClassVar[dict[str, str]] = dict.fromkeys(
        ("check_growth", "check_one_class_phases", "check_one_sample_phases", "check_forget"),
        "it forgets old classes: that is what makes it the floor",
    )

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
        old: TrainedModel | None = known.model if known else None
        classes, rows = len(ledger.classes), prepared(X)
        head = old.head.grown(classes) if old else Head.of(X.shape[1], classes)
        samples = Stored(rows, positions)
        if old and len(old.positions):
            kept = (np.vstack([rows, old.exemplars]), np.append(positions, old.positions))
            samples = Stored(*kept)
        # Exemplars were seen before: only new samples can be held out.
        held = np.zeros(len(samples), dtype=bool)
        held[: len(rows)] = held_out(positions)
        rng = np.random.default_rng(ledger.seeds())
        schedule = Schedule(self.epochs, self.rate)
        head, counted, losses = train_and_tally(head, samples, held, schedule, rng, phase)
        tallied = counted + (old.tallied if old else 0)
        model = TrainedModel(*head, *self._kept(samples, classes), tallied)
        return Learned(model, *calibrate(tallied, classes), losses=losses)

    def _kept(
        self, samples: Stored, classes: int
    ) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
        """Return the samples to keep, and their classes: none."""
        return samples.X[:0], samples.positions[:0]

    def _judge(self, model: Any, X: np.ndarray) -> tuple[NDArray[np.floating], ...]:
        logits = model.head.logits(prepared(X))
        return logits, doubts(logits)

    def _without(self, known: Knowledge, position: int, X: np.ndarray | None) -> Learned:
        old: TrainedModel = known.model
        stay = old.positions != position
        positions = old.positions[stay]
        model = TrainedModel(
            *old.head.without(position),
            old.exemplars[stay],
            positions - (positions > position),
            old.tallied,
        )
        return Learned(model, known.threshold, known.calibrated)


class ExemplarReplay(FineTunedHead):
    """Replay: a linear softmax head trained on the current phase and on stored exemplars.

    The store is bounded and shared evenly by the classes; exemplars are chosen by herding
    (Rebuffi et al., iCaRL, CVPR 2017, algorithms 4 and 5; 2,000 for CIFAR-100), so that their
    mean stays near the class's. Exemplars are feature vectors, scaled to one length.

    Parameters
    ----------
    capacity : int in [1, 10000000]
        Exemplars kept in all; at least one a class.
    epochs : int in [1, 10000]
        Passes over the phase and the exemplars.
    rate : float in [1e-6, 100]
        Learning rate at the start.
    random_state : int
        Shuffles the samples.
    """

    method: ClassVar[str] = "exemplar_replay"
    _skip_checks: ClassVar[dict[str, str]] = {}

    def __init__(
        self, capacity: int = 2000, epochs: int = 30, rate: float = 0.1, random_state: Any = 0
    ) -> None:
        super().__init__(epochs, rate, random_state)
        self.capacity = capacity

    def _kept(
        self, samples: Stored, classes: int
    ) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
        """Choose anew within each class, from its samples of this phase and what was kept."""
        share = max(1, self.capacity // classes)
        rows, positions = [], []
        for position in np.unique(samples.positions):
            own = samples.X[samples.positions == position]
            chosen = herded(own, share)
            rows.append(own[chosen])
            positions.append(np.full(len(chosen), position))
        return np.concatenate(rows), np.concatenate(positions)


def herded(X: NDArray[np.floating], most: int) -> NDArray[np.int64]:
    """Return the order in which herding picks rows of X (n, d), at most ``most``.

    Each pick brings the mean of those picked nearest to the mean of all (iCaRL, algorithm 4):
    row k minimises ``|mu - (x + s) / k|`` with s the sum of those before.
    """
    if len(X) <= most:
        return np.arange(len(X))
    mean, total = X.mean(axis=0), np.zeros(X.shape[1])
    products, lengths = X @ mean, np.einsum("nd,nd->n", X, X)
    free = np.ones(len(X), dtype=bool)
    picked = []
    for k in range(1, most + 1):
        # |k mu - s - x|^2 up to what is the same for all x.
        gap = lengths - 2.0 * (k * products - X @ total)
        gap[~free] = np.inf
        best = int(np.argmin(gap))
        picked.append(best)
        free[best] = False
        total += X[best]
    return np.array(picked)
