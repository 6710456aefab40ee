"""One phase of CLIFER: class after class, scored before it is learned, then imagined."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cil_nodes.learners.clifer.answering import Prototypes, novelty
from cil_nodes.learners.clifer.dual import DualMemory, Pair
from cil_nodes.learners.clifer.heldback import HeldBack
from cil_nodes.learners.clifer.imagining import Imagination
from cil_nodes.learners.clifer.neurons import NOBODY
from cil_nodes.learners.phase import Phase


@dataclass
class Lesson:
    """What one phase works on; everything in it is its own copy.

    Attributes
    ----------
    memory : DualMemory
    held_back : HeldBack
        Written to.
    classes : int
        Known with this phase, C.
    imagination : Imagination or None
    answer : {"episodic", "semantic"}
        Which memory answers, and is scored therefore.
    """

    memory: DualMemory
    held_back: HeldBack
    classes: int
    imagination: Imagination | None
    answer: str

    def learn(self, rows: np.ndarray, positions: np.ndarray, phase: Phase) -> Pair:
        """Learn rows (n, d) with labels ``positions`` (n,); classes in order of arrival."""
        arrived = list(dict.fromkeys(positions.tolist()))
        for number, label in enumerate(arrived):
            phase.report(number / len(arrived), "growing memories")
            self._learn_class(rows[positions == label], label)
        return self.memory.at_rest()

    def _learn_class(self, rows: np.ndarray, label: int) -> None:
        """Learn one class in mini-episodes, then imagine from its winners (Algorithm 1)."""
        size = self.memory.schedule.episode
        winners = []
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            self._score(part, label)
            winners.append(self.memory.episode(part, np.full(len(part), label)))
        if self.imagination is not None:
            means = self._prototypes("episodic").means(self.classes)
            # The last mini-batch's winners, as the algorithm's B^m after its loop over m.
            self.memory.dream(*self.imagination(winners[-1], label, means))

    def _prototypes(self, which: str) -> Prototypes:
        memory = self.memory.episodic if which == "episodic" else self.memory.semantic
        there = memory.labels != NOBODY
        return Prototypes(memory.weights[there], memory.labels[there].astype(np.int64))

    def _score(self, rows: np.ndarray, label: int) -> None:
        """Note how new a mini-episode looks before it is played, sample after sample."""
        there = self._prototypes(self.answer)
        near = there.by_class(rows, self.classes)
        among = np.linalg.norm(rows[:, None] - rows[None], axis=2)
        known, new = [], []
        for i in range(len(rows)):
            own = min(near[i, label], among[i, :i].min(initial=np.inf))
            sight = near[i].copy()
            sight[label] = own
            if np.isfinite(own):
                known.append(novelty(sight[None])[0])
            elif np.isfinite(sight).any():
                new.append(novelty(sight[None])[0])
        self.held_back.note(label, np.array(known), np.array(new))
