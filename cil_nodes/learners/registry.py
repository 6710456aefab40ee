"""Learners by name: the built-in ones, and those that other packages bring.

A package adds its own by an entry point of the group ``cil_nodes.learners``::

    [project.entry-points."cil_nodes.learners"]
    my_method = "my_package.my_module:MyLearner"
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from cil_nodes.learners import persistence
from cil_nodes.learners.base import IncrementalLearner

GROUP = "cil_nodes.learners"
_PEERS = "cil_nodes.evaluation.peers"
_BUILT_IN = {
    "clare": "cil_nodes.learners.clare:Clare",
    "innamp": "cil_nodes.learners.innamp:Innamp",
    "clifer": "cil_nodes.learners.clifer:Clifer",
    "oracil": "cil_nodes.learners.oracil:Oracil",
    "repulsion_replay": "cil_nodes.learners.repulsion_replay:RepulsionReplay",
    # Peers to measure against, open to users; imported only when one is asked for.
    "acil": f"{_PEERS}.recursive_ridge:RecursiveRidge",
    "anacp": f"{_PEERS}.anacp:AnaCP",
    "exemplar_replay": f"{_PEERS}.trained_heads:ExemplarReplay",
    "fecam": f"{_PEERS}.fecam:FeCAM",
    "fetril": f"{_PEERS}.fetril:FeTrIL",
    "fine_tuned": f"{_PEERS}.trained_heads:FineTunedHead",
    "joint_ridge": f"{_PEERS}.joint_ridge:JointRidge",
    "klda": f"{_PEERS}.kernel_lda:KernelLDA",
    "nearest_class_mean": f"{_PEERS}.nearest_class_mean:NearestClassMean",
    "ranpac": f"{_PEERS}.random_feature_ridge:RandomFeatureRidge",
    "slda": f"{_PEERS}.streaming_lda:StreamingLDA",
}
_registered: dict[str, type[IncrementalLearner]] = {}


@dataclass(frozen=True)
class ParameterInfo:
    """One hyper-parameter, as signature and docstring tell it.

    Attributes
    ----------
    name : str
    type : {"bool", "int", "float", "str"}
        "str" also stands for a number that may be ``'auto'``; `create` takes "12" for 12 there.
    default : bool, int, float, str or None
    description : str
    low, high : float or None
        Range, both ends allowed.
    choices : tuple of str
        All values allowed; empty where there is no such list.
    """

    name: str
    type: str
    default: Any
    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()


def register(name: str, learner: type[IncrementalLearner]) -> None:
    """Add a learner for this process only; packages use an entry point instead."""
    _registered[name] = learner


def _entry_points() -> dict[str, Any]:
    """Return what installed packages offer."""
    return {point.name: point for point in entry_points(group=GROUP)}


def available() -> list[str]:
    """Return the names of all learners, sorted."""
    return sorted({*_BUILT_IN, *_registered, *_entry_points()})


def learner_class(name: str) -> type[IncrementalLearner]:
    """Return the class behind a name.

    Raises
    ------
    ValueError
        For an unknown name, with close matches.
    """
    if name in _registered:
        return _registered[name]
    if name in _BUILT_IN:
        module, _, attribute = _BUILT_IN[name].partition(":")
        return getattr(importlib.import_module(module), attribute)
    points = _entry_points()
    if name in points:
        return points[name].load()
    known = available()
    raise ValueError(f"No learner is called {name!r}. {_hint(name, known)}")


def _hint(name: str, known: Iterable[str]) -> str:
    """Return the close matches, or everything there is."""
    known = sorted(known)
    close = difflib.get_close_matches(str(name), known, n=3, cutoff=0.5)
    guess = f"Did you mean {' or '.join(map(repr, close))}? " if close else ""
    return f"{guess}There are: {', '.join(known)}."


def create(name: str, **params: Any) -> IncrementalLearner:
    """Make a learner.

    Parameters
    ----------
    name : str
        One of `available`.
    **params
        Its hyper-parameters; a text that stands for a number is turned into one.

    Raises
    ------
    ValueError
        For a name, a parameter or a value that it does not know.
    """
    cls = learner_class(name)
    infos = {info.name: info for info in describe(name)}
    for key in params:
        if key not in infos:
            raise ValueError(f"{name} has no parameter {key!r}. {_hint(key, infos)}")
    return cls(**{key: _checked(name, infos[key], value) for key, value in params.items()})


def _checked(method: str, info: ParameterInfo, value: Any) -> Any:
    """Refuse what is out of range; turn texts into numbers where both are allowed."""
    value = _number(value) if info.type == "str" and value not in info.choices else value
    if isinstance(value, str) and info.choices and value not in info.choices:
        raise ValueError(f"{method}.{info.name} cannot be {value!r}. {_hint(value, info.choices)}")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        below = info.low is not None and value < info.low
        above = info.high is not None and value > info.high
        if below or above:
            raise ValueError(
                f"{method}.{info.name} is {value}, but must lie between {info.low} and {info.high}."
            )
    return value


def _number(value: Any) -> Any:
    """Return the number a text stands for, else the value itself."""
    if not isinstance(value, str):
        return value
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def describe(name: str) -> list[ParameterInfo]:
    """List the hyper-parameters of a learner, in the order of its signature.

    One whose type is "estimator" is left out: no configuration file can hold it.
    """
    cls = learner_class(name)
    texts = _parameter_texts(inspect.getdoc(cls) or "")
    known = [(p, *texts.get(p.name, ("", ""))) for p in inspect.signature(cls).parameters.values()]
    return [_info(p, kind, words) for p, kind, words in known if kind != "estimator"]


def _parameter_texts(doc: str) -> dict[str, tuple[str, str]]:
    """Return {name: (type line, description)} of a NumPy-style Parameters section."""
    match = re.search(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}\n|\Z)", doc, re.S | re.M)
    texts: dict[str, tuple[str, str]] = {}
    if match is None:
        return texts
    for block in re.split(r"\n(?=\S)", match.group(1).strip("\n")):
        head, _, body = block.partition("\n")
        names, _, kind = head.partition(" : ")
        for one in names.split(","):
            texts[one.strip()] = (kind.strip(), " ".join(body.split()))
    return texts


def _info(parameter: inspect.Parameter, kind: str, description: str) -> ParameterInfo:
    """Combine signature and docstring."""
    default = None if parameter.default is inspect.Parameter.empty else parameter.default
    span = re.search(r"in \[([^,\]]+),\s*([^\]]+)\]", kind)
    low, high = (float(span.group(1)), float(span.group(2))) if span else (None, None)
    listed = re.search(r"\{([^}]*)\}", kind)
    choices = tuple(re.findall(r"[\"']([^\"']+)[\"']", listed.group(1))) if listed else ()
    return ParameterInfo(
        parameter.name, _type_name(kind, default), default, description, low, high, choices
    )


def _type_name(kind: str, default: Any) -> str:
    """Return the one type under which a configuration file can hold the parameter."""
    if isinstance(default, str) or kind.startswith(("{", "str")) or '"auto"' in kind:
        return "str"
    for name in ("bool", "int", "float"):
        if kind.startswith(name) or type(default).__name__ == name:
            return name
    return "str"


def load(path: str | Path) -> IncrementalLearner:
    """Read a learner that was saved; the file says which method it is.

    Raises
    ------
    TornFileError
        When the file is not whole.
    ValueError
        When the method is not installed here.
    """
    header, tensors = persistence.read(Path(path))
    cls = learner_class(str(header.get("method")))
    return cls.from_file(Path(path), header, tensors)
