"""The pins: what pyproject.toml asks for, on every Python, and nothing that must not come."""

import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cil_nodes.environment.lock import FILES, merge, reachable, wanted

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="reads TOML with tomllib")


def pins(python):
    """Name to version, of all files, as that Python reads them."""
    found = {}
    for file in (*FILES, "requirements-compiler.txt"):
        for line in (ROOT / file).read_text().splitlines():
            if line and not line.startswith("#"):
                requirement = Requirement(line)
                marker = requirement.marker
                if marker is None or marker.evaluate({"python_version": python}):
                    name = canonicalize_name(requirement.name)
                    assert name not in found, f"{name} is pinned twice for Python {python}"
                    found[name] = str(requirement.specifier)
    return found


@pytest.mark.parametrize("python", PYTHONS)
def test_everything_is_pinned_to_one_version(python):
    for name, specifier in pins(python).items():
        assert re.fullmatch(r"==[^*,]+", specifier), f"{name}{specifier} is not one version"


@pytest.mark.parametrize("python", PYTHONS)
def test_the_pins_are_what_the_project_asks_for(python):
    pinned = pins(python)
    for text in wanted(ROOT, [extra for _, extras in FILES.values() for extra in extras]):
        requirement = Requirement(text)
        version = pinned[canonicalize_name(requirement.name)].removeprefix("==")
        assert requirement.specifier.contains(version, prereleases=True), f"{text}: {version}"


@pytest.mark.parametrize("python", PYTHONS)
def test_no_gigabytes_for_a_gpu_that_is_not_there(python):
    heavy = [n for n in pins(python) if re.match(r"(nvidia|torch|triton|tensorflow|.*-gpu$)", n)]
    assert not heavy


def test_every_ros_package_asked_for_names_its_distribution():
    named = [n for n in wanted(ROOT, ["ros"]) if n.startswith(("ros-", "ament", "rclpy", "rmw"))]
    assert named
    assert all(n.startswith("ros-jazzy-") for n in named), named


def test_differing_versions_get_markers():
    lines = merge({"3.10": {"a": "1"}, "3.11": {"a": "2", "b": "1"}, "3.12": {"a": "2", "b": "1"}})
    assert lines == [
        'a==1 ; python_version == "3.10"',
        'a==2 ; python_version >= "3.11"',
        'b==1 ; python_version >= "3.11"',
    ]


def test_only_what_is_needed_is_followed():
    def entry(name, *needs):
        return {"metadata": {"name": name, "version": "1", "requires_dist": list(needs)}}

    entries = [
        entry("A", "b", 'c ; extra == "more"', 'd ; python_version < "3.11"'),
        *map(entry, "bcde"),
    ]
    assert reachable(entries, ["A"], "3.12") == {"a": "1", "b": "1"}
    assert reachable(entries, ["A[more]"], "3.10") == dict.fromkeys("abcd", "1")
