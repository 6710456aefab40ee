"""Sessions, samples and waiting for the tests of teaching."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable

import numpy as np
import pytest

from cil_nodes.teaching import Sample, Session
from tests.teaching.tiny import METHOD

DIMENSION = 6
ENCODER = "test@0123456789ab"


def make_sample(
    label: str, number: int, *, thing: str = "", noise: float = 0.1, **changes
) -> Sample:
    """Return a sample that looks like ``thing``, by default its label; always the same one."""
    thing = thing or label
    centre = np.random.default_rng(zlib.crc32(thing.encode())).normal(size=DIMENSION) * 4
    rng = np.random.default_rng(zlib.crc32(f"{thing}/{number}".encode()))
    features = (centre + rng.normal(size=DIMENSION) * noise).astype(np.float32)
    values = {
        "sample_id": f"{thing}-{number}",
        "stamp_ns": 1_000_000 * (number + 1),
        "frame_id": "camera",
        "roi": (0, 0, 0, 0),
        "encoder_id": ENCODER,
        "features": features,
        "label": label,
        "picture": b"jpeg",
    }
    return Sample(**{**values, **changes})


def make_samples(label: str, count: int, start: int = 0, **changes) -> list[Sample]:
    """Return ``count`` samples of one label."""
    return [make_sample(label, start + number, **changes) for number in range(count)]


def teach(session: Session, *labels: str, count: int = 10, start: int = 0) -> int:
    """Add samples of these labels and train; return the version."""
    for label in labels:
        session.add_samples(make_samples(label, count, start), "teach")
    return session.train().version


def wait_until(true: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Wait for something; fail with a sentence when it does not come."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"Waited {seconds:g} s in vain until {what}."
        time.sleep(0.01)


@pytest.fixture
def make_session(tmp_path):
    """Open sessions on one folder that are closed at the test's end."""
    opened: list[Session] = []

    def make(**changes) -> Session:
        values = {"folder": tmp_path / "session", "method": METHOD, "worker": "inline", **changes}
        session = Session(**values)
        opened.append(session)
        return session

    yield make
    for session in opened:
        session.close()


@pytest.fixture
def session(make_session) -> Session:
    """One session that learns inline with the tiny learner."""
    return make_session()
