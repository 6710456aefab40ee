"""Features are computed once, kept under a key of all that decides them, and go on after a cut."""

from types import SimpleNamespace

import numpy as np
import pytest

from cil_nodes.encoders import cached_features, features_path


class Mean:
    """An encoder of three numbers that counts what it saw; the file formats are the real ones."""

    def __init__(self, encoder_id="mean@0", scale=1.0):
        self.encoder_id, self.dimension, self.scale, self.seen = encoder_id, 3, scale, 0
        self.preprocessing = SimpleNamespace(key=lambda: "as it is")
        self.stop_after = None

    def encode(self, images, whole):
        if self.stop_after is not None and self.seen >= self.stop_after:
            raise KeyboardInterrupt
        self.seen += len(images)
        self.whole = set(whole)
        return np.array([i.mean((0, 1)) for i in images], np.float32) * self.scale


@pytest.fixture
def dataset():
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (4, 5, 3), dtype=np.uint8) for _ in range(3000)]
    return SimpleNamespace(name="made", split="train", data_hash="abc", whole=True, images=images)


def test_features_are_kept_and_not_computed_again(tmp_path, dataset):
    encoder = Mean()
    first = cached_features(encoder, dataset, cache=tmp_path, progress=False)
    expected = [i.mean((0, 1)) for i in dataset.images]
    np.testing.assert_allclose(first, expected, rtol=2**-11)
    assert first.dtype == np.float32
    again = cached_features(encoder, dataset, cache=tmp_path, progress=False)
    np.testing.assert_array_equal(first, again)
    assert encoder.seen == 3000


def test_another_encoder_preprocessing_or_data_has_another_place(tmp_path, dataset):
    other_data = SimpleNamespace(**{**vars(dataset), "data_hash": "abd"})
    other_view = Mean()
    other_view.preprocessing = SimpleNamespace(key=lambda: "upside down")
    places = {
        features_path(Mean(), dataset, tmp_path),
        features_path(Mean("mean@1"), dataset, tmp_path),
        features_path(other_view, dataset, tmp_path),
        features_path(Mean(), other_data, tmp_path),
        features_path(Mean(), SimpleNamespace(**{**vars(dataset), "whole": False}), tmp_path),
    }
    assert len(places) == 5


@pytest.mark.parametrize("whole", [True, False])
def test_the_encoder_is_told_whether_pictures_are_whole(tmp_path, dataset, whole):
    encoder = Mean()
    dataset.whole = whole
    cached_features(encoder, dataset, cache=tmp_path, progress=False)
    assert encoder.whole == {whole}


def test_a_run_that_was_cut_off_goes_on(tmp_path, dataset):
    cut = Mean()
    cut.stop_after = 2500
    with pytest.raises(KeyboardInterrupt):
        cached_features(cut, dataset, cache=tmp_path, progress=False)
    rest = Mean()
    features = cached_features(rest, dataset, cache=tmp_path, progress=False)
    assert 0 < rest.seen < 2000
    np.testing.assert_allclose(features, [i.mean((0, 1)) for i in dataset.images], rtol=2**-11)


def test_a_damaged_file_is_computed_again(tmp_path, dataset):
    first = cached_features(Mean(), dataset, cache=tmp_path, progress=False)
    path = features_path(Mean(), dataset, tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    again = cached_features(Mean(), dataset, cache=tmp_path, progress=False)
    np.testing.assert_array_equal(first, again)


def test_numbers_that_the_cache_cannot_keep_are_refused(tmp_path, dataset):
    with pytest.raises(ValueError, match=r"mean@0 answers numbers beyond 65504"):
        cached_features(Mean(scale=1e6), dataset, cache=tmp_path, progress=False)


def test_a_dataset_of_nothing_has_no_rows(tmp_path):
    empty = SimpleNamespace(name="none", split="test", data_hash="0", whole=True, images=[])
    assert cached_features(Mean(), empty, cache=tmp_path, progress=False).shape == (0, 3)


def test_the_bar_shows_on_request(tmp_path, dataset, capsys):
    cached_features(Mean(), dataset, cache=tmp_path)
    assert "features of made train" in capsys.readouterr().err
