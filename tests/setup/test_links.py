"""The thin ROS packages are links to the top-level folders; all of them must hold."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def links():
    for folder, names, files in os.walk(ROOT / "ros2_ws"):
        names[:] = [n for n in names if n not in ("build", "install", "log")]
        yield from (p for p in (Path(folder, n) for n in names + files) if p.is_symlink())


def test_links_are_relative_and_stay_inside_the_repository():
    found = list(links())
    assert found, "ros2_ws holds no links at all"
    for link in found:
        assert not os.path.isabs(os.readlink(link)), f"{link} is absolute"
        assert link.exists(), f"{link} leads nowhere"
        assert link.resolve().is_relative_to(ROOT), f"{link} leaves the repository"
