"""Which samples no lesson may learn from, so that forgetting can be measured honestly.

Every fifth sample of a class, in the order in which its labels were given, is held out: one of 5,
two of 10, none of 4. The choice depends on the journal's order alone, never on chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cil_nodes.teaching.journal import LabelRow

HOLD_OUT_EVERY = 5


def mark_held_out(
    rows: Sequence[LabelRow], known: Mapping[int, int] | None = None
) -> tuple[LabelRow, ...]:
    """Return ``rows`` with ``held_out`` set.

    Parameters
    ----------
    rows : sequence of LabelRow
        Labels about to be learned, in journal order.
    known : mapping, optional
        Number of samples already taught for each class, held-out ones included.
    """
    counts = Counter(known or {})
    marked = []
    for row in rows:
        counts[row.class_id] += 1
        marked.append(replace(row, held_out=counts[row.class_id] % HOLD_OUT_EVERY == 0))
    return tuple(marked)
