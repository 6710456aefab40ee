"""The example of docs/adding-a-learner.md, read from the page itself."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "adding-a-learner.md"


def _example() -> type:
    """Return the class that the page defines."""
    found = re.search(
        r"<!-- example: nearest mean -->\n```python\n(.*?)```", PAGE.read_text(), re.S
    )
    assert found, f"{PAGE} has lost its example"
    space: dict = {"__name__": __name__}
    exec(compile(found.group(1), str(PAGE), "exec"), space)
    return space["NearestMean"]


NearestMean = _example()
