"""Who is compared: ORACIL in its forms, and the peers, each with what its run needs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.bench import phase_runs
from cil_nodes.evaluation.bench.phase_runs import Arrays, Before, Stream, View
from cil_nodes.evaluation.bench.runner import Context
from cil_nodes.learners.base import IncrementalLearner
from cil_nodes.learners.oracil import Oracil

OURS = ("learners/oracil", "evaluation/bench/phase_runs.py")
"""Code that decides what ORACIL answers: a change makes its kept runs stale."""


@dataclass(frozen=True)
class Contender:
    """One learner of a comparison.

    Attributes
    ----------
    name : str
        As tables print it.
    make : callable
        Returns an untaught learner.
    at : tuple of int
        Phases, from 1, after which pictures are shown; empty: all.
    view : callable
        What is asked for besides answers, see `phase_runs.teach`.
    before : callable, optional
        Called before each phase.
    joined : bool
        Whether phases between those of ``at`` may be taught as one: exact for this learner.
    code : tuple of str
        Parts of the package whose change makes kept runs stale.
    """

    name: str
    make: Callable[[], IncrementalLearner]
    at: tuple[int, ...] = ()
    view: View = phase_runs.nothing_more
    before: Before | None = None
    joined: bool = False
    code: tuple[str, ...] = OURS

    def run(self, context: Context, stream: Stream, data: Mapping[str, Any]) -> Arrays:
        """Return the contender's run over a stream, from the cache where it is kept.

        Parameters
        ----------
        context : Context
            Keeps runs.
        stream : Stream
            Phases, training and test pictures.
        data : mapping
            Names what the features are made of.
        """
        learner = self.make()
        key = {
            "data": dict(data),
            "learner": type(learner).__name__,
            "parameters": {k: repr(v) for k, v in learner.get_params().items()},
            "phases": stream.phases,
            "each": len(stream.train.labels),
            "at": self.at,
            "before": self.before.__name__ if self.before else "",
        }
        return context.arrays(key, lambda: self._teach(stream), self.code)

    def _teach(self, stream: Stream) -> Arrays:
        at = self.at or None
        return phase_runs.teach(self.make, stream, self.view, at, self.before, self.joined)

    def only_at(self, at: tuple[int, ...]) -> Contender:
        """Return the contender shown pictures after some phases only."""
        return replace(self, at=at)


def peer(name: str, kind: type[IncrementalLearner], at: tuple[int, ...] = (), **settings: Any):
    """Describe a peer; its own file and the runs' decide its answers.

    Parameters
    ----------
    name : str
        As tables print it.
    kind : type
        The peer's class.
    at : tuple of int
        Phases after which pictures are shown; where joining is exact, those between are joined.
    **settings
        Of the peer.
    """
    root = Path(phase_runs.__file__).resolve().parents[2]
    own = Path(inspect.getfile(kind)).resolve().relative_to(root).as_posix()
    code = (own, "evaluation/bench/phase_runs.py")
    return Contender(name, lambda: kind(**settings), at, joined=kind.joins_exactly, code=code)


def ours(name: str, **settings: Any) -> Contender:
    """Describe ORACIL with the joint head and the router beside its own answers."""
    return Contender(name, lambda: Oracil(**settings), view=head_and_router)


def head_and_router(
    learner: Oracil, stream: Stream, rows: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    """Ask the same sums without a router, and how well the router does.

    Returns
    -------
    dict of str to ndarray
        ``joint``: answers of the joint head; ``groups`` and ``router_accuracy`` as figures.
    """
    joint = learner.rebuilt(router="none").predict(stream.test.features[rows])
    return {"joint": joint, **router_figures(learner, stream, rows)}


def router_figures(
    learner: Oracil, stream: Stream, rows: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    """Count groups, and how often the router's first choice is the true class's group.

    Where the group is told, ``told`` are the answers: what a perfect router would give.
    """
    X, groups = stream.test.features[rows], learner.groups_
    place = {label: i for i, label in enumerate(learner.classes_.tolist())}
    own = groups[[place[label] for label in stream.test.labels[rows].tolist()]]
    within = np.where(groups == own[:, None], learner.predict_proba(X), -1.0)
    figures: dict[str, NDArray[Any]] = {
        "told": learner.classes_[np.argmax(within, axis=1)],
        "groups": np.array(float(groups.max() + 1)),
    }
    if groups.max() > 0:
        right = np.argmax(learner.route(X), axis=1) == own
        figures["router_accuracy"] = np.array(float(right.mean()))
    ensemble = learner.state_.model.predictor.ensemble
    if ensemble is not None:
        figures["router_weights"] = ensemble.weights
    return figures


def thrown_away(learner: IncrementalLearner, number: int) -> None:
    """Forget everything before each phase: the ablation's "head only"."""
    vars(learner).pop("state_", None)


def paper_router(phases: tuple[int, ...]) -> Before:
    """Return what refits the paper's router after some phases only; in between it would cost hours.

    Parameters
    ----------
    phases : tuple of int
        From 1.
    """

    def at_these(learner: IncrementalLearner, number: int) -> None:
        learner.set_params(router="ensemble" if number in phases else "lda")

    return at_these
