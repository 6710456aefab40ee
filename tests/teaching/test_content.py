"""What is held out, and what a version knows."""

from hypothesis import given
from hypothesis import strategies as st

from cil_nodes.teaching.content import Content, Lesson, Recipe, edited
from cil_nodes.teaching.holdout import mark_held_out
from cil_nodes.teaching.journal import LabelRow

RECIPE = Recipe("any")


def rows(*classes: int, start: int = 0) -> tuple[LabelRow, ...]:
    return tuple(LabelRow(start + n, start + n, klass) for n, klass in enumerate(classes))


def test_every_fifth_sample_of_a_class_is_held_out():
    marked = mark_held_out(rows(*[0] * 10, *[1] * 4))
    assert [row.id for row in marked if row.held_out] == [4, 9]


def test_earlier_lessons_count():
    marked = mark_held_out(rows(0, 0, 1), {0: 3, 1: 9})
    assert [row.held_out for row in marked] == [False, True, True]


@given(st.lists(st.integers(0, 3)), st.integers(0, 40))
def test_where_a_lesson_ends_does_not_matter(classes, cut):
    whole = mark_held_out(rows(*classes))
    cut = min(cut, len(classes))
    first = mark_held_out(rows(*classes[:cut]))
    counts: dict[int, int] = {}
    for row in first:
        counts[row.class_id] = counts.get(row.class_id, 0) + 1
    second = mark_held_out(rows(*classes[cut:], start=cut), counts)
    assert first + second == whole


def test_the_identity_follows_what_decides_on_the_model():
    content = Content(0, RECIPE).then(Lesson(1, rows(0, 0))).then(Lesson(2, rows(1, start=2)))
    assert len(content.digests) == 3
    assert content.digests[1] == Content(0, RECIPE).then(Lesson(1, rows(0, 0))).state_id
    others = [
        content.without([1]),
        content.merged(1, 0),
        content.tuned({"ridge": 1.0}),
        Content(0, Recipe("any", seed=1), content.lessons),
        Content(0, Recipe("any", {"a": 1}), content.lessons),
        Content(0, RECIPE, content.lessons, base="file"),
    ]
    assert len({content.state_id, *(other.state_id for other in others)}) == 7
    renamed = edited(content, {"operation": "rename", "class": 0, "name": "cup"})
    assert renamed.state_id == content.state_id


def test_a_lesson_left_without_rows_is_no_lesson():
    content = Content(0, RECIPE).then(Lesson(1, rows(0))).then(Lesson(2, rows(1, start=1)))
    left = content.without([0])
    assert [lesson.version for lesson in left.lessons] == [2]
    assert (left.counts, left.added_in) == ({1: 1}, {1: 2})


def test_edits_forget_and_merge():
    content = Content(0, RECIPE).then(Lesson(1, rows(0, 1, 0)))
    assert edited(content, {"operation": "forget", "class": 0}).counts == {1: 1}
    assert edited(content, {"operation": "merge", "class": 0, "into": 1}).counts == {1: 3}
