"""What CLIFER has learned: a pair of memories for each person, and what answering needs of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cil_nodes.learners.calibration import ScoreMap
from cil_nodes.learners.clifer.answering import Prototypes
from cil_nodes.learners.clifer.dual import Pair, below
from cil_nodes.learners.clifer.heldback import HeldBack
from cil_nodes.learners.clifer.scaling import Scaling
from cil_nodes.learners.clifer.twin import Twin

GENERIC = ""
"""The subject of what is taught without one."""


@dataclass(frozen=True)
class Model:
    """Memories by subject.

    Attributes
    ----------
    scaling : Scaling
    answers : dict of str to Prototypes
        The answering memory's labelled neurons of each subject.
    score_map : ScoreMap
    pairs : dict of str to Pair
        Both memories of each subject; empty where the file was saved without statistics.
    held_back : HeldBack
    twin : Twin or None
        What imagines, where networks do.
    """

    scaling: Scaling
    answers: dict[str, Prototypes]
    score_map: ScoreMap
    pairs: dict[str, Pair]
    held_back: HeldBack
    twin: Twin | None = None

    def prototypes(self, subject: str) -> Prototypes | None:
        """Return what answers for a subject; for a stranger the memory without subject, if any."""
        return self.answers.get(subject, self.answers.get(GENERIC))

    def only(self, subject: str) -> Model:
        """Return the model with one subject's memories alone."""
        return replace(
            self,
            answers={subject: self.answers[subject]},
            pairs={name: pair for name, pair in self.pairs.items() if name == subject},
        )

    def without(self, subject: str) -> Model:
        """Return the model without a subject's memories."""
        return replace(
            self,
            answers={name: a for name, a in self.answers.items() if name != subject},
            pairs={name: pair for name, pair in self.pairs.items() if name != subject},
        )


def pack(model: Model, statistics: bool) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the model as named arrays and JSON values."""
    subjects = list(model.answers)
    tensors: dict[str, np.ndarray] = {}
    for number, subject in enumerate(subjects):
        whole = statistics and subject in model.pairs
        part = model.pairs[subject].pack() if whole else model.answers[subject].pack()
        tensors |= {f"subject{number}.{name}": array for name, array in part.items()}
    if statistics:
        tensors |= {f"held_back.{k}": v for k, v in model.held_back.pack().items()}
        if model.twin is not None:
            tensors |= {f"twin.{k}": v for k, v in model.twin.weights.items()}
    values = {
        "subjects": subjects,
        "scaling": vars(model.scaling),
        "score_map": vars(model.score_map),
        "whole": statistics,
    }
    return tensors, values


def unpack(tensors: dict[str, np.ndarray], values: dict[str, Any], answer: str) -> Model:
    """Rebuild from `pack`; ``answer`` names the memory that answers."""
    pairs, answers = {}, {}
    for number, subject in enumerate(values["subjects"]):
        part = below(tensors, f"subject{number}")
        if values["whole"]:
            pairs[subject] = Pair.unpack(part)
            answers[subject] = Prototypes.of(getattr(pairs[subject], answer))
        else:
            answers[subject] = Prototypes.unpack(part)
    held_back = HeldBack.unpack(below(tensors, "held_back")) if values["whole"] else HeldBack.none()
    weights = below(tensors, "twin")
    return Model(
        Scaling(**values["scaling"]),
        answers,
        ScoreMap(**values["score_map"]),
        pairs,
        held_back,
        Twin(weights) if weights else None,
    )
