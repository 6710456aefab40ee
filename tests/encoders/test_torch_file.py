"""Checkpoints are read as descriptions of tensors, never run."""

import pickle
import struct

import numpy as np
import pytest

from cil_nodes.encoders import WeightsError, catalogue
from cil_nodes.encoders.lite import blocks, same_padding
from cil_nodes.encoders.torch_file import read_state_dict


def checkpoint(body, keys=("7",), values=((1.0, 2.0, 3.0, 4.0, 5.0, 6.0),)):
    """The bytes of a legacy checkpoint around the pickle of its object."""
    head = [pickle.dumps(v, 2) for v in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    tail = pickle.dumps(list(keys), 2)
    data = b"".join(struct.pack("<q", len(v)) + np.array(v, "<f4").tobytes() for v in values)
    return b"".join(head) + body + tail + data


def tensor(shape, strides, offset=0):
    """The instructions of one tensor named ``w`` in storage 7, as PyTorch writes them."""
    numbers = lambda values: b"(" + b"".join(b"K" + bytes([v]) for v in values) + b"t"  # noqa: E731
    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("7") + text("cpu")
    return (
        b"\x80\x02}" + text("w") + b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage + b"K\x06Nt" + b"Q" + b"K" + bytes([offset])
        + numbers(shape) + numbers(strides) + b"\x89}" + b"tRs."
    )  # fmt: skip


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def read(tmp_path, data):
    path = tmp_path / "w.pth"
    path.write_bytes(data)
    return read_state_dict(path)


def test_a_tensor_is_laid_over_its_storage(tmp_path):
    rows = read(tmp_path, checkpoint(tensor((2, 3), (3, 1))))["w"]
    assert rows.tolist() == [[1, 2, 3], [4, 5, 6]]
    columns = read(tmp_path, checkpoint(tensor((3, 2), (1, 3))))["w"]
    assert columns.tolist() == [[1, 4], [2, 5], [3, 6]]
    assert read(tmp_path, checkpoint(tensor((2,), (1,), offset=4)))["w"].tolist() == [5, 6]


def test_a_tensor_beyond_its_storage_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="reaches beyond its storage"):
        read(tmp_path, checkpoint(tensor((7,), (1,))))
    with pytest.raises(WeightsError, match="reaches beyond its storage"):
        read(tmp_path, checkpoint(tensor((2,), (1,), offset=5)))


@pytest.mark.parametrize(
    "body",
    [
        b"\x80\x02cos\nmkdir\n" + text("{}") + b"\x85R.",
        b"\x80\x02cposix\nmkdir\nX\x01\x00\x00\x00a\x85R.",
        b"cos\nmkdir\n(S'{}'\ntR.",
        b"\x80\x02(S'{}'\nios\nmkdir\n.",
    ],
)
def test_a_file_that_wants_to_run_something_is_refused_and_does_not(tmp_path, body):
    made = tmp_path / "made"
    data = checkpoint(body.replace(text("{}"), text(str(made))).replace(b"{}", bytes(made)))
    with pytest.raises(WeightsError, match=r"wants to call|is not allowed"):
        read(tmp_path, data)
    assert not made.exists()


@pytest.mark.parametrize("cut", [3, 40, 200, -1])
def test_a_cut_file_is_refused_with_the_remedy(tmp_path, cut):
    whole = checkpoint(tensor((2, 3), (3, 1)))
    with pytest.raises(WeightsError, match=r"w\.pth cannot be read.*Install its package again"):
        read(tmp_path, whole[:cut])


def test_the_published_weights_fit_the_architecture():
    spec = catalogue.CATALOGUE["efficientnet_lite0"]
    weights = read_state_dict(catalogue.locate_weights(spec))
    for index, block in enumerate(blocks(spec.width, spec.depth)):
        width = block.channels_in * block.expansion
        depthwise = weights[f"_blocks.{index}._depthwise_conv.weight"]
        projection = weights[f"_blocks.{index}._project_conv.weight"]
        assert depthwise.shape == (width, 1, block.kernel, block.kernel)
        assert projection.shape == (block.channels_out, width, 1, 1)
    assert f"_blocks.{index + 1}._project_conv.weight" not in weights
    assert weights["_conv_head.weight"].shape == (1280, 320, 1, 1)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [
        (224, 3, 2, (0, 1)),
        (7, 3, 1, (1, 1)),
        (112, 5, 2, (1, 2)),
        (15, 5, 2, (2, 2)),
        (9, 1, 1, (0, 0)),
    ],
)
def test_padding_is_that_of_tensorflow(size, kernel, stride, expected):
    assert same_padding(size, kernel, stride) == expected
    assert (size + sum(expected) - kernel) // stride + 1 == -(-size // stride)
