"""What a demo run may be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

STREAMS = ("sim", "grocery")


@dataclass(frozen=True)
class DemoOptions:
    """Options of `cil demo`.

    Attributes
    ----------
    stream : {"sim", "grocery"}
        The simulated turntable, or photographs streamed as a camera.
    data : Path or None
        Folder of data sets; None: the environment variable ``CIL_DATA``.
    seed : int
        Decides which objects are taught, in which order, and every view.
    folder : Path
        Where the run folder is written.
    method : str
        A learner that the registry knows.
    """

    stream: str = "sim"
    data: Path | None = None
    seed: int = 0
    folder: Path = Path("runs/demo-sim")
    method: str = "oracil"
