"""Synaptic intelligence: weights that mattered are held where they were (torch).

F. Zenke, B. Poole, S. Ganguli, "Continual Learning Through Synaptic Intelligence", ICML 2017;
equations by its numbers.
"""

from __future__ import annotations

import torch

from cil_nodes.learners.repulsion_replay.network import Weights

GUARDED = ("e1", "e2", "c1", "c2", "head")
"""Layers it holds: encoder and classifier, not the generator."""


class Synapses:
    """Follows the weights of one phase.

    Parameters
    ----------
    weights : dict
        As they are trained; only those of `GUARDED` are followed.
    importance, anchor : dict
        Omega and theta-tilde of earlier phases; empty before the second.
    strength : float
        c of Eq. 4; 0 turns it off.
    damping : float
        xi of Eq. 5.
    """

    def __init__(
        self,
        weights: Weights,
        importance: Weights,
        anchor: Weights,
        strength: float,
        damping: float,
    ) -> None:
        own = [name for name in weights if name.split(".")[0] in GUARDED]
        self.names = own if strength > 0 else []
        self.weights, self.importance, self.anchor = weights, importance, anchor
        self.strength, self.damping = strength, damping
        self.start = {name: weights[name].detach().clone() for name in self.names}
        self.path = {name: torch.zeros_like(weights[name]) for name in self.names}
        self._before: Weights = {}
        self._slope: Weights = {}

    def before_step(self) -> None:
        """Note gradients of the loss and weights; then add the gradient of Eq. 4's penalty."""
        for name in self.names:
            weight = self.weights[name]
            if weight.grad is None:
                continue
            self._before[name] = weight.detach().clone()
            self._slope[name] = weight.grad.clone()
            if name in self.importance:
                away = weight.detach() - self.anchor[name]
                weight.grad += 2 * self.strength * self.importance[name] * away

    def after_step(self) -> None:
        """Add -gradient x change to the path integral (Eq. 3)."""
        for name, before in self._before.items():
            self.path[name] -= self._slope[name] * (self.weights[name].detach() - before)

    def consolidated(self) -> tuple[Weights, Weights]:
        """Return importance (Eq. 5) and anchor after this phase.

        What raised the loss does not count: a negative importance would push weights away.
        """
        importance, anchor = {}, {}
        for name in self.names:
            now = self.weights[name].detach()
            change = now - self.start[name]
            gained = self.path[name].clamp_min(0) / (change.square() + self.damping)
            importance[name] = self.importance.get(name, torch.zeros_like(now)) + gained
            anchor[name] = now.clone()
        return importance, anchor
