"""The pins: what pyproject.toml asks for, on every Python, and nothing that must not come."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cil_nodes.environment import lock, torch_build
from cil_nodes.environment.lock import FILES, merge, reachable, wanted

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="reads TOML with tomllib")


def pins(python):
    """Name to version, of all files, as that Python reads them."""
    found = {}
    for file in (*FILES, "requirements-compiler.txt", torch_build.PINS):
        for line in (ROOT / file).read_text().splitlines():
            if line and not line.startswith(("#", "--")):
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
    for text in wanted(ROOT, ["torch", *(e for _, extras in FILES.values() for e in extras)]):
        requirement = Requirement(text)
        version = pinned[canonicalize_name(requirement.name)].removeprefix("==")
        assert requirement.specifier.contains(version, prereleases=True), f"{text}: {version}"


@pytest.mark.parametrize("python", PYTHONS)
def test_no_gigabytes_for_a_gpu_that_is_not_there(python):
    pinned = pins(python)
    assert pinned.pop("torch").endswith("+cpu")
    assert not [n for n in pinned if re.match(r"(nvidia|torch|triton|tensorflow|.*-gpu$)", n)]


@pytest.mark.parametrize("python", PYTHONS)
def test_what_torch_stands_on_is_pinned(python):
    try:
        needs = metadata.requires("torch") or []
    except metadata.PackageNotFoundError:
        pytest.skip("torch is not installed")
    pinned = pins(python)
    for need in map(Requirement, needs):
        values = {"python_version": python, "extra": "", "sys_platform": "linux"}
        if need.marker is None or need.marker.evaluate(values):
            version = pinned[canonicalize_name(need.name)].removeprefix("==")
            assert need.specifier.contains(version), f"{need}: {version}"


def test_every_method_that_trains_with_torch_is_named_where_torch_is_missing():
    learners = ROOT / "cil_nodes" / "learners"
    calling = {
        file.relative_to(learners).parts[0].removesuffix(".py")
        for file in learners.rglob("*.py")
        if "load_torch(" in file.read_text()
    }
    assert calling - {"networks"} <= set(torch_build.METHODS)


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


def torch_report(version):
    """What pip reports of a torch that stands on one package, which other files hold or not."""
    needs = ["lean", "numpy"]
    torch = {"metadata": {"name": "torch", "version": version, "requires_dist": needs}}
    return [torch, *({"metadata": {"name": n, "version": "1", "requires_dist": []}} for n in needs)]


def test_torch_is_pinned_with_its_index_and_what_no_other_file_holds(clone):
    lock.write_torch(clone, {"3.12": torch_report("9+cpu")}, {"3.12": {"numpy"}})
    lines = (clone / torch_build.PINS).read_text().splitlines()
    pinned = [line for line in lines if not line.startswith("#")]
    assert pinned == [" ".join(lock.TORCH_INDEX), "lean==1", "torch==9+cpu"]
    assert torch_build.dependencies(clone) == ["lean==1"]
    assert torch_build.wheel(clone)[-3:] == [*lock.TORCH_INDEX, "torch==9+cpu"]


def test_torch_stays_pinned_as_it_was_where_there_is_no_build_for_the_cpu(
    clone, monkeypatch, capsys
):
    before = (clone / torch_build.PINS).read_text()
    monkeypatch.setattr(lock, "resolve", lambda *_: torch_report("9"))
    lock.renew_torch(clone, {"3.12": "python3.12"}, {"3.12": set()}, keep=False)
    assert (clone / torch_build.PINS).read_text() == before
    assert "torch 9 for Python 3.12 is no CPU build" in capsys.readouterr().err

    def nothing(*_):
        raise subprocess.CalledProcessError(1, "pip")

    monkeypatch.setattr(lock, "resolve", nothing)
    lock.renew_torch(clone, {"3.12": "python3.12"}, {"3.12": set()}, keep=True)
    assert (clone / torch_build.PINS).read_text() == before
