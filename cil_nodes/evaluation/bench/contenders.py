"""Who is compared: ORACIL in its forms, and the peers, each with what its run needs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.bench import phase_runs
from cil_nodes.evaluation.bench.context import Work
from cil_nodes.evaluation.bench.phase_runs import Before, Stream, View
from cil_nodes.evaluation.bench.sources import Source
from cil_nodes.learners.base import IncrementalLearner
from cil_nodes.learners.oracil import Oracil
from cil_nodes.learners.oracil.leak import own_phase_distances

OURS = ("learners/oracil", "evaluation/bench/phase_runs.py")
"""Code that decides what ORACIL answers: a change makes its kept runs stale."""

PAPER = (
    *(f"learners/oracil/{name}.py" for name in ("grouping", "heads", "ensemble")),
    "evaluation/bench/phase_runs.py",
)
"""Code that holds the paper's own form; the rest of ORACIL may change without changing it."""

PAPER_ROWS = 64
"""Features of each class that its router learns from, in place of the paper's all."""


@dataclass(frozen=True)
class Contender:
    """One learner of a comparison.

    Attributes
    ----------
    name : str
        As tables print it.
    kind : callable
        Makes an untaught learner from ``settings``.
    settings : mapping
        Named, for the reader and for the key of kept runs.
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
    kind: Callable[..., IncrementalLearner]
    settings: Mapping[str, Any] = field(default_factory=dict)
    at: tuple[int, ...] = ()
    view: View = phase_runs.nothing_more
    before: Before | None = None
    joined: bool = False
    code: tuple[str, ...] = OURS

    def work(self, source: Source, table: str = "") -> Work:
        """Return the part of a benchmark that teaches this contender.

        Parameters
        ----------
        source : Source
            What it is taught.
        table : str
            Where it is printed.
        """
        key = {
            "source": source.key(),
            "learner": self.kind.__qualname__,
            "settings": dict(self.settings),
            "at": self.at,
            "view": self.view.__name__,
            "before": bool(self.before),
        }
        return Work(key, partial(self._teach, source), table, self.code)

    def _teach(self, source: Source) -> dict[str, Any]:
        make = partial(self.kind, **self.settings)
        at = self.at or None
        run = phase_runs.teach(make, source.stream(), self.view, at, self.before, self.joined)
        return phase_runs.packed(run)

    def only_at(self, at: tuple[int, ...]) -> Contender:
        """Return the contender shown pictures after some phases only."""
        return replace(self, at=at)


def peer(
    name: str, kind: type[IncrementalLearner], at: tuple[int, ...] = (), **settings: Any
) -> Contender:
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
    return Contender(name, kind, settings, at, joined=kind.joins_exactly, code=code)


def ours(name: str, **settings: Any) -> Contender:
    """Describe ORACIL with the joint head and the router beside its own answers."""
    return Contender(name, Oracil, settings, view=head_and_router)


def head_and_router(
    learner: Oracil, stream: Stream, rows: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    """Ask the same sums without a router, and how well the router does.

    Returns
    -------
    dict of str to ndarray
        ``joint``: answers of the joint head; ``groups`` and ``router_accuracy`` as figures.
    """
    outputs = learner.head_outputs(stream.test.features[rows])
    joint = learner.classes_[np.argmax(outputs, axis=1)]
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


def leak_beside(
    learner: Oracil, stream: Stream, rows: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    """Answer as the parent method's public code is evaluated, beside the honest answers. LEAK.

    The router learns from as many pictures as the honest one keeps; its test rows hold distances to
    the classes of the phase in which the true class was taught, and infinity elsewhere.
    """
    honest = router_figures(learner, stream, rows)
    if learner.groups_.max() == 0:
        return honest
    phase_of: dict[object, int] = {
        label: k for k, labels in enumerate(stream.phases) for label in labels
    }
    known = set(learner.classes_.tolist())
    few = stream.part(PAPER_ROWS).train.of([c for c in stream.classes if c in known])
    shown = (stream.test.features[rows], stream.test.labels[rows])
    told = own_phase_distances(learner, (few.features, few.labels), shown, phase_of)
    return {**honest, "leak": told}


def thrown_away(learner: IncrementalLearner, number: int) -> None:
    """Forget everything before each phase: the ablation's "head only"."""
    if "state_" in vars(learner):
        del learner.state_


def paper_form(at: tuple[int, ...], M: int = 2000, **settings: Any) -> Contender:
    """Describe the paper's own form, with its router refitted at the phases shown only.

    Refitting it in every phase would cost hours; nothing else is left out. M is smaller than the
    default's: each of some forty groups has an M x M matrix of its own, 5.8 GB at 4,096.

    Parameters
    ----------
    at : tuple of int
        Phases, from 1, at which the router is refitted and pictures are shown.
    M : int
        Width of the random features.
    **settings
        Others of ``Oracil.paper``.
    """
    settings = {"M": M, "reservoir": PAPER_ROWS, **settings}
    before = partial(paper_router, at)
    return Contender(
        "the paper's form", Oracil.paper, settings, at, router_figures, before, code=PAPER
    )


def paper_router(phases: tuple[int, ...], learner: IncrementalLearner, number: int) -> None:
    """Have the paper's router refitted at some phases only."""
    learner.set_params(router="ensemble" if number in phases else "lda")
