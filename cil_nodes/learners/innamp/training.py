"""Training of many perceptrons at once: Adam on a sum over classes, in NumPy alone.

The loss is a sum of one term a network, and no two share a weight; so each is trained exactly as
it would be alone, while the first layer of all is one matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from cil_nodes.learners.innamp.networks import Networks
from cil_nodes.learners.phase import Phase

_BETA1, _BETA2, _TINY = 0.9, 0.999, 1e-8
"""Adam's own constants (Kingma and Ba, ICLR 2015)."""


@dataclass(frozen=True)
class Rule:
    """How networks are trained; the paper says none of it.

    Attributes
    ----------
    steps : int
        Steps of a new network.
    retrain_steps : int
        Steps of one that is trained again, from where it was.
    batch : int
        Rows a step.
    rate : float
        Learning rate of Adam.
    decay : float
        Share of a weight that a step takes off, over the rate.
    enough : float
        A network whose loss over a pass, in nats, is below this is finished.
    """

    steps: int = 600
    retrain_steps: int = 200
    batch: int = 128
    rate: float = 0.02
    decay: float = 0.1
    enough: float = 0.003


def train(
    networks: Networks,
    X: np.ndarray,
    own: np.ndarray,
    weights: np.ndarray,
    steps: int,
    rule: Rule,
    rng: np.random.Generator,
    phase: Phase,
) -> tuple[Networks, np.ndarray]:
    """Train networks on rows, each from the weights it has.

    Parameters
    ----------
    networks : Networks
        A of them.
    X : (n, d) float32 array
        Scaled rows.
    own : (n, A) bool array
        Which rows are of a network's own class.
    weights : (n, A) float32 array
        Of each row for each network; each column sums to 1.
    steps : int
        At most so many; whole passes over the rows.
    rule : Rule
    rng : Generator
        For the order of the rows, which all networks share.
    phase : Phase
        Asked at every step whether to stop; told of every pass.

    Returns
    -------
    networks : Networks
    losses : (passes,) array
        Mean cross-entropy of those still in training, in nats, pass by pass.
    """
    if not len(networks) or not len(X):
        return networks, np.zeros(0)
    rows = np.concatenate([X, np.ones((len(X), 1), np.float32)], axis=1)
    state = _Adam(networks)
    left = np.arange(len(networks))
    per_pass = -(-len(rows) // rule.batch)
    passes = max(1, round(steps / per_pass))
    losses = []
    for number in range(passes):
        total = np.zeros(len(left))
        for batch in np.array_split(rng.permutation(len(rows)), per_pass):
            share = len(rows) / len(batch)
            part = np.ix_(batch, left)
            loss, gradients = _gradients(state, rows[batch], own[part], weights[part] * share)
            state.step(gradients, rule)
            total += loss * len(batch) / len(rows)
            phase.check()
        losses.append(float(total.mean()))
        phase.report((number + 1) / passes, "training")
        going = total > rule.enough
        left = left[going]
        state.keep(going)
        if not len(left):
            break
    return state.networks(), np.array(losses)


def _gradients(
    state: _Adam, rows: np.ndarray, own: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Return each network's weighted cross-entropy (A,), and its gradients."""
    hidden, output = state.hidden, state.output
    count, units, wide = hidden.shape
    active = np.tanh(rows @ hidden.reshape(count * units, wide).T).reshape(-1, count, units)
    logits = np.einsum("bah,ah->ba", active, output[:, :-1]) + output[:, -1]
    loss = (weights * np.logaddexp(0, np.where(own, -logits, logits))).sum(axis=0)
    error = weights * (expit(logits) - own)
    to_output = np.empty_like(output)
    np.einsum("ba,bah->ah", error, active, out=to_output[:, :-1])
    to_output[:, -1] = error.sum(axis=0)
    back = error[:, :, None] * output[:, :-1] * (1 - active**2)
    to_hidden = (back.reshape(-1, count * units).T @ rows).reshape(hidden.shape)
    return loss, (to_hidden, to_output)


class _Adam:
    """Weights in training, with Adam's averages; finished networks are put aside.

    The second moment is one number a unit, not one a weight: otherwise an attribute that is all
    but constant among the rows, such as a word of one page, is learned as fast as any other, and
    the first page that has the word is misread.
    """

    def __init__(self, networks: Networks) -> None:
        self._done = networks
        self._left = np.arange(len(networks))
        self.hidden, self.output = networks.hidden.copy(), networks.output.copy()
        self._first = [np.zeros_like(self.hidden), np.zeros_like(self.output)]
        self._second = [np.zeros_like(a[..., :1]) for a in self._first]
        self._steps = 0

    def step(self, gradients: tuple[np.ndarray, np.ndarray], rule: Rule) -> None:
        """Move every network still in training."""
        self._steps += 1
        rate = rule.rate * (1 - _BETA2**self._steps) ** 0.5 / (1 - _BETA1**self._steps)
        for weights, gradient, first, second in zip(
            (self.hidden, self.output), gradients, self._first, self._second, strict=True
        ):
            square = np.einsum("...d,...d->...", gradient, gradient)[..., None]
            second += (1 - _BETA2) * (square / gradient.shape[-1] - second)
            first *= _BETA1
            gradient *= 1 - _BETA1
            first += gradient
            weights *= 1 - rule.rate * rule.decay
            weights -= first * (rate / (np.sqrt(second) + _TINY))

    def keep(self, going: np.ndarray) -> None:
        """Put aside those that are finished."""
        if going.all():
            return
        ended = Networks(self.hidden[~going], self.output[~going])
        self._done = self._done.replaced(self._left[~going], ended)
        self._left = self._left[going]
        self.hidden, self.output = self.hidden[going], self.output[going]
        self._first = [average[going] for average in self._first]
        self._second = [average[going] for average in self._second]

    def networks(self) -> Networks:
        """Return all of them, finished or not."""
        return self._done.replaced(self._left, Networks(self.hidden, self.output))
