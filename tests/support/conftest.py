"""An own ROS domain for each test process, and a probe for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cil_nodes.support.finding import Machine


@pytest.fixture(scope="session")
def own_domain() -> int:
    from tests import ros_support

    return ros_support.isolate()


@pytest.fixture
def probe(own_domain: int) -> Iterator[Any]:
    from tests import ros_support

    with ros_support.RosProbe() as one:
        yield one


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine whose places are folders of the test."""
    for name in ("devices", "memory"):
        (tmp_path / name).mkdir()
    return Machine(
        environment={},
        folder=tmp_path / "ros" / "cil",
        cache=tmp_path / "cache",
        devices=tmp_path / "devices",
        memory=tmp_path / "memory",
    )
