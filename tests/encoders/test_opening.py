"""The default encoder, made from its published weights, on pictures."""

import numpy as np
import pytest

from cil_nodes.encoders import UnknownModelError, open_encoder


@pytest.fixture(scope="module")
def encoder():
    return open_encoder()


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_the_default_encoder_names_itself_by_its_weights(encoder):
    assert encoder.encoder_id == "efficientnet_lite0@579344248a93"
    assert encoder.dimension == 1280
    assert encoder.input_size == (224, 224)


def test_pictures_of_any_size_become_rows(encoder):
    features = encoder.encode([picture(480, 640), picture(32, 32), picture(224, 224)])
    assert features.shape == (3, 1280)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    assert encoder.encode([]).shape == (0, 1280)


def test_an_unknown_name_is_answered_with_the_closest(encoder):
    with pytest.raises(UnknownModelError, match=r"Did you mean efficientnet_lite0 or"):
        open_encoder("eficientnet_lite0")
