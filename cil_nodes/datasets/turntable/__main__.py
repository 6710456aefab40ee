"""Write a contact sheet: ``python -m cil_nodes.datasets.turntable sheet.jpg``."""

from __future__ import annotations

import argparse
from pathlib import Path

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
    picture = cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR)
    jpeg = chosen.path.lower().endswith((".jpg", ".jpeg"))
    try:
        cv2.imwrite(chosen.path, picture, [cv2.IMWRITE_JPEG_QUALITY, 80] if jpeg else [])
    except cv2.error:
        parser.error(f"cannot write {chosen.path}: use an ending such as .jpg or .png")
    if not Path(chosen.path).is_file():
        parser.error(f"cannot write {chosen.path}: does its folder exist?")
    print(f"Wrote {chosen.path}: {sheet.shape[1]} x {sheet.shape[0]} pixels.")


if __name__ == "__main__":
    main()
