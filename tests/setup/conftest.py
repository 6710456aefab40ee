"""A clone in miniature, on which the script and the steps run without fetching anything."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PIN_FILES = (
    "requirements.txt",
    "requirements-ros.txt",
    "requirements-dev.txt",
    "requirements-torch.txt",
    "requirements-compiler.txt",
)


@pytest.fixture
def clone(tmp_path):
    """A folder, with a blank in its path, that has what decides how the environment is made."""
    root = tmp_path / "my clone"
    for name in ("cil", "pyproject.toml", *PIN_FILES):
        root.mkdir(exist_ok=True)
        shutil.copy2(ROOT / name, root / name)
    for kind, text in (
        ("msg", "float32 x\n"),
        ("srv", "---\nfloat32 x\n"),
        ("action", "---\n---\nbool x\n"),
    ):
        (root / kind).mkdir()
        (root / kind / f"Trial.{kind}").write_text(text)
    package = root / "ros2_ws" / "src" / "cil_msgs"
    package.mkdir(parents=True)
    for name in ("package.xml", "CMakeLists.txt"):
        shutil.copy2(ROOT / "ros2_ws" / "src" / "cil_msgs" / name, package / name)
    return root
