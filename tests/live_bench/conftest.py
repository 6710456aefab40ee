"""An own ROS domain for each test process."""

import pytest

from tests import ros_support


@pytest.fixture(scope="session", autouse=True)
def _own_domain():
    return ros_support.isolate()
