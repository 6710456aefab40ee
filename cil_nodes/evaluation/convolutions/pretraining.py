"""Trains the convolutions on CIFAR-10, resuming after the last finished epoch."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn
from torch.nn import functional

from cil_nodes.datasets.images import ImageDataset
from cil_nodes.evaluation.convolutions.network import classifier, convolutions, pixels
from cil_nodes.learners.networks.running import arrays, device_of, threads

BATCH = 256
RATE = 3e-3
DECAY = 1e-4
PADDING = 4
"""A picture is shifted by up to this many pixels each way, and mirrored half of the time."""


def pretrain(
    train: ImageDataset,
    test: ImageDataset,
    folder: Path,
    epochs: int,
    seed: int = 0,
    device: str = "auto",
    say: Callable[[str], None] = print,
) -> None:
    """Train, and write ``weights.safetensors`` and ``weights.json`` into ``folder``.

    A checkpoint after every epoch lies beside them until the end, so that an interrupted run
    goes on where it was.

    Parameters
    ----------
    train, test : ImageDataset
        Of 32 x 32 pictures; ``test`` only tells how well it went and decides nothing.
    folder : Path
    epochs : int
        Passes over the pictures; the learning rate rises and falls once over all of them.
    seed : int
        Of first weights, order, shifts and mirroring.
    device : str
        As `device_of` takes it.
    say : callable
        Told one line an epoch.
    """
    run = _Run(train, epochs, seed, device_of(device), folder / "checkpoint.pt")
    with threads(1):
        for epoch in range(run.resume(), epochs):
            began = time.perf_counter()
            loss = run.epoch(epoch)
            run.keep(epoch + 1)
            say(f"epoch {epoch + 1} of {epochs}: {loss:.4f}, {time.perf_counter() - began:.0f} s")
        accuracy = run.accuracy(test)
    say(f"accuracy on the test pictures of {test.name}: {100 * accuracy:.1f} %")
    _write(folder, run, train, epochs, seed, accuracy)
    run.checkpoint.unlink(missing_ok=True)


class _Run:
    """Network, optimiser and pictures of one training."""

    def __init__(
        self, data: ImageDataset, epochs: int, seed: int, device: torch.device, checkpoint: Path
    ) -> None:
        self.device, self.checkpoint, self.seed = device, checkpoint, seed
        self.pictures = np.stack([np.asarray(picture) for picture in data.images])
        self.classes = {label: i for i, label in enumerate(data.classes)}
        self.labels = torch.tensor([self.classes[label] for label in data.labels])
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.body = convolutions().to(device)
            self.head = classifier(len(self.classes)).to(device)
        self.weights = [*self.body.parameters(), *self.head.parameters()]
        self.optimiser = torch.optim.AdamW(self.weights, RATE, weight_decay=DECAY)
        self.epochs, self.done = epochs, 0
        self.history: list[list[int]] = []
        schedules = torch.optim.lr_scheduler
        self.plan: torch.optim.lr_scheduler.LRScheduler = schedules.OneCycleLR(
            self.optimiser, RATE, epochs * self.steps
        )

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return len(self.labels) // BATCH

    def epoch(self, number: int) -> float:
        """Go over the pictures once; returns the mean loss."""
        rng = np.random.default_rng([self.seed, number])
        order = rng.permutation(len(self.labels))
        total, steps = 0.0, self.steps
        self.body.train()
        for step in range(steps):
            rows = order[step * BATCH : (step + 1) * BATCH]
            seen = shifted(self.pictures[rows], rng)
            loss = functional.cross_entropy(
                self.head(self.body(pixels(seen).to(self.device))),
                self.labels[rows].to(self.device),
            )
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            self.plan.step()
            total += float(loss.detach())
        return total / steps

    def accuracy(self, data: ImageDataset) -> float:
        """Return the share of pictures named rightly."""
        pictures = np.stack([np.asarray(picture) for picture in data.images])
        truth = torch.tensor([self.classes[label] for label in data.labels])
        self.body.eval()
        with torch.no_grad():
            parts = [
                self.head(self.body(pixels(pictures[start : start + 1000]).to(self.device)))
                for start in range(0, len(pictures), 1000)
            ]
        return float((torch.cat(parts).argmax(1).cpu() == truth).float().mean())

    def _parts(self) -> dict[str, Any]:
        return {
            "body": self.body,
            "head": self.head,
            "optimiser": self.optimiser,
            "plan": self.plan,
        }

    def keep(self, done: int) -> None:
        """Write a checkpoint after so many epochs."""
        self.done = done
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        whole = {name: part.state_dict() for name, part in self._parts().items()}
        about = {"done": done, "epochs": self.epochs, "history": self.history, "seed": self.seed}
        beside = self.checkpoint.with_suffix(".part")
        torch.save({**about, **whole}, beside)
        beside.replace(self.checkpoint)

    def resume(self) -> int:
        """Return the epochs done by an earlier run with the same seed, having loaded them.

        Where that run was meant to be longer or shorter, the learning rate falls evenly to zero
        from where it was, over the epochs that are left.
        """
        if not self.checkpoint.is_file():
            return 0
        kept = torch.load(self.checkpoint, weights_only=True)
        if kept["seed"] != self.seed:
            return 0
        parts = self._parts()
        for name in ("body", "head", "optimiser"):
            parts[name].load_state_dict(kept[name])
        self.done, self.history = int(kept["done"]), kept["history"]
        other = kept["epochs"] != self.epochs
        if other:
            self.history = [*self.history, [int(kept["epochs"]), self.done]]
        if self.history:
            self.plan = self._falling()
        if not other:
            self.plan.load_state_dict(kept["plan"])
        return self.done

    def _falling(self) -> torch.optim.lr_scheduler.LRScheduler:
        """Return a schedule that falls from the present rate over the epochs left."""
        for group in self.optimiser.param_groups:
            group["initial_lr"] = group["lr"]
        left = max(1, (self.epochs - self.done) * self.steps)
        return torch.optim.lr_scheduler.LinearLR(self.optimiser, 1.0, 1e-3, left)


def shifted(pictures: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return pictures (n, h, w, 3), each shifted at random over a mirrored edge, half mirrored."""
    n, height, width, _ = pictures.shape
    margin = ((0, 0), (PADDING, PADDING), (PADDING, PADDING), (0, 0))
    padded = np.pad(pictures, margin, mode="reflect")
    down, across = rng.integers(0, 2 * PADDING + 1, (2, n))
    rows = down[:, None, None] + np.arange(height)[None, :, None]
    columns = across[:, None, None] + np.arange(width)[None, None, :]
    cut = padded[np.arange(n)[:, None, None], rows, columns]
    mirrored = rng.random(n) < 0.5
    cut[mirrored] = cut[mirrored, :, ::-1]
    return cut


