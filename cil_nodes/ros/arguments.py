"""What a caller hands over, checked before it is put into a message, whose fields check nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from cil_nodes.ros.calls import TeacherError
from cil_nodes.teaching.errors import BadLabelError
from cil_nodes.teaching.labels import normalise_label

LONGEST = 2.0**31
"""Seconds that a duration holds, exclusive."""

METHOD_BYTES = 64
"""Bytes that a method with its parameters may take."""

ID_BYTES = 64
"""Bytes of a sample id at most."""


def whole(name: str, value: int, low: int, high: int) -> int:
    """Return a whole number in [low, high].

    Raises
    ------
    ValueError
        With the argument's name, what came and what may come.
    """
    if isinstance(value, bool) or value != value or int(value) != value or not low <= value <= high:
        raise ValueError(f"{name} is {value!r}; expected a whole number from {low} to {high}.")
    return int(value)


def number(name: str, value: float, low: float, high: float) -> float:
    """Return a number in [low, high], which NaN is not.

    Raises
    ------
    ValueError
    """
    if not low <= value <= high:
        raise ValueError(f"{name} is {value!r}; expected a number from {low:g} to {high:g}.")
    return float(value)


def method(name: str, parameters: Mapping[str, object]) -> str:
    """Return a method with parameters as ``SwitchMethod.action`` takes it, in at most 64 bytes.

    Raises
    ------
    ValueError
    """
    words = [f"{key}={value}" for key, value in parameters.items()]
    text = " ".join([name, *words])
    blanks = [word for word in (name, *words) if len(word.split()) > 1]
    if blanks or (words and not name):
        raise ValueError(f"Cannot send {text!r}: name a method, and use no blanks in values.")
    if len(text.encode()) > METHOD_BYTES:
        raise ValueError(
            f"{text!r} is longer than {METHOD_BYTES} bytes; give the learner some of the "
            f"parameters at its start, as {name}.NAME in its parameter file."
        )
    return text


def seconds(name: str, value: float, zero: bool = False) -> float:
    """Return a time above zero, or zero where that has a meaning.

    Raises
    ------
    ValueError
    """
    if not (0 <= value < LONGEST) or (value == 0 and not zero):
        least = "0 or more" if zero else "above 0"
        raise ValueError(f"{name} is {value!r} s; expected seconds, {least}, less than 2**31.")
    return float(value)


def sample_ids(name: str, values: Iterable[str], most: int | None = None) -> list[str]:
    """Return sample ids, each of 1 to 64 bytes.

    Raises
    ------
    ValueError
    """
    if isinstance(values, str):
        raise ValueError(f"{name} is the text {values!r}; expected a list of sample ids.")
    ids = list(values)
    for one in ids:
        if not isinstance(one, str) or not 0 < len(one.encode()) <= ID_BYTES:
            raise ValueError(
                f"{name} holds {one!r}; a sample id is a text of 1 to {ID_BYTES} bytes."
            )
    if most is not None and len(ids) > most:
        raise ValueError(f"{name} holds {len(ids)} sample ids; at most {most} go into one call.")
    return ids


def label(value: str, empty: bool = False) -> str:
    """Return a label as it is kept; an empty one where that has a meaning.

    Raises
    ------
    TeacherError
        With the code ``BAD_LABEL``, as the graph itself would refuse it.
    """
    if empty and not value:
        return value
    try:
        return normalise_label(value)
    except BadLabelError as error:
        raise TeacherError(str(error), error.code) from error


def region(name: str, values: Sequence[int]) -> tuple[int, int, int, int]:
    """Return x, y, width and height in pixels.

    Raises
    ------
    ValueError
    """
    if len(values) != 4:
        raise ValueError(f"{name} is {values!r}; expected x, y, width and height in pixels.")
    x, y, width, height = (whole(name, value, 0, 2**32 - 1) for value in values)
    return x, y, width, height


def uri_of(path: str | Path) -> str:
    """Return the address of a file; one that is an address already stays as it is.

    Raises
    ------
    ValueError
        For an empty one.
    """
    text = str(path)
    if not text:
        raise ValueError("path is empty; name a file.")
    return text if "://" in text else Path(text).absolute().as_uri()
