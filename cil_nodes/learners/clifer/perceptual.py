"""What a frozen network sees in a picture: for the identity loss (CLIFER, Eq. 2), in torch.

The paper compares the first five convolution layers of VGG-Face, whose weights are not free to use.
Here they are the first stages of EfficientNet-Lite0, the encoder that the suite ships with.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from cil_nodes.encoders.lite import Block, blocks, same_padding

LAYERS = 5
_EPSILON = 1e-3


class Perception:
    """Maps of five depths: after the stem and after each of the first four blocks.

    Parameters
    ----------
    weights : mapping of str to array
        The published state dict of EfficientNet-Lite0.
    device : torch.device
    """

    def __init__(self, weights: Mapping[str, np.ndarray], device: torch.device) -> None:
        self._device = device
        self._blocks = list(islice(blocks(1.0, 1.0), LAYERS - 1))
        names = [("_conv_stem", "_bn0")]
        for i, block in enumerate(self._blocks):
            p = f"_blocks.{i}."
            names += [(f"{p}_expand_conv", f"{p}_bn0")] if block.expansion != 1 else []
            names += [(f"{p}_depthwise_conv", f"{p}_bn1"), (f"{p}_project_conv", f"{p}_bn2")]
        self._folded = {name: self._fold(weights, name, norm) for name, norm in names}

    def _fold(
        self, weights: Mapping[str, np.ndarray], name: str, norm: str
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return kernels and bias with the normalisation after them worked in."""
        parts: list[Any] = [
            weights[f"{norm}.{k}"] for k in ("weight", "bias", "running_mean", "running_var")
        ]
        gain = parts[0] / np.sqrt(parts[3] + _EPSILON)
        kernels = weights[f"{name}.weight"] * gain[:, None, None, None]
        made = (kernels.astype(np.float32), (parts[1] - parts[2] * gain).astype(np.float32))
        return torch.from_numpy(made[0]).to(self._device), torch.from_numpy(made[1]).to(
            self._device
        )

    def __call__(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the maps of pictures (n, 3, s, s) in [-1, 1]."""
        maps = [self._convolve(x, "_conv_stem", 3, 2)]
        for i, block in enumerate(self._blocks):
            maps.append(self._block(maps[-1], f"_blocks.{i}.", block))
        return maps

    def _block(self, x: torch.Tensor, p: str, block: Block) -> torch.Tensor:
        before, width = x, block.channels_in * block.expansion
        if block.expansion != 1:
            x = self._convolve(x, f"{p}_expand_conv", 1, 1)
        x = self._convolve(x, f"{p}_depthwise_conv", block.kernel, block.stride, width)
        x = self._convolve(x, f"{p}_project_conv", 1, 1, bounded=False)
        return x + before if block.shortcut else x

    def _convolve(
        self,
        x: torch.Tensor,
        name: str,
        kernel: int,
        stride: int,
        groups: int = 1,
        bounded: bool = True,
    ) -> torch.Tensor:
        before, after = same_padding(x.shape[-1], kernel, stride)
        weight, bias = self._folded[name]
        padded = functional.pad(x, (before, after, before, after))
        x = functional.conv2d(padded, weight, bias, stride, groups=groups)
        return functional.relu6(x) if bounded else x

    def difference(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """Return the L1 distance of two batches of pictures, mean over depths (Eq. 2).

        Each depth's is relative to what is seen in ``b``: their scales differ a hundredfold.
        """
        with torch.no_grad():
            seen = self(b)
        pairs = zip(self(a), seen, strict=True)
        return torch.stack(
            [(one - two).abs().mean() / two.abs().mean() for one, two in pairs]
        ).mean()
