"""Goals written as short texts, such as ``>= 97`` or ``> every reference``."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_RELATIONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
_NUMBER = re.compile(r"^(>=|<=|>|<|=)\s*(-?\d+(?:\.\d+)?)\s*\S*$")
_REFERENCE = re.compile(r"^(>=|<=|>|<)\s*(.+)$")


@dataclass(frozen=True)
class Goal:
    """A goal for one figure.

    Attributes
    ----------
    text : str
        As written: a relation and a number with an optional unit (``>= 97 %``), a relation and
        ``every reference`` or the name of one (``>= joint ridge``), or free words (``reported``).
    """

    text: str

    @property
    def limit(self) -> float | None:
        """The number in the goal, in the figure's own unit; None where it holds none."""
        match = _NUMBER.match(self.text)
        return float(match.group(2)) if match else None

    @property
    def pretty(self) -> str:
        """The text as printed: ``≥ 97 %``."""
        return self.text.replace(">=", "≥").replace("<=", "≤")

    def met(self, value: float, references: Mapping[str, float] | None = None) -> bool | None:
        """Say whether ``value`` reaches the goal; None where the goal cannot be decided.

        Parameters
        ----------
        value : float
            The figure, in the unit the goal is written in. NaN reaches no goal.
        references : mapping of str to float, optional
            What the figure is measured against.
        """
        number = _NUMBER.match(self.text)
        if number:
            return _RELATIONS[number.group(1)](value, float(number.group(2)))
        named = _REFERENCE.match(self.text)
        if not named or not references:
            return None
        against = self._against(named.group(2), references)
        if not against:
            return None
        compare = _RELATIONS[named.group(1)]
        return not math.isnan(value) and all(compare(value, other) for other in against)

    @staticmethod
    def _against(words: str, references: Mapping[str, float]) -> list[float]:
        if words.strip() == "every reference":
            return list(references.values())
        return [value for name, value in references.items() if name.startswith(words.strip())]
