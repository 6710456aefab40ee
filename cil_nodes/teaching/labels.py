"""What a label may be, and when two labels are the same.

A label is trimmed, put into Unicode's composed form (NFC), free of control characters and 1 to 128
bytes long in UTF-8. Two labels that differ only in case are one class, kept as first written.
``unknown`` is reserved for the answer "I do not know". ``background`` may be taught: "this is
nothing"; it is learned like a class but never counted or named as one.
"""

from __future__ import annotations

import unicodedata

from cil_nodes.teaching.errors import BadLabelError

UNKNOWN_LABEL = "unknown"
"""What a prediction says when nothing known fits; the text of ``Prediction.msg``."""

BACKGROUND_LABEL = "background"
"""The label that teaches "this is nothing"."""

MAX_LABEL_BYTES = 128


def fold_label(label: str) -> str:
    """Return the form in which labels are compared: two labels are one class if it is equal."""
    return unicodedata.normalize("NFC", label.casefold())


def normalise_label(label: str) -> str:
    """Return ``label`` as it is kept, or refuse it.

    Raises
    ------
    BadLabelError
        If the label is empty, longer than 128 bytes, reserved, or holds control characters.
    """
    text = unicodedata.normalize("NFC", label.strip())
    if not _visible(text):
        raise BadLabelError("The label is empty; give it 1 to 128 bytes of text.")
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            raise BadLabelError(
                f"The label {text!r} holds the control character U+{ord(character):04X}; "
                "labels are one line of plain text."
            )
    size = len(text.encode())
    if size > MAX_LABEL_BYTES:
        raise BadLabelError(
            f"The label {text[:20]!r}... is {size} bytes long; at most {MAX_LABEL_BYTES} are kept."
        )
    if fold_label(text) == UNKNOWN_LABEL:
        raise BadLabelError(
            f"{text!r} is reserved for what is not known; "
            f"to teach that something is nothing, use {BACKGROUND_LABEL!r}."
        )
    return text


def _visible(text: str) -> bool:
    """Tell whether there is anything to see; joiners and marks of direction alone are nothing."""
    return any(unicodedata.category(character) not in ("Cf", "Zs") for character in text)


def is_background(label: str) -> bool:
    """Tell whether ``label`` means "this is nothing"."""
    return fold_label(label) == BACKGROUND_LABEL
