"""The wheelhouse: filled by pip, and the only source of a set-up that is told of it."""

import sys
import zipfile

import pytest

from cil_nodes.environment import interfaces, torch_build, wheelhouse
from cil_nodes.environment.checks import wheelhouse as named_wheelhouse
from cil_nodes.environment.errors import SetupError
from cil_nodes.environment.steps import LIBRARY_PINS, ROS_PINS, TEST_PINS, Maker


def write_wheel(folder, name, version="1"):
    """An empty package, made by hand."""
    folder.mkdir(exist_ok=True)
    notes = f"{name}-{version}.dist-info"
    told = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", "")
        wheel.writestr(f"{notes}/METADATA", told)
        wheel.writestr(f"{notes}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{notes}/RECORD", "")


@pytest.fixture
def source(clone, tmp_path, monkeypatch):
    """The clone with a few pins, a source that has their wheels, and interfaces in the cache."""
    for file, name in ((LIBRARY_PINS, "alpha"), (ROS_PINS, "beta"), (TEST_PINS, "gamma")):
        (clone / file).write_text(f"{name}==1\n")
        write_wheel(tmp_path / "index", name)
    pins = "# head\n--extra-index-url https://nowhere.invalid\nepsilon==1\ntorch==1+cpu\n"
    (clone / torch_build.PINS).write_text(pins)
    write_wheel(tmp_path / "index", "epsilon")
    write_wheel(tmp_path / "index", "torch", "1+cpu")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("CIL_CACHE", str(tmp_path / "cache"))
    built = tmp_path / "cache" / "interfaces" / interfaces.interface_key(clone)
    built.mkdir(parents=True)
    (built / "built").touch()
    return clone


def test_it_holds_every_pin_and_the_interfaces(source, tmp_path, monkeypatch):
    folder = wheelhouse.fill(source, tmp_path / "wheels")
    found = {wheel.name.split("-")[0] for wheel in folder.glob("*.whl")}
    assert found == {"alpha", "beta", "gamma", "epsilon", "torch"}
    monkeypatch.setenv("CIL_CACHE", str(tmp_path / "empty"))
    assert interfaces.built_interfaces(source) is None
    monkeypatch.setenv("CIL_WHEELHOUSE", str(folder))
    assert (interfaces.built_interfaces(source) / "built").exists()


def test_a_package_that_cannot_be_had_is_told_with_the_log(source, tmp_path):
    (source / TEST_PINS).write_text("delta==1\n")
    with pytest.raises(SetupError, match="collecting wheels") as caught:
        wheelhouse.fill(source, tmp_path / "wheels")
    assert "wheelhouse.log" in caught.value.remedy


def test_without_torch_it_is_filled_with_all_else(source, tmp_path, capsys):
    (tmp_path / "index" / "torch-1+cpu-py3-none-any.whl").unlink()
    folder = wheelhouse.fill(source, tmp_path / "wheels")
    said = capsys.readouterr().err
    assert "no torch" in said
    assert f"cil wheelhouse {folder}" in said
    assert (folder / "interfaces").is_dir()
    assert list(folder.glob("gamma-*.whl"))
    assert not list(folder.glob("torch-*"))


def test_interfaces_that_are_gone_from_the_cache(source, tmp_path, monkeypatch):
    monkeypatch.setenv("CIL_CACHE", str(tmp_path / "empty"))
    with pytest.raises(SetupError, match="built interfaces") as caught:
        wheelhouse.fill(source, tmp_path / "wheels")
    assert "run ./cil" in caught.value.remedy


def test_the_set_up_asks_nothing_else(source, tmp_path, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_FIND_LINKS", "elsewhere")
    (tmp_path / "wheels").mkdir()
    monkeypatch.setenv("CIL_WHEELHOUSE", str(tmp_path / "wheels"))
    maker = Maker(source, source / ".venv")
    maker.notes.mkdir(parents=True)
    show = "import os; print(os.environ['PIP_NO_INDEX'], os.environ['PIP_FIND_LINKS'])"
    assert maker._run("showing", [sys.executable, "-c", show]) == f"1 {tmp_path}/wheels\n"


def test_a_name_that_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CIL_WHEELHOUSE", str(tmp_path / "nothing"))
    with pytest.raises(SetupError, match="nothing is no folder"):
        named_wheelhouse()
