"""Training of the CAAE beforehand, on other people than it will imagine (CLIFER, Eq. 1 to 6).

As printed, Eq. 6 has D_z and C on the wrong sides. Here E, G and C minimise, D_img and D_z
maximise, and C's term on generated pictures reaches G.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch.nn import functional

from cil_nodes.learners.clifer.caae import Caae, Shape
from cil_nodes.learners.clifer.perceptual import Perception
from cil_nodes.learners.networks import running

RECONSTRUCTION, IDENTITY, PRIOR, REAL, CLASS, SMOOTH = 1.0, 0.33, 0.01, 0.01, 0.1, 8.5e-5
"""lambda_1 to lambda_6."""

BATCH = 49
RATE, MOMENTA = 2e-4, (0.5, 0.999)
_NEGLIGIBLE = 1e-4

Report = Callable[[int, dict[str, float]], None]
"""``report(epoch, losses)``: called after every epoch; may raise to stop."""


@dataclass(frozen=True)
class Plan:
    """How the CAAE is trained.

    Attributes
    ----------
    shape : Shape
    epochs : int
        Rounds over the pictures.
    margin : int
        Pixels by which pictures are larger than ``shape.size``: each is cut at a random place and
        mirrored at random. 0 takes them as they are, as the paper does.
    rate : float
        Adam's learning rate; the paper has 2e-4. Networks with fewer filters take larger steps.
    identity : bool
        Whether the identity loss is used; it needs a `Perception`.
    seed : int
    device : {"auto", "cpu", "cuda"}
    threads : int
    """

    shape: Shape = field(default_factory=Shape)
    epochs: int = 100
    margin: int = 6
    rate: float = RATE
    identity: bool = True
    seed: int = 0
    device: str = "auto"
    threads: int = 2

    def key(self, data: str) -> str:
        """Return a name for weights that this plan makes of pictures with the hash ``data``.

        Where they are trained, and for how long, is no part of it: a longer plan goes on.
        """
        plain = {**asdict(self), "data": data}
        for name in ("device", "threads", "epochs"):
            plain.pop(name)
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Losses:
    """One batch's terms of Eq. 6, before they are weighted."""

    reconstruction: torch.Tensor
    identity: torch.Tensor
    prior: torch.Tensor
    real: torch.Tensor
    label: torch.Tensor
    smooth: torch.Tensor

    def total(self) -> torch.Tensor:
        """Return what E, G and C minimise."""
        return (
            RECONSTRUCTION * self.reconstruction
            + IDENTITY * self.identity
            + PRIOR * self.prior
            + REAL * self.real
            + CLASS * self.label
            + SMOOTH * self.smooth
        )