def _write(
    folder: Path, run: _Run, train: ImageDataset, epochs: int, seed: int, accuracy: float
) -> None:
    """Write weights, and where they come from."""
    state = {k: v for k, v in run.body.state_dict().items() if not k.endswith("tracked")}
    save_file(arrays(state), folder / "weights.safetensors")
    provenance = {
        "trained_on": f"{train.name}, split {train.split}, {len(train.labels)} pictures",
        "data_hash": train.data_hash,
        "epochs": epochs,
        "batch": BATCH,
        "optimiser": f"AdamW, one cycle up to {RATE:g}, decay {DECAY:g}",
        "augmentation": f"shifts up to {PADDING} pixels, mirroring",
        "seed": seed,
        "accuracy_on_its_test_split": round(accuracy, 4),
        "command": f"python -m cil_nodes.evaluation.convolutions --epochs {epochs} --seed {seed}",
        "begun_as": [
            f"--epochs {planned}, interrupted after {done}" for planned, done in run.history
        ],
        "torch": torch.__version__,
    }
    (folder / "weights.json").write_text(json.dumps(provenance, indent=2) + "\n", encoding="utf-8")


def frozen(weights: dict[str, np.ndarray], device: torch.device) -> nn.Sequential:
    """Return trained convolutions, batch norm as it was at the end of training."""
    body = convolutions().to(device)
    body.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()}, strict=False)
    return body.eval()
