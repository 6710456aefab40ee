"""Pictures and small ONNX files to test encoders with."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from cil_nodes.encoders import open_encoder


@pytest.fixture(scope="session")
def lite0():
    """The default encoder, in the default cache: made there once, as for every user."""
    return open_encoder()


@pytest.fixture
def picture() -> Callable[..., np.ndarray]:
    def make(height: int, width: int, seed: int = 0) -> np.ndarray:
        return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)

    return make


@pytest.fixture
def onnx_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a network that averages each channel of its input, of any shape and type."""

    def make(
        shape: tuple = ("n", 3, 8, 10),
        kind: int = TensorProto.FLOAT,
        outputs: int = 1,
        pooled: bool = True,
        name: str = "mean.onnx",
    ) -> Path:
        axes = [2, 3] if shape[1] == 3 else [1, 2]
        nodes = [helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT)]
        constants = [numpy_helper.from_array(np.array(axes, np.int64), "axes")]
        for number in range(outputs):
            if pooled:
                node = helper.make_node("ReduceMean", ["f", "axes"], [f"y{number}"], keepdims=0)
            else:
                node = helper.make_node("Identity", ["f"], [f"y{number}"])
            nodes.append(node)
        answer = [shape[0], 3] if pooled else list(shape)
        graph = helper.make_graph(
            nodes,
            "mean",
            [helper.make_tensor_value_info("x", kind, list(shape))],
            [
                helper.make_tensor_value_info(f"y{i}", TensorProto.FLOAT, answer)
                for i in range(outputs)
            ],
            constants if pooled else [],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
        path = tmp_path / name
        onnx.save(model, path)
        return path

    return make
