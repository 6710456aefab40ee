"""Write a contact sheet: ``python -m cil_nodes.datasets.turntable sheet.jpg``."""

from __future__ import annotations

import argparse

import cv2

from .sheet import contact_sheet
from .turntable import SPLITS, Turntable


def main() -> None:
    """Read the arguments and write the picture."""
    parser = argparse.ArgumentParser(description="Write a picture of everything there is to show.")
    parser.add_argument("path", help="picture file to write; its ending chooses the format")
    parser.add_argument("--seed", type=int, default=0, help="which instances, and which views")
    parser.add_argument("--split", choices=SPLITS, default="teach", help="family of the backdrops")
    chosen = parser.parse_args()
    sheet = contact_sheet(Turntable(seed=chosen.seed), split=chosen.split, seed=chosen.seed)
    if not cv2.imwrite(chosen.path, cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR)):
        parser.error(f"cannot write {chosen.path}: use an ending such as .jpg or .png")
    print(f"Wrote {chosen.path}: {sheet.shape[1]} x {sheet.shape[0]} pixels.")


if __name__ == "__main__":
    main()
