"""The learned decision layer, which the paper proposes in the monitor's place (section 5).

It sees what no number of classes changes: the strongest outputs, sorted, and how likely nobody and
several fire. It is trained on classes that committees were never taught.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cil_nodes.learners.innamp.monitor import log_shares
from cil_nodes.learners.innamp.networks import Networks
from cil_nodes.learners.innamp.training import Rule, train
from cil_nodes.learners.phase import Phase

STRONGEST = 5
UNITS = 10
_LIMIT = 10.0
"""Log-odds and logs of probabilities beyond this say no more."""


@dataclass(frozen=True)
class Decision:
    """A network that says how likely a sample is of no known class.

    Attributes
    ----------
    networks : Networks
        One, over the numbers of `summary`.
    mean, scale : (7,) float32 arrays
        By which those are centred and scaled.
    """

    networks: Networks
    mean: np.ndarray
    scale: np.ndarray

    def novelty(self, odds: np.ndarray) -> np.ndarray:
        """Return the log-odds (n,) that a sample is unknown, for log-odds (n, C) of firing."""
        return self.networks.logits((summary(odds) - self.mean) / self.scale)[:, 0]


def summary(odds: np.ndarray) -> np.ndarray:
    """Return (n, 7): the five largest log-odds, the logs of P(nobody) and of P(several)."""
    best = np.full((len(odds), STRONGEST), -_LIMIT)
    count = min(STRONGEST, odds.shape[1])
    best[:, :count] = -np.sort(-odds, axis=1)[:, :count]
    nobody, _, several = log_shares(odds)
    numbers = np.concatenate([best, nobody[:, None], several[:, None]], axis=1)
    return np.clip(numbers, -_LIMIT, _LIMIT).astype(np.float32)


def learn_decision(
    odds: list[np.ndarray], unknown: list[np.ndarray], rng: np.random.Generator, phase: Phase
) -> Decision:
    """Train the layer on held-out samples of known classes and on classes left out.

    Parameters
    ----------
    odds : list of (n, C) arrays
        What committees say; they need not know equally many classes.
    unknown : list of (n,) bool arrays
        Which samples are of a class that the committee was never taught.
    rng : Generator
    phase : Phase
    """
    numbers = np.concatenate([summary(part) for part in odds])
    own = np.concatenate(unknown)
    mean, scale = numbers.mean(axis=0), np.maximum(numbers.std(axis=0), 0.1)
    # Nobody knows how often the unknown will come: both sorts weigh the same.
    weights = np.where(own, 0.5 / max(own.sum(), 1), 0.5 / max((~own).sum(), 1))
    seed = np.random.SeedSequence(int(rng.integers(2**31)))
    networks = Networks.drawn(numbers.shape[1], UNITS, [seed])
    rule = Rule()
    networks, _ = train(
        networks,
        (numbers - mean) / scale,
        own[:, None],
        weights[:, None].astype(np.float32),
        rule.steps,
        rule,
        rng,
        phase,
    )
    return Decision(networks, mean, scale)


def judged_by_others(
    odds: list[np.ndarray], unknown: list[np.ndarray], rng: np.random.Generator, phase: Phase
) -> list[np.ndarray]:
    """Return novelty (n,) of each part, by a layer trained on the other parts alone.

    Parameters are those of `learn_decision`. A threshold laid on what the layer itself was trained
    on would lie too low.
    """
    judged = []
    for left_out, part in enumerate(odds):
        others = [number for number in range(len(odds)) if number != left_out]
        layer = learn_decision(
            [odds[number] for number in others],
            [unknown[number] for number in others],
            rng,
            phase.part(left_out / len(odds), (left_out + 1) / len(odds)),
        )
        judged.append(layer.novelty(part))
    return judged
