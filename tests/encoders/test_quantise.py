"""The int8 profile: made without data, near to the float features."""

import numpy as np
import pytest

from cil_nodes.datasets import DatasetMissingError, open_dataset
from cil_nodes.encoders import open_encoder, quantise
from cil_nodes.encoders.quantise import drawn_pictures


@pytest.fixture(scope="module")
def int8(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        # A fraction of the pictures is enough to see that it works, and ten times faster.
        patch.setattr(quantise, "CALIBRATION_PICTURES", 16)
        yield open_encoder("efficientnet_lite0_int8", cache=tmp_path_factory.mktemp("int8"))


def cosine(a, b):
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_it_has_an_id_of_its_own(int8, lite0):
    assert int8.encoder_id.startswith("efficientnet_lite0_int8@")
    assert int8.encoder_id.split("@")[1] != lite0.encoder_id.split("@")[1]
    assert int8.dimension == lite0.dimension
    assert int8.path.stat().st_size < 0.4 * lite0.path.stat().st_size


def test_it_answers_like_the_float_network_on_pictures_it_was_not_calibrated_on(int8, lite0):
    pictures = list(drawn_pictures(12, 224, seed=99))
    assert cosine(int8.encode(pictures), lite0.encode(pictures)).mean() > 0.97


def test_it_answers_like_the_float_network_on_photographs(int8, lite0):
    try:
        photos = open_dataset("grocery", "test")
    except DatasetMissingError as missing:
        pytest.skip(str(missing))
    chosen = [photos.images[i] for i in range(0, len(photos), len(photos) // 20)]
    assert cosine(int8.encode(chosen), lite0.encode(chosen)).mean() > 0.98


def test_drawn_pictures_repeat_and_differ():
    first, second, other = (list(drawn_pictures(3, 32, seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first[0], first[1])
    assert np.ptp(first) > 100
