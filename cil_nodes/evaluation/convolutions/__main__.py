"""``python -m cil_nodes.evaluation.convolutions``: train the convolutions on CIFAR-10."""

from __future__ import annotations

import argparse
from pathlib import Path

from cil_nodes.datasets import open_dataset
from cil_nodes.evaluation.convolutions.internal import WEIGHTS
from cil_nodes.learners.networks import load_torch


def main() -> None:
    """Read the options, and train."""
    parser = argparse.ArgumentParser(
        prog="python -m cil_nodes.evaluation.convolutions",
        description="Train the convolutions behind the internal features, on CIFAR-10.",
    )
    parser.add_argument("--epochs", type=int, default=30, help="passes over the pictures (30)")
    parser.add_argument("--seed", type=int, default=0, help="of all draws (0)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (auto)")
    parser.add_argument(
        "--folder", type=Path, default=WEIGHTS.parent, help="where weights and checkpoint go"
    )
    chosen = parser.parse_args()
    load_torch("repulsion_replay")
    from cil_nodes.evaluation.convolutions.pretraining import pretrain

    train, test = (open_dataset("cifar10", split) for split in ("train", "test"))
    pretrain(train, test, chosen.folder, chosen.epochs, chosen.seed, chosen.device)


if __name__ == "__main__":
    main()
