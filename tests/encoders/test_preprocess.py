"""From pictures of any size to what a network takes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cil_nodes.encoders.preprocess import Preprocessing, normalise, resize, to_bytes

pictures = st.tuples(st.integers(1, 40), st.integers(1, 40)).flatmap(
    lambda size: arrays(np.uint8, (*size, 3))
)


@settings(max_examples=60)
@given(
    image=pictures,
    fit=st.sampled_from(["stretch", "crop", "pad"]),
    interpolation=st.sampled_from(["auto", "bicubic", "bilinear", "area", "nearest"]),
    keep=st.floats(0.05, 1),
    size=st.tuples(st.integers(1, 30), st.integers(1, 30)),
)
def test_every_picture_fits(image, fit, interpolation, keep, size):
    before = image.copy()
    how = Preprocessing(size, fit=fit, interpolation=interpolation, keep=keep)
    assert resize(image, how).shape == (*size, 3)
    np.testing.assert_array_equal(image, before)


@given(colour=arrays(np.uint8, 3), fit=st.sampled_from(["stretch", "crop"]))
@settings(max_examples=20)
def test_one_colour_stays_one_colour(colour, fit):
    image = np.broadcast_to(colour, (13, 21, 3)).copy()
    assert (resize(image, Preprocessing((8, 8), fit=fit)) == colour).all()


def test_crop_keeps_the_middle_and_stretch_keeps_all():
    image = np.zeros((40, 80, 3), np.uint8)
    image[:, :20] = 255
    cropped = resize(image, Preprocessing((20, 20), fit="crop"))
    assert cropped.max() == 0
    assert resize(image, Preprocessing((20, 20)))[:, :5].min() == 255
    assert resize(image, Preprocessing((20, 20), fit="crop"), whole=False)[:, :5].min() == 255


def test_keep_is_a_part_of_the_shorter_side():
    ring = np.full((100, 160, 3), 255, np.uint8)
    ring[11:89, 41:119] = 0
    assert resize(ring, Preprocessing((20, 20), fit="crop", keep=0.78)).max() == 0
    assert resize(ring, Preprocessing((20, 20), fit="crop", keep=0.9)).max() == 255


def test_pad_keeps_the_aspect_and_fills_with_the_mean():
    image = np.full((10, 20, 3), 200, np.uint8)
    padded = resize(image, Preprocessing((20, 20), fit="pad", mean=(1, 2, 3)))
    assert (padded[5:15] == 200).all()
    assert (padded[:5] == (1, 2, 3)).all()


def test_shrinking_does_not_alias():
    board = (np.indices((80, 80)).sum(0) % 2 * 255).astype(np.uint8)
    small = resize(np.repeat(board[..., None], 3, axis=2), Preprocessing((10, 10)))
    assert np.abs(small.astype(int) - 127).max() <= 1


def test_numbers_are_normalised_channel_by_channel():
    how = Preprocessing((2, 2), mean=(10, 20, 30), std=(1, 2, 4))
    batch = to_bytes([np.full((2, 2, 3), 50, np.uint8)], how)
    np.testing.assert_allclose(normalise(batch, how)[0, 0, 0], [40, 15, 5])
    assert normalise(batch, how).dtype == np.float32


def test_the_key_tells_preprocessings_apart():
    keys = {Preprocessing((2, 2)).key(), Preprocessing((2, 2), fit="pad").key()}
    assert len(keys) == 2
    assert Preprocessing((2, 2)).key() in keys


@pytest.mark.parametrize("size", [(0, 4), (4, -1)])
def test_a_size_of_nothing_is_refused(size):
    with pytest.raises(ValueError, match=r"expected \[height, width\] in pixels"):
        Preprocessing(size)
