"""The worst mistakes of a run, with their pictures."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cil_nodes.evaluation.report.svg import escape, tag
from cil_nodes.evaluation.run_record import PredictionRow

_MAGIC = ((b"\xff\xd8", "jpeg"), (b"\x89PNG", "png"), (b"RIFF", "webp"))


@dataclass(frozen=True)
class MistakeKind:
    """One way of being wrong: which answers, the worst first, and what to say about each."""

    title: str
    explanation: str
    is_mistake: Callable[[PredictionRow], bool]
    badness: Callable[[PredictionRow], float]
    words: Callable[[PredictionRow], str]


KINDS = (
    MistakeKind(
        "Sure, and wrong",
        "A taught object taken for another one; the surest answers first.",
        lambda row: row.taught and not row.correct and not row.is_unknown,
        lambda row: row.score,
        lambda row: f"answered {row.label}, {100 * row.score:.0f} % sure",
    ),
    MistakeKind(
        "Never taught, yet named",
        "An object that should have been called unknown; the least doubted first.",
        lambda row: not row.taught and not row.is_unknown,
        lambda row: -row.unknown_score,
        lambda row: f"answered {row.label}, unknown score {row.unknown_score:.2f}",
    ),
    MistakeKind(
        "Taught, yet called unknown",
        "The highest unknown scores first.",
        lambda row: row.taught and row.is_unknown,
        lambda row: row.unknown_score,
        lambda row: f"unknown score {row.unknown_score:.2f}; best guess {row.label or 'none'}",
    ),
)


def worst(rows: Sequence[PredictionRow], kind: MistakeKind, limit: int) -> list[PredictionRow]:
    """Choose the worst mistakes of one kind; ties stay in the order given."""
    wrong = [row for row in rows if kind.is_mistake(row)]
    return sorted(wrong, key=kind.badness, reverse=True)[:limit]


def data_uri(picture: bytes) -> str | None:
    """Spell a JPEG, PNG or WebP picture as a data URI; None for anything else."""
    for start, name in _MAGIC:
        if picture.startswith(start):
            return f"data:image/{name};base64,{base64.b64encode(picture).decode('ascii')}"
    return None


def _entry(row: PredictionRow, kind: MistakeKind) -> str:
    words = kind.words(row)
    source = data_uri(row.picture) if row.picture else None
    if source:
        alternative = f"{row.truth} shown; {words}"
        picture = f'<img loading="lazy" src="{source}" alt="{escape(alternative)}">'
    else:
        picture = tag("div", "no picture kept", class_="nopicture")
    text = f"<b>{escape(row.truth)}</b><br><span>{escape(words)}</span>"
    return tag("li", picture + tag("div", text, class_="words"))


def gallery(rows: Sequence[PredictionRow], limit: int = 6) -> str:
    """Lay out the worst mistakes of every kind.

    Parameters
    ----------
    rows : sequence of PredictionRow
        Answers after the last phase.
    limit : int
        Pictures of each kind.
    """
    blocks = []
    for kind in KINDS:
        total = sum(map(kind.is_mistake, rows))
        blocks.append(tag("h3", f"{escape(kind.title)}: {total} of {len(rows)} pictures"))
        if not total:
            blocks.append(tag("p", "None.", class_="lead"))
            continue
        blocks.append(tag("p", escape(kind.explanation), class_="lead"))
        entries = "".join(_entry(row, kind) for row in worst(rows, kind, limit))
        blocks.append(tag("ul", entries, class_="gallery"))
    return "".join(blocks)
