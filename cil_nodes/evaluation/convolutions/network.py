"""Five convolutions from 32 x 32 x 3 to 1,024 features, and the classifier they are trained under.

Sizes as in brain-inspired replay: 16, 32, 64, 128, 256 channels of 3 x 3, batch norm after each,
halved in width by all but the first, no nonlinearity after the last: 256 x 2 x 2 features.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

CHANNELS = (16, 32, 64, 128, 256)
FEATURES = 1024
HIDDEN = 512
"""Units between features and classes while the convolutions are trained; dropped afterwards."""


def convolutions() -> nn.Sequential:
    """Return the convolutions: (n, 3, 32, 32) to (n, 1,024)."""
    layers: list[nn.Module] = []
    before = 3
    for number, channels in enumerate(CHANNELS):
        stride = 1 if number == 0 else 2
        layers += [nn.Conv2d(before, channels, 3, stride, 1, bias=False), nn.BatchNorm2d(channels)]
        if channels != CHANNELS[-1]:
            layers.append(nn.ReLU())
        before = channels
    return nn.Sequential(*layers, nn.Flatten())


def classifier(classes: int) -> nn.Sequential:
    """Return what stands on the features while the convolutions are trained."""
    return nn.Sequential(
        nn.ReLU(), nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, classes)
    )


def pixels(pictures: np.ndarray) -> torch.Tensor:
    """Return pictures (n, 32, 32, 3) of 0 to 255 as (n, 3, 32, 32), about -2 to 2."""
    scaled = torch.from_numpy(np.ascontiguousarray(pictures)).float().div_(63.75).sub_(2.0)
    return scaled.permute(0, 3, 1, 2)
