"""EfficientNet-Lite as an ONNX graph, made from its published weights without any framework.

The graph takes pictures as they are, uint8 RGB of shape (n, size, size, 3), and answers the
pooled features (n, 1280) in float32. The published preprocessing, (x - 127) / 128, is part of it:
it is not ImageNet's usual mean and deviation, and a mistake in it would show in no error message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cil_nodes.encoders.catalogue import ModelSpec
from cil_nodes.encoders.errors import MissingPackageError

_BATCH_NORM_EPSILON = 1e-3
_STEM, _HEAD = 32, 1280
_MEAN, _SCALE = 127.0, 1.0 / 128.0

# repeats, kernel, stride, expansion, channels: Table 1 of the EfficientNet paper, without
# squeeze-and-excitation, and with ReLU6, as the Lite variants have it.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


@dataclass(frozen=True)
class Block:
    """One inverted bottleneck: expand, filter each channel, project; with a shortcut or not."""

    kernel: int
    stride: int
    expansion: int
    channels_in: int
    channels_out: int

    @property
    def shortcut(self) -> bool:
        """Whether the block's input is added to its output."""
        return self.stride == 1 and self.channels_in == self.channels_out


def blocks(width: float, depth: float) -> Iterator[Block]:
    """Yield the blocks for a width and depth multiplier; stem and head are never scaled.

    The first and the last stage keep their number of repeats, as in the Lite variants.
    """
    channels_in = _STEM
    for index, (repeats, kernel, stride, expansion, channels) in enumerate(_STAGES):
        scaled = 0 < index < len(_STAGES) - 1
        channels_out = _round_channels(channels * width)
        for repeat in range(ceil(repeats * depth) if scaled else repeats):
            yield Block(kernel, stride if repeat == 0 else 1, expansion, channels_in, channels_out)
            channels_in = channels_out


def _round_channels(channels: float, divisor: int = 8) -> int:
    """Round to a multiple of `divisor`, but never down by more than a tenth."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * channels else rounded + divisor


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the zeros before and after that make the output ceil(size / stride) long.

    The odd one goes to the end, as TensorFlow's SAME padding does it.
    """
    total = max((ceil(size / stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def build(spec: ModelSpec, weights: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the ONNX file of an entry of the catalogue.

    Parameters
    ----------
    spec
        Says width, depth and input size.
    weights
        The published state dict: convolutions without bias, batch normalisations.

    Returns
    -------
    bytes
        A serialised ONNX model (opset 17): input ``images`` uint8 (n, size, size, 3), output
        ``features`` float32 (n, 1280).

    Raises
    ------
    MissingPackageError
        When the package ``onnx`` is not installed.
    """
    graph = _Graph(weights, spec.size)
    x = graph.normalised("images")
    x = graph.convolution(x, "_conv_stem", "_bn0", stride=2, scale=_SCALE)
    for index, block in enumerate(blocks(spec.width, spec.depth)):
        x = graph.block(x, f"_blocks.{index}.", block)
    x = graph.convolution(x, "_conv_head", "_bn1")
    x = graph.node("GlobalAveragePool", [x])
    graph.node("Flatten", [x], output="features", axis=1)
    return graph.serialise(spec)


class _Graph:
    """Collects nodes and weights; keeps the height of the map, for its padding."""

    def __init__(self, weights: Mapping[str, NDArray[Any]], size: int) -> None:
        try:
            import onnx
        except ImportError:
            raise MissingPackageError(
                "The ONNX graph of a catalogue encoder is made once, and that needs the package "
                "'onnx': pip install 'cil-nodes[encoders]'"
            ) from None
        self.onnx, self.weights, self.size = onnx, weights, size
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        output = output or f"{kind.lower()}_{len(self.nodes)}"
        helper = self.onnx.helper
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, values: NDArray[Any]) -> str:
        array = np.ascontiguousarray(values, np.float32)
        self.constants.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def normalised(self, images: str) -> str:
        """Bytes, picture by row, to zero-centred maps; the scale is left to the first weights."""
        x = self.node("Transpose", [images], perm=[0, 3, 1, 2])
        x = self.node("Cast", [x], to=self.onnx.TensorProto.FLOAT)
        self.constant("zero", np.zeros(()))
        self.constant("six", np.full((), 6.0))
        return self.node("Sub", [x, self.constant("mean", np.full((), _MEAN))])

    def convolution(
        self,
        x: str,
        name: str,
        norm: str,
        stride: int = 1,
        groups: int = 1,
        scale: float = 1.0,
        activate: bool = True,
    ) -> str:
        """Add a convolution with the batch normalisation after it folded in, and ReLU6."""
        kernels, bias = self.folded(name, norm)
        size = kernels.shape[-1]
        before, after = same_padding(self.size, size, stride)
        self.size = ceil(self.size / stride)
        inputs = [
            x,
            self.constant(f"{name}.weight", kernels * scale),
            self.constant(f"{name}.bias", bias),
        ]
        x = self.node(
            "Conv",
            inputs,
            kernel_shape=[size, size],
            strides=[stride, stride],
            pads=[before, before, after, after],
            group=groups,
        )
        return self.node("Clip", [x, "zero", "six"]) if activate else x

    def folded(self, name: str, norm: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return kernels and bias that do what convolution and normalisation did in turn."""
        kernels = self.weights[f"{name}.weight"].astype(np.float64)
        gamma, beta, mean, variance = (
            self.weights[f"{norm}.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        gain = gamma / np.sqrt(variance + _BATCH_NORM_EPSILON)
        return kernels * gain[:, None, None, None], beta - mean * gain

    def block(self, x: str, prefix: str, block: Block) -> str:
        shortcut = x
        width = block.channels_in * block.expansion
        if block.expansion != 1:
            x = self.convolution(x, f"{prefix}_expand_conv", f"{prefix}_bn0")
        x = self.convolution(
            x, f"{prefix}_depthwise_conv", f"{prefix}_bn1", stride=block.stride, groups=width
        )
        x = self.convolution(x, f"{prefix}_project_conv", f"{prefix}_bn2", activate=False)
        return self.node("Add", [x, shortcut]) if block.shortcut else x

    def serialise(self, spec: ModelSpec) -> bytes:
        helper, kinds = self.onnx.helper, self.onnx.TensorProto
        shape = ["n", spec.size, spec.size, 3]
        graph = helper.make_graph(
            self.nodes,
            spec.name,
            [helper.make_tensor_value_info("images", kinds.UINT8, shape)],
            [helper.make_tensor_value_info("features", kinds.FLOAT, ["n", _HEAD])],
            self.constants,
        )
        model = helper.make_model(
            graph,
            producer_name="cil_nodes",
            opset_imports=[helper.make_opsetid("", 17)],
            ir_version=8,  # the newest that ONNX Runtime 1.18 reads without a warning is 10
        )
        helper.set_model_props(
            model,
            {"weights_sha256": spec.sha256, "weights": spec.distribution, "licence": "Apache-2.0"},
        )
        self.onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))
