"""All that ClaRe knows: its networks, and what makes their energies comparable."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cil_nodes.learners.calibration import ScoreMap
from cil_nodes.learners.clare.energy import Bank, Parts
from cil_nodes.learners.clare.judging import Held, Scale, scale_of
from cil_nodes.learners.clare.network import Network, Shape

Array = NDArray[Any]


@dataclass(frozen=True)
class Model:
    """Networks and what was held back.

    Attributes
    ----------
    networks : tuple of Network
        One for all classes, or one for each, in the order of the classes.
    held : tuple of Held
        One a class.
    log_temperature : float
        Of probabilities from energies: the mean over the samples held back so far.
    tempered : int
        How many those are.
    map : ScoreMap
        From novelty to the unknown score.
    """

    networks: tuple[Network, ...]
    held: tuple[Held, ...]
    log_temperature: float = 0.0
    tempered: int = 0
    map: ScoreMap = ScoreMap(1.0, 1.0)  # noqa: RUF009 - frozen

    @cached_property
    def banks(self) -> tuple[Bank, ...]:
        """Networks of equal shape, stacked to be asked at once."""
        return banks_of(self.networks)

    @cached_property
    def scale(self) -> Scale:
        """What makes energies comparable."""
        shape = self.networks[0].shape
        return scale_of(self.held, shape.inputs, shape.bernoulli)

    @property
    def temperature(self) -> float:
        """By which energies are divided to be probabilities."""
        if self.tempered:
            return float(np.exp(self.log_temperature))
        return max(1.0, self.networks[0].shape.inputs / 20.0)

    def parts(self, X: Array) -> Parts:
        """Return both parts of Eq. 2 for X (n, d) under every class."""
        return parts_of(self.banks, X)

    def energies(self, X: Array) -> Array:
        """Return the energies (n, C) of X (n, d)."""
        return self.scale.energies(self.parts(X))


def banks_of(networks: Sequence[Network]) -> tuple[Bank, ...]:
    """Stack networks by shape."""
    starts = np.cumsum([0, *(n.shape.classes for n in networks)])
    shapes = list(dict.fromkeys(n.shape for n in networks))
    banks = []
    for shape in shapes:
        members = [i for i, n in enumerate(networks) if n.shape == shape]
        columns = np.concatenate([np.arange(starts[i], starts[i + 1]) for i in members])
        banks.append(Bank.of([networks[i] for i in members], columns))
    return tuple(banks)


def parts_of(banks: Sequence[Bank], X: Array) -> Parts:
    """Return both parts of Eq. 2 for X (n, d), classes in order."""
    X = X.astype(np.float64)
    columns = np.argsort(np.concatenate([bank.columns for bank in banks]))
    found = [bank.parts(X) for bank in banks]
    errors = np.concatenate([one.error for one in found], axis=1)
    divergences = np.concatenate([one.divergence for one in found], axis=1)
    return Parts(errors[:, columns], divergences[:, columns])


def pack(model: Model) -> tuple[dict[str, Array], dict[str, Any]]:
    """Take a model apart into arrays and JSON values."""
    tensors: dict[str, Array] = {}
    for number, network in enumerate(model.networks):
        tensors.update({f"{number}/{name}": array for name, array in network.weights.items()})
    for position, held in enumerate(model.held):
        tensors[f"held/{position}/errors"] = held.errors
        tensors[f"held/{position}/divergences"] = held.divergences
    values = {
        "shapes": [dataclasses.asdict(network.shape) for network in model.networks],
        "classes": len(model.held),
        "log_temperature": model.log_temperature,
        "tempered": model.tempered,
        "map": [model.map.centre, model.map.width],
    }
    return tensors, values


def unpack(tensors: dict[str, Array], values: dict[str, Any]) -> Model:
    """Put together what `pack` took apart."""
    networks = []
    for number, shape in enumerate(values["shapes"]):
        start = f"{number}/"
        own = {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
        networks.append(Network(Shape(**shape), own))
    held = tuple(
        Held(tensors[f"held/{position}/errors"], tensors[f"held/{position}/divergences"])
        for position in range(values["classes"])
    )
    return Model(
        tuple(networks),
        held,
        float(values["log_temperature"]),
        int(values["tempered"]),
        ScoreMap(*map(float, values["map"])),
    )
