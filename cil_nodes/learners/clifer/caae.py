"""The conditional adversarial auto-encoder over pictures of faces (CLIFER, section IV-A), in torch.

After ExprGAN (Ding, Sricharan and Chellappa, AAAI 2018), with the paper's adaptations.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from cil_nodes.learners.clifer.scaling import LATENT

KERNEL = 5
ENCODER = (64, 128, 256, 512)
GENERATORS = {"paper": (1024, 512, 256, 128, 64, 32), "code": (256, 128, 64, 32)}
JUDGE = (16, 32, 64, 128)
HEAD = (64, 32, 16)
_DENSE = 1024


@dataclass(frozen=True)
class Shape:
    """Sizes of the networks.

    Attributes
    ----------
    classes : int
        Expressions, l; the set is fixed beforehand.
    size : int
        Edge of a picture in pixels, a multiple of 16; the paper has 96.
    width : float
        Factor on the numbers of filters; the paper has 1.
    generator : {"paper", "code"}
        Six transposed convolutions as printed, or four as published.
    """

    classes: int = 6
    size: int = 48
    width: float = 0.5
    generator: str = "code"

    def __post_init__(self) -> None:
        if self.size % 16 or self.size < 16:
            raise ValueError(f"The size of faces must be a multiple of 16; got {self.size}.")
        if self.generator not in GENERATORS:
            known = ", ".join(map(repr, GENERATORS))
            raise ValueError(f"generator must be one of {known}; got {self.generator!r}.")

    def filters(self, widths: tuple[int, ...]) -> list[int]:
        """Return numbers of filters, at least 4."""
        return [max(4, round(w * self.width)) for w in widths]

    @property
    def repeat(self) -> int:
        """How often a label is tiled to weigh as much as z (the paper's footnote 1)."""
        return max(1, LATENT // self.classes)


def signs(labels: torch.Tensor, classes: int) -> torch.Tensor:
    """Return one-hot labels (n, l) in which -1 stands for 0."""
    return 2.0 * functional.one_hot(labels, classes).float() - 1.0


class Encoder(nn.Module):
    """E: a picture (n, 3, s, s) in [-1, 1] to z (n, 50) in [-1, 1]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        widths = [3, *shape.filters(ENCODER)]
        self.layers = nn.ModuleList(nn.Conv2d(a, b, KERNEL, 2, 2) for a, b in pairwise(widths))
        flat, dense = widths[-1] * (shape.size // 16) ** 2, shape.filters((_DENSE,))[0]
        self.dense = nn.Linear(flat, dense)
        self.out = nn.Linear(dense, LATENT)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return z."""
        for layer in self.layers:
            x = functional.relu(layer(x))
        return torch.tanh(self.out(functional.relu(self.dense(x.flatten(1)))))


class Generator(nn.Module):
    """G: z (n, 50) and a label (n,) to a picture (n, 3, s, s) in [-1, 1]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        widths = shape.filters(GENERATORS[shape.generator])
        first = shape.filters((512,))[0] if shape.generator == "code" else widths[0]
        self.start, self.edge = first, shape.size // 16
        self.dense = nn.Linear(LATENT + shape.classes * shape.repeat, first * self.edge**2)
        # Four steps double the edge; the printed form's first two keep it.
        strides = [1] * (len(widths) - 4) + [2] * 4
        self.layers = nn.ModuleList(
            nn.ConvTranspose2d(a, b, KERNEL, s, 2, output_padding=s - 1)
            for a, b, s in zip([first, *widths], widths, strides, strict=False)
        )
        self.out = nn.Conv2d(widths[-1], 3, KERNEL, 1, 2)

    def forward(self, z: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return pictures."""
        label = signs(labels, self.shape.classes).repeat(1, self.shape.repeat)
        x = functional.relu(self.dense(torch.cat([z, label], 1)))
        x = x.view(-1, self.start, self.edge, self.edge)
        for layer in self.layers:
            x = functional.relu(layer(x))
        return torch.tanh(self.out(x))


class PictureJudge(nn.Module):
    """D_img: logit of a picture (n, 3, s, s) being real, given its label, at three layers."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.classes = shape.classes
        widths = [3, *shape.filters(JUDGE)]
        self.layers = nn.ModuleList(
            nn.Conv2d(a + (shape.classes if i < 3 else 0), b, KERNEL, 2, 2)
            for i, (a, b) in enumerate(pairwise(widths))
        )
        self.out = nn.Linear(widths[-1] * (shape.size // 16) ** 2, 1)

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return logits (n, 1)."""
        label = signs(labels, self.classes)[:, :, None, None]
        for i, layer in enumerate(self.layers):
            if i < 3:
                x = torch.cat([x, label.expand(-1, -1, *x.shape[2:])], 1)
            x = functional.leaky_relu(layer(x), 0.2)
        return self.out(x.flatten(1))


def dense_head(outputs: int, normalised: bool) -> nn.Sequential:
    """Return 64-32-16 units over z: D_z (one output) or the classifier C (one a class).

    C has batch normalisation, as the perceptron of the published code: without it its narrow layers
    die within a few hundred steps. D_z has a slope below zero instead.
    """
    layers: list[nn.Module] = []
    for a, b in pairwise([LATENT, *HEAD]):
        layers.append(nn.Linear(a, b))
        layers += [nn.BatchNorm1d(b), nn.ReLU()] if normalised else [nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Linear(HEAD[-1], outputs))


class Caae(nn.Module):
    """All five networks.

    Parameters
    ----------
    shape : Shape
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.encoder, self.generator = Encoder(shape), Generator(shape)
        self.picture_judge, self.latent_judge = PictureJudge(shape), dense_head(1, False)
        self.classifier = dense_head(shape.classes, True)

    def draw(self, source: torch.Generator) -> Caae:
        """Draw all weights from one source, uniform as Glorot and Bengio (2010); biases 0."""
        with torch.no_grad():
            for name, weight in self.named_parameters():
                if weight.ndim == 1:
                    if name.endswith("bias"):
                        weight.zero_()
                    continue
                area = weight[0, 0].numel()
                bound = (6.0 / (area * (weight.shape[0] + weight.shape[1]))) ** 0.5
                weight.uniform_(-bound, bound, generator=source)
        return self

    def makers(self) -> list[nn.Parameter]:
        """Return the weights of E, G and C, which minimise."""
        return [
            *self.encoder.parameters(),
            *self.generator.parameters(),
            *self.classifier.parameters(),
        ]

    def judges(self) -> list[nn.Parameter]:
        """Return the weights of D_img and D_z, which maximise."""
        return [*self.picture_judge.parameters(), *self.latent_judge.parameters()]
