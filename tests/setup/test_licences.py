"""The page of licences: every pin and every set of weights, with what the packages say."""

import re
import sys
from pathlib import Path

import pytest

from cil_nodes.encoders.catalogue import CATALOGUE
from cil_nodes.environment import licences
from cil_nodes.environment.errors import SetupError

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
RENEW = "Run `./cil python -m cil_nodes.environment.licences` and read what changed."


@pytest.mark.parametrize("file", licences.FILES)
def test_every_pin_stands_on_the_page_with_its_versions(file):
    for name, versions in licences.pinned(ROOT, file).items():
        row = f"| {name} | {', '.join(versions)} | "
        assert row in PAGE, f"docs/licences.md lacks {row!r}. {RENEW}"


def test_all_weights_stand_on_the_page():
    for spec in CATALOGUE.values():
        assert f"| {spec.name} | {spec.distribution} | {spec.licence} |" in PAGE, RENEW


@pytest.mark.skipif(sys.version_info < (3, 11), reason="other versions are pinned for it")
def test_the_page_says_what_the_installed_packages_say():
    try:
        page = licences.page(ROOT)
    except SetupError as error:
        pytest.skip(f"not the environment of ./cil: {error.problem}")
    assert page == PAGE, RENEW


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("The MIT License (MIT)\n\nCopyright ...", "MIT"),
        ("Mozilla Public License 2.0 (MPL 2.0)", "MPL-2.0"),
        ("MPL-2.0 AND MIT", "MPL-2.0 AND MIT"),
        ("zlib License", "Zlib"),
        ("Nobody's own words", "Nobody's own words"),
    ],
)
def test_licences_get_their_usual_names(text, short):
    assert licences.shorten(text) == short


def test_copyleft_is_recognised():
    texts = {"LGPL-2.1": True, "MPL-2.0 AND MIT": True, "GNU General Public License": True}
    texts |= {"MIT": False, "Apache-2.0": False, "BSD": False}
    for text, expected in texts.items():
        assert licences.Package("x", ("1",), text).is_copyleft is expected, text


def test_nothing_copyleft_goes_unnamed():
    """The list of copyleft things is short enough to be known; a new one is to be thought about."""
    section = PAGE.split("## Copyleft")[1].split("## ")[0]
    named = re.findall(r"^\| ([\w-]+) \|", section, re.MULTILINE)
    assert set(named) - {"---"} == {
        *("docutils", "hypothesis", "pathspec", "pytest-repeat", "pytest-rerunfailures", "tqdm"),
        *("libavcodec", "libavformat", "libavutil", "libswresample", "libswscale"),
        *("libgfortran", "libgomp", "libquadmath", "liblttng", "liburcu"),
    }


def test_a_package_that_says_nothing_is_named(monkeypatch):
    monkeypatch.setattr(licences, "STATED", {})
    with pytest.raises(SetupError, match="coloredlogs-that-is-not-there"):
        licences.licence_of("coloredlogs-that-is-not-there")
