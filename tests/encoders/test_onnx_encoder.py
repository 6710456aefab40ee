"""Any ONNX file as an encoder: what is read from it, and what is refused."""

import json
import logging
import re
import shutil

import numpy as np
import pytest
from onnx import TensorProto

from cil_nodes.encoders import (
    Encoder,
    ImageError,
    ModelFormatError,
    PreprocessingError,
    ProviderError,
    open_encoder,
)
from cil_nodes.encoders.providers import check_started, choose

NORMAL = {"mean": [127, 127, 127], "std": [128, 128, 128]}


def with_sidecar(path, **given):
    path.with_name(path.name + ".json").write_text(json.dumps(given))
    return path


@pytest.mark.parametrize("shape", [("n", 3, 8, 10), ("n", 8, 10, 3), (1, 3, 8, 10), (4, 8, 10, 3)])
@pytest.mark.parametrize("kind", [TensorProto.UINT8, TensorProto.FLOAT, TensorProto.FLOAT16])
def test_layout_type_and_batch_are_read_from_the_file(onnx_file, picture, shape, kind):
    encoder = open_encoder(with_sidecar(onnx_file(shape, kind), **NORMAL), batch=3)
    pictures = [picture(8, 10, seed) for seed in range(5)]
    expected = np.array([p.reshape(-1, 3).mean(0) for p in pictures])
    if kind != TensorProto.UINT8:
        expected = (expected - 127) / 128
    assert encoder.dimension == 3
    assert encoder.input_size == (8, 10)
    tolerance = 0.01 if kind == TensorProto.FLOAT16 else 1e-3
    np.testing.assert_allclose(encoder.encode(pictures), expected, atol=tolerance)


def test_the_id_tells_files_and_sidecars_apart_but_not_places(onnx_file, tmp_path):
    path = with_sidecar(onnx_file(), **NORMAL)
    first = open_encoder(path).encoder_id
    assert re.fullmatch(r"mean@[0-9a-f]{12}", first)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for file in (path, path.with_name(path.name + ".json")):
        shutil.copy(file, elsewhere)
    assert open_encoder(elsewhere / path.name).encoder_id == first
    with_sidecar(path, mean=[0, 0, 0], std=[255, 255, 255])
    assert open_encoder(path).encoder_id != first


def test_channels_are_swapped_for_a_network_that_takes_bgr(onnx_file):
    path = with_sidecar(onnx_file(kind=TensorProto.UINT8), color_order="bgr")
    red = np.zeros((8, 10, 3), np.uint8)
    red[..., 0] = 255
    assert open_encoder(path).encode([red])[0].tolist() == [0, 0, 255]


def test_a_file_that_takes_numbers_without_a_sidecar_gets_a_warning(onnx_file, caplog):
    with caplog.at_level(logging.WARNING):
        encoder = open_encoder(onnx_file())
    assert "ImageNet's mean and standard deviation are used" in caplog.text
    assert "mean.onnx.json" in caplog.text
    assert encoder.preprocessing.std == (58.395, 57.12, 57.375)


def test_an_open_size_is_asked_for_and_taken_from_the_sidecar(onnx_file):
    path = onnx_file(("n", 3, "h", "w"))
    with pytest.raises(ModelFormatError, match=r'leaves the size.*\{"size": \[224, 224\]\}'):
        open_encoder(path)
    assert open_encoder(with_sidecar(path, size=[6, 7], **NORMAL)).input_size == (6, 7)


def test_a_size_that_contradicts_the_file_is_refused(onnx_file):
    path = with_sidecar(onnx_file(), size=[9, 9])
    with pytest.raises(ModelFormatError, match=r"says size \(9, 9\).*takes \(8, 10\)"):
        open_encoder(path)


def test_several_outputs_need_a_name(onnx_file):
    path = with_sidecar(onnx_file(outputs=2), **NORMAL)
    with pytest.raises(ModelFormatError, match=r'found 2 outputs.*y0.*y1.*\{"output": "y1"\}'):
        open_encoder(path)
    assert open_encoder(with_sidecar(path, output="y0", **NORMAL)).dimension == 3
    with pytest.raises(ModelFormatError, match=r"found no output named 'z'"):
        open_encoder(with_sidecar(path, output="z"))


@pytest.mark.parametrize(
    ("shape", "kind", "words"),
    [
        (("n", 4, 8, 10), TensorProto.FLOAT, r"expected an input of shape \(n, 3, h, w\)"),
        (("n", 3, 8), TensorProto.FLOAT, r"has shape \['n', 3, 8\]"),
        (("n", 3, 8, 10), TensorProto.INT32, r"is a tensor\(int32\)"),
    ],
)
def test_an_input_that_is_no_picture_is_refused(onnx_file, shape, kind, words):
    with pytest.raises(ModelFormatError, match=words):
        open_encoder(onnx_file(shape, kind, pooled=False))


def test_maps_in_place_of_a_vector_are_refused(onnx_file):
    path = with_sidecar(onnx_file(pooled=False), **NORMAL)
    with pytest.raises(ModelFormatError, match=r"Export the network with global pooling"):
        open_encoder(path)


def test_a_file_that_is_no_model_is_refused(tmp_path):
    path = tmp_path / "text.onnx"
    path.write_text("not a model")
    with pytest.raises(ModelFormatError, match=r"text\.onnx is no model that runs here"):
        open_encoder(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", r"cannot be read as JSON"),
        ("[1]", r"expected an object with fields among size, fit.*found list"),
        ('{"men": [1, 2, 3]}', r"found \['men'\]"),
        ('{"std": [0, 1, 1]}', r"std above 0"),
        ('{"fit": "squash"}', r"fit is 'squash'; expected one of stretch, crop, pad"),
    ],
)
def test_a_wrong_sidecar_is_refused_by_field(onnx_file, text, words):
    path = onnx_file()
    path.with_name(path.name + ".json").write_text(text)
    with pytest.raises(PreprocessingError, match=words):
        open_encoder(path)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((4, 4), np.uint8), r"Image 1: expected shape \(height, width, 3\).*\(4, 4\)"),
        (np.zeros((4, 4, 3), np.float32), r"Image 1: expected.*uint8, got float32"),
        (np.zeros((0, 4, 3), np.uint8), r"\(0, 4, 3\)"),
        ("cat.jpg", r"got str"),
    ],
)
def test_what_is_no_picture_is_refused_by_position(onnx_file, picture, image, words):
    encoder = Encoder(with_sidecar(onnx_file(), **NORMAL))
    with pytest.raises(ImageError, match=words):
        encoder.encode([picture(5, 5), image])


def test_providers_fall_back_to_the_cpu():
    gpu = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    assert choose("auto", gpu) == gpu[1:]
    assert choose("auto", gpu[2:]) == gpu[2:]
    assert choose("tensorrt", gpu) == gpu
    assert choose(["cuda"], gpu) == gpu[1:]
    assert choose("CPUExecutionProvider", gpu) == gpu[2:]


def test_a_provider_that_does_not_start_is_an_error_only_when_named():
    wanted, started = choose("auto", ["CUDAExecutionProvider", "CPUExecutionProvider"]), ["CPU"]
    assert check_started(wanted, started, explicit=False) == "CPU"
    with pytest.raises(ProviderError, match=r"did not start; ONNX Runtime fell back to CPU"):
        check_started(wanted, started, explicit=True)
