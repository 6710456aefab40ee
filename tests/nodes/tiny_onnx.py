"""An encoder of 300 bytes: its features are the mean red, green and blue of the picture."""

from __future__ import annotations

from pathlib import Path

import pytest

SIZE = 8


def write_mean_colour(path: Path) -> Path:
    """Write an ONNX file (n, 8, 8, 3) uint8 -> (n, 3) float32."""
    onnx = pytest.importorskip("onnx", reason="the package onnx is not installed")
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    helper, kind = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["picture"], ["numbers"], to=kind.FLOAT),
            helper.make_node("ReduceMean", ["numbers"], ["mean"], axes=[1, 2], keepdims=0),
        ],
        "mean_colour",
        [helper.make_tensor_value_info("picture", kind.UINT8, ["n", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("mean", kind.FLOAT, ["n", 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))
    return path