class Trainer:
    """Trains a CAAE, epoch by epoch; what it did is kept in a file, from which it goes on.

    Parameters
    ----------
    pictures : (n, s + margin, s + margin, 3) uint8 array
    labels : (n,) int array
        In [0, classes).
    plan : Plan
    perception : Perception or None
        For the identity loss.
    """

    def __init__(
        self,
        pictures: np.ndarray,
        labels: np.ndarray,
        plan: Plan,
        perception: Perception | None = None,
    ) -> None:
        if plan.identity and perception is None:
            raise ValueError("The plan has an identity loss: give a perception, or identity=False.")
        self.plan, self.perception = plan, perception
        self.device = running.device_of(plan.device)
        self.x = scaled(pictures, self.device)
        self.y = torch.from_numpy(np.asarray(labels, np.int64)).to(self.device)
        self.epoch = 0
        first = running.generator(np.random.SeedSequence([plan.seed, 0]), self.device)
        self.caae = Caae(plan.shape).to(self.device).draw(first)
        for weight in self.caae.parameters():
            if weight.ndim == 4:  # a fifth faster on a CPU
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        self.maker = torch.optim.Adam(self.caae.makers(), plan.rate, MOMENTA)
        self.judge = torch.optim.Adam(self.caae.judges(), plan.rate, MOMENTA)

    def train(self, path: Path | None = None, report: Report | None = None) -> Caae:
        """Train up to the plan's epochs; ``path`` is read at first, then kept up to date."""
        if path is not None and path.is_file():
            self.resume(path)
        with running.threads(self.plan.threads):
            while self.epoch < self.plan.epochs:
                losses = self._round()
                self.epoch += 1
                if path is not None:
                    self.keep(path)
                if report is not None:
                    report(self.epoch, losses)
        return self.caae

    def _round(self) -> dict[str, float]:
        """Go once over all pictures; the draws depend on seed and epoch alone."""
        seed = np.random.SeedSequence([self.plan.seed, self.epoch + 1])
        draw = running.generator(seed, self.device)
        order = torch.randperm(len(self.x), generator=draw, device=self.device)
        sums: dict[str, float] = {}
        batches = order.split(BATCH)
        for batch in batches:
            losses = self._step(self._cut(self.x[batch], draw), self.y[batch], draw)
            for name, value in vars(losses).items():
                sums[name] = sums.get(name, 0.0) + float(value.detach()) / len(batches)
        return sums

    def _cut(self, x: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
        """Cut a batch at one random place, and mirror it or not."""
        margin, size = self.plan.margin, self.plan.shape.size
        if not margin:
            return x
        top, left, flip = torch.randint(
            0, 2 * margin + 2, (3,), generator=draw, device=self.device
        ).tolist()
        top, left = top % (margin + 1), left % (margin + 1)
        x = x[:, :, top : top + size, left : left + size]
        return x.flip(3) if flip % 2 else x

    def _step(self, x: torch.Tensor, y: torch.Tensor, draw: torch.Generator) -> Losses:
        """Let the discriminators take a step, then encoder, generator and classifier."""
        other = torch.randint(
            0, self.plan.shape.classes, y.shape, generator=draw, device=self.device
        )
        net = self.caae
        z = net.encoder(x)
        made = net.generator(z, other)
        self.judge.zero_grad()
        self._judged(x, y, z.detach(), made.detach(), other, draw).backward()
        self.judge.step()
        self.maker.zero_grad()
        losses = self._made(x, y, z, made, other)
        losses.total().backward()
        self.maker.step()
        return losses

    def _judged(
        self,
        x: torch.Tensor,
        y: torch.Tensor,
        z: torch.Tensor,
        made: torch.Tensor,
        other: torch.Tensor,
        draw: torch.Generator,
    ) -> torch.Tensor:
        """Return what D_img and D_z minimise: minus Eq. 3 and 4."""
        net = self.caae
        prior = 2 * torch.rand(z.shape, generator=draw, device=self.device) - 1
        return (
            _says(net.latent_judge(prior), 1.0)
            + _says(net.latent_judge(z), 0.0)
            + _says(net.picture_judge(x, y), 1.0)
            + _says(net.picture_judge(made, other), 0.0)
        )

    def _made(
        self,
        x: torch.Tensor,
        y: torch.Tensor,
        z: torch.Tensor,
        made: torch.Tensor,
        other: torch.Tensor,
    ) -> Losses:
        """Return the terms of Eq. 6: reconstruction as it was, generation with another label."""
        net = self.caae
        again = net.generator(z, y)
        same = self.perception.difference(again, x) if self.perception else x.new_zeros(())
        return Losses(
            (again - x).abs().mean(),
            same,
            _says(net.latent_judge(z), 1.0),
            _says(net.picture_judge(made, other), 1.0),
            functional.cross_entropy(net.classifier(z), y) + self._imagined(made, other),
            variation(made),
        )

    def _imagined(self, made: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Return Eq. 5's second term; nothing where exp(-epoch) has made it nothing."""
        weight = math.exp(-self.epoch)
        if weight < _NEGLIGIBLE:
            return made.new_zeros(())
        seen = self.caae.classifier(self.caae.encoder(made))
        return weight * functional.cross_entropy(seen, other)

    # ---- files -------------------------------------------------------------------------------

    def keep(self, path: Path) -> None:
        """Write weights and what Adam remembers; the old file stays whole until then."""
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {f"net.{k}": v for k, v in running.arrays(self.caae.state_dict()).items()}
        for name, optimizer in (("maker", self.maker), ("judge", self.judge)):
            for i, state in optimizer.state_dict()["state"].items():
                arrays |= {f"{name}.{i}.{k}": v.cpu().numpy().copy() for k, v in state.items()}
        part = path.with_suffix(".part")
        save_file(arrays, part, {"epoch": str(self.epoch), "shape": json.dumps(_plain(self.plan))})
        part.replace(path)

    def resume(self, path: Path) -> None:
        """Go on from a file that `keep` wrote."""
        arrays = load_file(path)
        self.epoch = int(metadata(path)["epoch"])
        load_weights(self.caae, arrays)
        for name, optimizer in (("maker", self.maker), ("judge", self.judge)):
            count = len(optimizer.param_groups[0]["params"])
            keys = ("step", "exp_avg", "exp_avg_sq")
            state = {
                i: {k: torch.from_numpy(arrays[f"{name}.{i}.{k}"]) for k in keys}
                for i in range(count)
                if f"{name}.{i}.step" in arrays
            }
            whole = optimizer.state_dict()
            optimizer.load_state_dict({**whole, "state": state})


def _plain(plan: Plan) -> dict[str, object]:
    return asdict(plan.shape)


def metadata(path: Path) -> dict[str, str]:
    """Return what a file of weights says of itself."""
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        return dict(file.metadata())


def load_weights(caae: Caae, arrays: dict[str, np.ndarray]) -> Caae:
    """Set the weights of a CAAE from the arrays of its file."""
    start = "net."
    named = {k[len(start) :]: v for k, v in arrays.items() if k.startswith(start)}
    device = next(caae.parameters()).device
    caae.load_state_dict(running.tensors(named, device))
    return caae


def load_caae(path: Path, device: str = "auto") -> tuple[Caae, int]:
    """Return a CAAE from its file, and the epochs it was trained."""
    about = metadata(path)
    caae = Caae(Shape(**json.loads(about["shape"]))).to(running.device_of(device))
    return load_weights(caae, load_file(path)).eval(), int(about["epoch"])


def scaled(pictures: np.ndarray, device: torch.device) -> torch.Tensor:
    """Return pictures (n, s, s, 3) uint8 as (n, 3, s, s) in [-1, 1]."""
    x = torch.from_numpy(np.ascontiguousarray(pictures)).to(device).float()
    return (x / 127.5 - 1.0).permute(0, 3, 1, 2)


def variation(x: torch.Tensor) -> torch.Tensor:
    """Return the total variation of pictures: absolute differences of neighbours, by picture."""
    down = (x[:, :, 1:] - x[:, :, :-1]).abs().sum()
    across = (x[:, :, :, 1:] - x[:, :, :, :-1]).abs().sum()
    return (down + across) / len(x)


def _says(logits: torch.Tensor, truth: float) -> torch.Tensor:
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, truth))
