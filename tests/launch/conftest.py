"""An own ROS domain for each test process, and a probe for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import ros_support


@pytest.fixture(scope="session", autouse=True)
def _own_domain() -> int:
    return ros_support.isolate()


@pytest.fixture
def probe() -> Iterator[ros_support.RosProbe]:
    with ros_support.RosProbe() as one:
        yield one
