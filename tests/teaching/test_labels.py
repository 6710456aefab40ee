"""What a label may be, and when two are the same."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cil_nodes.teaching.errors import BadLabelError
from cil_nodes.teaching.labels import MAX_LABEL_BYTES, fold_label, is_background, normalise_label


def test_a_label_is_trimmed_and_composed():
    assert normalise_label("  cafe\u0301 cup \n") == "caf\u00e9 cup"


@pytest.mark.parametrize(
    ("label", "complaint"),
    [
        ("", "empty"),
        ("  \t ", "empty"),
        ("mug\x00", "U+0000"),
        ("two\nlines", "U+000A"),
        ("para\u2029graph", "U+2029"),
        ("x" * 129, "129 bytes"),
        ("\u00e9" * 65, "130 bytes"),
        ("unknown", "reserved"),
        (" UnKnown ", "reserved"),
    ],
)
def test_a_bad_label_is_refused_with_its_reason(label, complaint):
    with pytest.raises(BadLabelError, match=complaint.replace("+", r"\+")) as caught:
        normalise_label(label)
    assert caught.value.code == "BAD_LABEL"


def test_the_longest_label_is_kept():
    assert normalise_label("x" * MAX_LABEL_BYTES) == "x" * MAX_LABEL_BYTES


def test_case_does_not_make_another_class():
    assert fold_label("Mug") == fold_label("mUG")
    assert fold_label("Stra\u00dfe") == fold_label("STRASSE")
    assert is_background("BackGround")


@given(st.text(max_size=40))
def test_a_kept_label_is_kept_unchanged(text):
    try:
        label = normalise_label(text)
    except BadLabelError:
        return
    assert normalise_label(label) == label
    assert label == unicodedata.normalize("NFC", label)
    assert 1 <= len(label.encode()) <= MAX_LABEL_BYTES
